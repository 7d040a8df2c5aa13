// Package appdb keeps applications, their versions, operations and snapshots as rows. It decides nothing: what a row may
// become is the business of package app and of its callers. Every write is durable on return.
package appdb

import (
	"context"
	"crypto/rand"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"drey/app"
	"drey/store/sql"
)

// ErrNotFound is answered for what is not there.
var ErrNotFound = errors.New("appdb: not found")

// ErrExists is answered for what is there already.
var ErrExists = errors.New("appdb: exists")

var migrations = []string{
	`CREATE TABLE msf_applications (account TEXT, region TEXT, name TEXT, id TEXT NOT NULL UNIQUE, doc TEXT NOT NULL, PRIMARY KEY (account, region, name)) WITHOUT ROWID`,
	`CREATE TABLE msf_versions (app TEXT, id INTEGER, doc TEXT NOT NULL, PRIMARY KEY (app, id)) WITHOUT ROWID`,
	`CREATE TABLE msf_operations (app TEXT, seq INTEGER, id TEXT, doc TEXT NOT NULL, PRIMARY KEY (app, seq)) WITHOUT ROWID`,
	`CREATE UNIQUE INDEX msf_operations_id ON msf_operations (app, id)`,
	`CREATE TABLE msf_snapshots (app TEXT, name TEXT, seq INTEGER, doc TEXT NOT NULL, PRIMARY KEY (app, name)) WITHOUT ROWID`,
	`CREATE TABLE msf_tags (arn TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (arn, key)) WITHOUT ROWID`,
	`CREATE TABLE msf_enhanced (seq INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, app TEXT NOT NULL, source TEXT NOT NULL, origin TEXT NOT NULL, status TEXT NOT NULL, local INTEGER NOT NULL, doc TEXT NOT NULL)`,
	`CREATE UNIQUE INDEX msf_enhanced_name ON msf_enhanced (account, region, name)`,
	`CREATE INDEX msf_enhanced_app ON msf_enhanced (app)`,
	`CREATE TABLE msf_enhanced_operations (seq INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL UNIQUE, snapshot TEXT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL, started INTEGER NOT NULL, doc TEXT NOT NULL)`,
	`CREATE INDEX msf_enhanced_operations_name ON msf_enhanced_operations (account, region, name)`,
	`CREATE INDEX msf_enhanced_operations_status ON msf_enhanced_operations (status)`,
}

// DB holds the rows.
type DB struct{ sql *sql.DB }

// Open makes the tables if they are not there.
func Open(ctx context.Context, db *sql.DB) (*DB, error) {
	return &DB{db}, db.Migrate(ctx, "msf", migrations)
}

// Tx is one transaction. Helpers take it, so that a caller composes them.
type Tx struct {
	ctx context.Context
	tx  *stdsql.Tx
}

// Write runs fn in a write transaction.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	return db.sql.Write(ctx, func(tx *stdsql.Tx) error { return fn(&Tx{ctx, tx}) })
}

// Read runs fn on a snapshot.
func (db *DB) Read(ctx context.Context, fn func(*Tx) error) error {
	return db.sql.Read(ctx, func(tx *stdsql.Tx) error { return fn(&Tx{ctx, tx}) })
}

// Update loads an application, lets fn change it, and stores it.
func (db *DB) Update(ctx context.Context, key app.Key, fn func(*Tx, *app.Application) error) (*app.Application, error) {
	var a *app.Application
	err := db.Write(ctx, func(tx *Tx) (err error) {
		if a, err = tx.Application(key); err != nil {
			return err
		}
		if err := fn(tx, a); err != nil {
			return err
		}
		return tx.PutApplication(a)
	})
	return a, err
}

// Application loads one.
func (db *DB) Application(ctx context.Context, key app.Key) (a *app.Application, err error) {
	err = db.Read(ctx, func(tx *Tx) (err error) {
		a, err = tx.Application(key)
		return err
	})
	return a, err
}

func (tx *Tx) one(doc any, query string, args ...any) error {
	var raw string
	err := tx.tx.QueryRowContext(tx.ctx, query, args...).Scan(&raw)
	if errors.Is(err, stdsql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	return decode(raw, doc)
}

func all[T any](tx *Tx, query string, args ...any) ([]*T, error) {
	rows, err := tx.tx.QueryContext(tx.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []*T
	for rows.Next() {
		var raw string
		if err := rows.Scan(&raw); err != nil {
			return nil, err
		}
		item := new(T)
		if err := decode(raw, item); err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, rows.Err()
}

func (tx *Tx) exec(query string, args ...any) (int64, error) {
	res, err := tx.tx.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func decode(raw string, doc any) error { return json.Unmarshal([]byte(raw), doc) }

func encode(doc any) (string, error) {
	raw, err := json.Marshal(doc)
	return string(raw), err
}

// Application loads one.
func (tx *Tx) Application(k app.Key) (*app.Application, error) {
	var a app.Application
	err := tx.one(&a, `SELECT doc FROM msf_applications WHERE account = ? AND region = ? AND name = ?`, k.Account, k.Region, k.Name)
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// Applications lists up to limit of one account and region by name, after the given one.
func (tx *Tx) Applications(account, region, after string, limit int) ([]*app.Application, error) {
	return all[app.Application](tx, `SELECT doc FROM msf_applications WHERE account = ? AND region = ? AND name > ? ORDER BY name LIMIT ?`, account, region, after, limit)
}

// EveryApplication lists them all.
func (tx *Tx) EveryApplication() ([]*app.Application, error) {
	return all[app.Application](tx, `SELECT doc FROM msf_applications`)
}

// PutApplication stores an application; with it its current version and its operation in progress, which are rows of
// their own as well.
func (tx *Tx) PutApplication(a *app.Application) error {
	doc, err := encode(a)
	if err != nil {
		return err
	}
	if _, err := tx.exec(`INSERT INTO msf_applications VALUES (?, ?, ?, ?, ?) ON CONFLICT (account, region, name) DO UPDATE SET doc = excluded.doc`, a.Account, a.Region, a.Name, a.ID, doc); err != nil {
		return err
	}
	if a.Operation != nil {
		return tx.PutOperation(a.ID, a.Operation)
	}
	return nil
}

// PutVersion stores a version.
func (tx *Tx) PutVersion(appID string, v *app.Version) error {
	doc, err := encode(v)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO msf_versions VALUES (?, ?, ?) ON CONFLICT (app, id) DO UPDATE SET doc = excluded.doc`, appID, v.ID, doc)
	return err
}

// Version loads a version.
func (tx *Tx) Version(appID string, id int64) (*app.Version, error) {
	var v app.Version
	if err := tx.one(&v, `SELECT doc FROM msf_versions WHERE app = ? AND id = ?`, appID, id); err != nil {
		return nil, err
	}
	return &v, nil
}

// Versions lists versions, newest first, below the given number.
func (tx *Tx) Versions(appID string, below int64, limit int) ([]*app.Version, error) {
	return all[app.Version](tx, `SELECT doc FROM msf_versions WHERE app = ? AND id < ? ORDER BY id DESC LIMIT ?`, appID, below, limit)
}

// Codes gives the SHA-256 of the code of every version of every application.
func (tx *Tx) Codes() (map[string]bool, error) {
	rows, err := tx.tx.QueryContext(tx.ctx, `SELECT DISTINCT doc ->> '$.Configuration.Code.SHA256' FROM msf_versions WHERE doc ->> '$.Configuration.Code.SHA256' <> ''`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	codes := map[string]bool{}
	for rows.Next() {
		var sum string
		if err := rows.Scan(&sum); err != nil {
			return nil, err
		}
		codes[sum] = true
	}
	return codes, rows.Err()
}

// PutOperation stores an operation, a new one as the latest. What is older than operations live goes.
func (tx *Tx) PutOperation(appID string, op *app.Operation) error {
	doc, err := encode(op)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE msf_operations SET doc = ? WHERE app = ? AND id = ?`, doc, appID, op.ID)
	if err != nil || n > 0 {
		return err
	}
	if _, err := tx.exec(`DELETE FROM msf_operations WHERE app = ? AND doc ->> '$.Start' < ?`, appID, op.Start.Add(-app.OperationLife).UTC().Format(time.RFC3339)); err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO msf_operations SELECT ?, coalesce(max(seq), 0) + 1, ?, ? FROM msf_operations WHERE app = ?`, appID, op.ID, doc, appID)
	return err
}

// Operation loads an operation.
func (tx *Tx) Operation(appID, id string) (*app.Operation, error) {
	var op app.Operation
	if err := tx.one(&op, `SELECT doc FROM msf_operations WHERE app = ? AND id = ?`, appID, id); err != nil {
		return nil, err
	}
	return &op, nil
}

// Operations lists all operations, newest first.
func (tx *Tx) Operations(appID string) ([]*app.Operation, error) {
	return all[app.Operation](tx, `SELECT doc FROM msf_operations WHERE app = ? ORDER BY seq DESC`, appID)
}

// PutSnapshot stores a snapshot.
func (tx *Tx) PutSnapshot(appID string, s *app.Snapshot) error {
	doc, err := encode(s)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE msf_snapshots SET doc = ? WHERE app = ? AND name = ?`, doc, appID, s.Name)
	if err != nil || n > 0 {
		return err
	}
	_, err = tx.exec(`INSERT INTO msf_snapshots SELECT ?, ?, coalesce(max(seq), 0) + 1, ? FROM msf_snapshots WHERE app = ?`, appID, s.Name, doc, appID)
	return err
}

// Snapshot loads a snapshot.
func (tx *Tx) Snapshot(appID, name string) (*app.Snapshot, error) {
	var s app.Snapshot
	if err := tx.one(&s, `SELECT doc FROM msf_snapshots WHERE app = ? AND name = ?`, appID, name); err != nil {
		return nil, err
	}
	return &s, nil
}

// Snapshots lists snapshots, oldest first.
func (tx *Tx) Snapshots(appID string) ([]*app.Snapshot, error) {
	return all[app.Snapshot](tx, `SELECT doc FROM msf_snapshots WHERE app = ? ORDER BY seq`, appID)
}

// DeleteSnapshot removes the row.
func (tx *Tx) DeleteSnapshot(appID, name string) error {
	_, err := tx.exec(`DELETE FROM msf_snapshots WHERE app = ? AND name = ?`, appID, name)
	return err
}

// Erase removes an application with everything of it.
func (tx *Tx) Erase(a *app.Application) error {
	for _, table := range []string{"msf_versions", "msf_operations", "msf_snapshots"} {
		if _, err := tx.exec(fmt.Sprintf(`DELETE FROM %s WHERE app = ?`, table), a.ID); err != nil {
			return err
		}
	}
	if _, err := tx.exec(`DELETE FROM msf_tags WHERE arn = ?`, a.ARN); err != nil {
		return err
	}
	_, err := tx.exec(`DELETE FROM msf_applications WHERE account = ? AND region = ? AND name = ?`, a.Account, a.Region, a.Name)
	return err
}

const (
	idAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idLength   = 12
)

// NewID makes an id of the form that operations have on AWS: 12 letters and digits.
func NewID() string {
	b := make([]byte, idLength)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = idAlphabet[int(b[i])%len(idAlphabet)]
	}
	return string(b)
}

// NewToken makes a ConditionalToken.
func NewToken() string { return NewID() + NewID() }

// Tags gives the tags of a resource.
func (tx *Tx) Tags(arn string) (map[string]string, error) {
	rows, err := tx.tx.QueryContext(tx.ctx, `SELECT key, value FROM msf_tags WHERE arn = ?`, arn)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tags := map[string]string{}
	for rows.Next() {
		var k, v string
		if err := rows.Scan(&k, &v); err != nil {
			return nil, err
		}
		tags[k] = v
	}
	return tags, rows.Err()
}

// PutTag sets a tag.
func (tx *Tx) PutTag(arn, key, value string) error {
	_, err := tx.exec(`INSERT INTO msf_tags VALUES (?, ?, ?) ON CONFLICT (arn, key) DO UPDATE SET value = excluded.value`, arn, key, value)
	return err
}

// DeleteTag removes a tag.
func (tx *Tx) DeleteTag(arn, key string) error {
	_, err := tx.exec(`DELETE FROM msf_tags WHERE arn = ? AND key = ?`, arn, key)
	return err
}
