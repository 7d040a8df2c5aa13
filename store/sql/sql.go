// Package sql keeps the documents of all services in one relational store. A write that was acknowledged survives
// kill -9 and loss of power; a write that could not be made durable is an error. The package knows no service: each
// owns the tables that begin with its name.
package sql

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// DB is one SQLite database: a single writer and a pool of readers, which never wait for each other.
type DB struct {
	writer *sql.DB
	reader *sql.DB
}

// Open opens or makes the database file at path.
func Open(path string) (*DB, error) {
	writer, err := open(path, "immediate", 1)
	if err != nil {
		return nil, err
	}
	reader, err := open(path, "deferred", 4)
	if err != nil {
		return nil, err
	}
	return &DB{writer: writer, reader: reader}, nil
}

func open(path, txlock string, conns int) (*sql.DB, error) {
	q := url.Values{"_txlock": {txlock}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "cache_size(-4000)",
	}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(conns)
	if err := db.Ping(); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

// Close waits for running transactions and closes the files.
func (db *DB) Close() error {
	err := db.reader.Close()
	if werr := db.writer.Close(); werr != nil {
		return werr
	}
	return err
}

// Write runs fn in the one write transaction. When it returns nil the changes are durable; when fn returns an error
// nothing of it stays.
func (db *DB) Write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	return transact(ctx, db.writer, fn)
}

// Read runs fn on a consistent snapshot.
func (db *DB) Read(ctx context.Context, fn func(tx *sql.Tx) error) error {
	return transact(ctx, db.reader, fn)
}

func transact(ctx context.Context, db *sql.DB, fn func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Migrate brings the tables of owner up to date: statements is a list that only ever grows, and each of it is applied
// once.
func (db *DB) Migrate(ctx context.Context, owner string, statements []string) error {
	return db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migrations (owner TEXT PRIMARY KEY, applied INTEGER NOT NULL)`); err != nil {
			return fmt.Errorf("migrate %s: %w", owner, err)
		}
		applied := 0
		err := tx.QueryRowContext(ctx, `SELECT applied FROM migrations WHERE owner = ?`, owner).Scan(&applied)
		if err != nil && err != sql.ErrNoRows {
			return fmt.Errorf("migrate %s: %w", owner, err)
		}
		if applied > len(statements) {
			return fmt.Errorf("migrate %s: the data was written by a newer version (step %d, this version knows %d)", owner, applied, len(statements))
		}
		for i, s := range statements[applied:] {
			if _, err := tx.ExecContext(ctx, s); err != nil {
				return fmt.Errorf("migrate %s, step %d: %w", owner, applied+i+1, err)
			}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO migrations VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET applied = excluded.applied`, owner, len(statements))
		return err
	})
}
