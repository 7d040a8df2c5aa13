package iam

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Each kind of thing has a table of JSON documents with the account and a key unique in it.
var migrations = []string{
	`CREATE TABLE iam_users (account TEXT NOT NULL, key TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (account, key))`,
	`CREATE TABLE iam_roles (account TEXT NOT NULL, key TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (account, key))`,
	`CREATE TABLE iam_policies (account TEXT NOT NULL, key TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (account, key))`,
	`CREATE TABLE iam_keys (account TEXT NOT NULL, key TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (account, key))`,
	`CREATE UNIQUE INDEX iam_keys_key ON iam_keys (key)`,
	`CREATE TABLE iam_sessions (account TEXT NOT NULL, key TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (account, key))`,
	`CREATE UNIQUE INDEX iam_sessions_key ON iam_sessions (key)`,
	`CREATE TABLE iam_applications (account TEXT NOT NULL, key TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (account, key))`,
	`CREATE TABLE iam_accounts (account TEXT NOT NULL, key TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (account, key))`,
}

// table gives typed access to one of them.
type table[T any] struct{ name string }

var (
	users        = table[user]{"iam_users"}               // key: name in lower case
	roles        = table[role]{"iam_roles"}               // key: name in lower case
	policies     = table[managedPolicy]{"iam_policies"}   // key: name in lower case
	keys         = table[accessKey]{"iam_keys"}           // key: access key id
	sessions     = table[session]{"iam_sessions"}         // key: access key id
	applications = table[application]{"iam_applications"} // key: application ARN
	accounts     = table[rootKey]{"iam_accounts"}         // key: "root"
)

// get gives nil if there is no such document.
func (t table[T]) get(ctx context.Context, tx *sql.Tx, account, key string) (*T, error) {
	return t.one(tx.QueryRowContext(ctx, `SELECT doc FROM `+t.name+` WHERE account = ? AND key = ?`, account, key))
}

// find looks in all accounts, for tables whose keys are unique; nil if there is no such document.
func (t table[T]) find(ctx context.Context, tx *sql.Tx, key string) (*T, error) {
	return t.one(tx.QueryRowContext(ctx, `SELECT doc FROM `+t.name+` WHERE key = ?`, key))
}

func (t table[T]) one(row *sql.Row) (*T, error) {
	var doc string
	if err := row.Scan(&doc); errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.name, err)
	}
	return t.decode(doc)
}

func (t table[T]) decode(doc string) (*T, error) {
	v := new(T)
	if err := json.Unmarshal([]byte(doc), v); err != nil {
		return nil, fmt.Errorf("decode %s: %w", t.name, err)
	}
	return v, nil
}

// all lists an account in the order of keys.
func (t table[T]) all(ctx context.Context, tx *sql.Tx, account string) ([]*T, error) {
	rows, err := tx.QueryContext(ctx, `SELECT doc FROM `+t.name+` WHERE account = ? ORDER BY key`, account)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", t.name, err)
	}
	defer rows.Close()
	var list []*T
	for rows.Next() {
		var doc string
		if err := rows.Scan(&doc); err != nil {
			return nil, fmt.Errorf("list %s: %w", t.name, err)
		}
		v, err := t.decode(doc)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

func (t table[T]) put(ctx context.Context, tx *sql.Tx, account, key string, v *T) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", t.name, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO `+t.name+` VALUES (?, ?, ?) ON CONFLICT (account, key) DO UPDATE SET doc = excluded.doc`, account, key, string(doc))
	if err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	return nil
}

func (t table[T]) delete(ctx context.Context, tx *sql.Tx, account, key string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM `+t.name+` WHERE account = ? AND key = ?`, account, key); err != nil {
		return fmt.Errorf("delete from %s: %w", t.name, err)
	}
	return nil
}

// identity is what users and roles have in common.
type identity struct {
	Account  string
	Name     string
	Path     string
	ID       string
	ARN      string
	Created  time.Time
	Boundary string            `json:",omitempty"` // ARN of the permissions boundary
	Tags     map[string]string `json:",omitempty"`
	Inline   map[string]string `json:",omitempty"` // policy name to document
	Attached []string          `json:",omitempty"` // ARNs of managed policies, in the order of attachment
}

type user struct{ identity }

type role struct {
	identity
	Trust       string
	Description *string `json:",omitempty"`
	MaxSession  int32   // seconds
}

// managedPolicy is a customer managed policy.
type managedPolicy struct {
	Account     string
	Name        string
	Path        string
	ID          string
	ARN         string
	Description string `json:",omitempty"`
	Created     time.Time
	Updated     time.Time
	Default     string // version id
	Last        int    // number of the newest version ever made
	Versions    []policyVersion
	Tags        map[string]string `json:",omitempty"`
}

type policyVersion struct {
	ID       string // "v1"
	Document string
	Created  time.Time
}

// accessKey is a long-term key of a user, or of root.
type accessKey struct {
	ID      string
	Account string
	User    string `json:",omitempty"` // "" = root
	Secret  string // sealed
	Status  string
	Created time.Time
	Used    time.Time
	Service string `json:",omitempty"`
	Region  string `json:",omitempty"`
}

// session is a set of temporary credentials.
type session struct {
	ID             string // access key id
	Account        string
	Secret         string // sealed
	Token          string // sealed
	ARN            string
	UserID         string
	RoleARN        string            `json:",omitempty"` // "" = of a user or root (GetSessionToken)
	RoleID         string            `json:",omitempty"`
	Name           string            `json:",omitempty"`
	Policy         string            `json:",omitempty"`
	Tags           map[string]string `json:",omitempty"`
	Transitive     []string          `json:",omitempty"` // tags that roles assumed with this session inherit
	SourceIdentity string            `json:",omitempty"`
	Issued         int64             // Unix seconds
	Expires        int64             // Unix seconds
}

// application is an application's right to credentials of its execution role.
type application struct {
	Account string
	ARN     string
	RoleARN string
	Token   string // sealed
	Session string `json:",omitempty"` // access key id of the newest session
}

// rootKey remembers the access key of the root user.
type rootKey struct{ ID string }
