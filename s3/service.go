// Package s3 serves buckets and objects. Bytes lie in immutable files, which are written, synced and renamed before any
// row names them; keys, versions and parts are rows, so that listing is an index scan and a put is one transaction. It
// must never acknowledge a write that is not durable, and it knows no other service.
package s3

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	s3 "drey/model/s3"
	"drey/store/sql"
	"drey/wire"
)

// Config is what the service needs.
type Config struct {
	DB  *sql.DB
	Dir string // the files of objects lie below
	Log *slog.Logger
	Now func() time.Time
	// ValidatePolicy refuses a bucket policy that cannot be evaluated.
	ValidatePolicy func(doc string) error
}

// Service implements the API.
type Service struct {
	Config
	files files
	pins  pins

	// collecting keeps files from being removed between the reading of a row and the pinning of what it names.
	collecting sync.RWMutex
}

var migrations = []string{
	`CREATE TABLE s3_buckets (name TEXT PRIMARY KEY, account TEXT NOT NULL, doc TEXT NOT NULL) WITHOUT ROWID`,
	`CREATE TABLE s3_objects (bucket TEXT, key BLOB, seq INTEGER, version TEXT NOT NULL, latest INTEGER NOT NULL, marker INTEGER NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (bucket, key, seq)) WITHOUT ROWID`,
	`CREATE INDEX s3_latest ON s3_objects (bucket, key) WHERE latest = 1 AND marker = 0`,
	`CREATE TABLE s3_uploads (id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL, doc TEXT NOT NULL) WITHOUT ROWID`,
	`CREATE INDEX s3_uploads_by_key ON s3_uploads (bucket, key, id)`,
	`CREATE TABLE s3_parts (upload TEXT, number INTEGER, doc TEXT NOT NULL, PRIMARY KEY (upload, number)) WITHOUT ROWID`,
	`CREATE TABLE s3_garbage (file TEXT PRIMARY KEY) WITHOUT ROWID`,
}

// Open makes the tables and removes what an earlier server was about to remove.
func Open(ctx context.Context, c Config) (*Service, error) {
	s := &Service{Config: c, files: files{c.Dir}, pins: pins{files: map[string]int{}}}
	if err := s.files.prepare(); err != nil {
		return nil, err
	}
	if err := c.DB.Migrate(ctx, "s3", migrations); err != nil {
		return nil, err
	}
	if err := s.files.dropUnfinished(); err != nil {
		return nil, err
	}
	return s, s.collect(ctx)
}

// Errors of S3 (S3 API reference, "List of error codes").
var (
	noSuchBucket       = wire.ErrorCode{Code: "NoSuchBucket", Status: 404}
	noSuchKey          = wire.ErrorCode{Code: "NoSuchKey", Status: 404}
	noSuchVersion      = wire.ErrorCode{Code: "NoSuchVersion", Status: 404}
	noSuchUpload       = wire.ErrorCode{Code: "NoSuchUpload", Status: 404}
	methodNotAllowed   = wire.ErrorCode{Code: "MethodNotAllowed", Status: 405}
	preconditionFailed = wire.ErrorCode{Code: "PreconditionFailed", Status: 412}
	notModified        = wire.ErrorCode{Code: "NotModified", Status: 304}
	invalidRange       = wire.ErrorCode{Code: "InvalidRange", Status: 416}
	invalidArgument    = wire.ErrorCode{Code: "InvalidArgument", Status: 400}
	invalidRequest     = wire.ErrorCode{Code: "InvalidRequest", Status: 400}
	invalidBucketName  = wire.ErrorCode{Code: "InvalidBucketName", Status: 400}
	bucketNotEmpty     = wire.ErrorCode{Code: "BucketNotEmpty", Status: 409}
	bucketExists       = wire.ErrorCode{Code: "BucketAlreadyExists", Status: 409}
	bucketOwned        = wire.ErrorCode{Code: "BucketAlreadyOwnedByYou", Status: 409}
	illegalLocation    = wire.ErrorCode{Code: "IllegalLocationConstraintException", Status: 400}
	badDigest          = wire.ErrorCode{Code: "BadDigest", Status: 400}
	invalidPart        = wire.ErrorCode{Code: "InvalidPart", Status: 400}
	invalidPartOrder   = wire.ErrorCode{Code: "InvalidPartOrder", Status: 400}
	entityTooSmall     = wire.ErrorCode{Code: "EntityTooSmall", Status: 400}
	entityTooLarge     = wire.ErrorCode{Code: "EntityTooLarge", Status: 400}
	malformedPolicy    = wire.ErrorCode{Code: "MalformedPolicy", Status: 400}
	incompleteBody     = wire.ErrorCode{Code: "IncompleteBody", Status: 400}
	keyTooLong         = wire.ErrorCode{Code: "KeyTooLongError", Status: 400}
	notImplemented     = wire.ErrorCode{Code: "NotImplemented", Status: 501}
	malformedXML       = wire.ErrorCode{Code: "MalformedXML", Status: 400}
	invalidTag         = wire.ErrorCode{Code: "InvalidTag", Status: 400}
	slowDown           = wire.ErrorCode{Code: "SlowDown", Status: 503, Fault: true}
)

// pinned loads an object and keeps its files until release.
func (s *Service) pinned(ctx context.Context, bucket, key string, version *string) (o *object, release func(), err error) {
	s.collecting.RLock()
	defer s.collecting.RUnlock()
	err = s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		o, err = getObject(ctx, tx, bucket, key, version)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return o, s.pins.hold(o.fileNames()), nil
}

// bucket is a row.
type bucket struct {
	Name       string
	Account    string
	Region     string
	Created    time.Time
	Versioning s3.BucketVersioningStatus // "" = never enabled
	Policy     string
	Tags       []s3.Tag
	Block      *s3.PublicAccessBlockConfiguration
	Ownership  s3.ObjectOwnership
	KeyEnabled bool // BucketKeyEnabled of the default encryption, which is read back
}

func errNoBucket(name string) error {
	e := noSuchBucket.Errorf("The specified bucket does not exist")
	e.Fields = map[string]any{"BucketName": name}
	return e
}

func getBucket(ctx context.Context, tx *stdsql.Tx, name string) (*bucket, error) {
	var doc string
	err := tx.QueryRowContext(ctx, `SELECT doc FROM s3_buckets WHERE name = ?`, name).Scan(&doc)
	if errors.Is(err, stdsql.ErrNoRows) {
		return nil, errNoBucket(name)
	}
	if err != nil {
		return nil, err
	}
	b := new(bucket)
	return b, json.Unmarshal([]byte(doc), b)
}

func putBucket(ctx context.Context, tx *stdsql.Tx, b *bucket) error {
	doc, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO s3_buckets VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET doc = excluded.doc`, b.Name, b.Account, doc)
	return err
}

// bucket loads a bucket.
func (s *Service) bucket(ctx context.Context, name string) (b *bucket, err error) {
	err = s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		b, err = getBucket(ctx, tx, name)
		return err
	})
	return b, err
}

// change loads a bucket, lets fn change it, and stores it.
func (s *Service) change(ctx context.Context, name string, fn func(*bucket) error) error {
	return s.DB.Write(ctx, func(tx *stdsql.Tx) error {
		b, err := getBucket(ctx, tx, name)
		if err != nil {
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
		return putBucket(ctx, tx, b)
	})
}

// discard notes files that no row names any more, in the transaction that made them so.
func discard(ctx context.Context, tx *stdsql.Tx, names []string) error {
	for _, f := range names {
		if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO s3_garbage VALUES (?)`, f); err != nil {
			return err
		}
	}
	return nil
}

// collect removes the files that were noted as garbage. A file that is read or cannot be removed stays noted.
func (s *Service) collect(ctx context.Context) error {
	s.collecting.Lock()
	defer s.collecting.Unlock()
	var names []string
	err := s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT file FROM s3_garbage LIMIT 10000`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var f string
			if err := rows.Scan(&f); err != nil {
				return err
			}
			if !s.pins.held(f) {
				names = append(names, f)
			}
		}
		return rows.Err()
	})
	if err != nil || len(names) == 0 {
		return err
	}
	for _, f := range names {
		if err := s.files.remove(f); err != nil {
			return fmt.Errorf("remove the file of a deleted object: %w", err)
		}
	}
	return s.DB.Write(ctx, func(tx *stdsql.Tx) error {
		for _, f := range names {
			if _, err := tx.ExecContext(ctx, `DELETE FROM s3_garbage WHERE file = ?`, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// write runs a transaction that may leave garbage, and collects it.
func (s *Service) write(ctx context.Context, fn func(*stdsql.Tx) error) error {
	if err := s.DB.Write(ctx, fn); err != nil {
		return err
	}
	if err := s.collect(ctx); err != nil {
		s.Log.Warn("collect", "error", err)
	}
	return nil
}
