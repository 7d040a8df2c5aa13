package s3

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	s3 "drey/model/s3"
)

// object is one version of a key.
type object struct {
	Version  string // "null" before versioning
	Marker   bool   `json:",omitempty"` // a delete marker
	Size     int64
	ETag     string // without quotes
	Modified time.Time
	Parts    []part

	ContentType, CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, Expires, Redirect string `json:",omitempty"`

	Metadata  map[string]string `json:",omitempty"`
	Tags      []s3.Tag          `json:",omitempty"`
	Class     string            `json:",omitempty"`
	Algorithm string            `json:",omitempty"` // of the checksum
	Checksum  string            `json:",omitempty"`
	SumType   string            `json:",omitempty"`
	Multipart bool              `json:",omitempty"`

	seq    int64
	latest bool
	key    string
}

// part is a stretch of an object that lies in one file.
type part struct {
	File     string
	Size     int64
	Number   int32  `json:",omitempty"`
	ETag     string `json:",omitempty"`
	Checksum string `json:",omitempty"`
	Modified time.Time
}

func (o *object) fileNames() []string {
	var names []string
	for _, p := range o.Parts {
		names = append(names, p.File)
	}
	return names
}

const nullVersion = "null"

const objectColumns = `key, seq, latest, doc`

func scanObject(row interface{ Scan(...any) error }) (*object, error) {
	var key []byte
	var doc string
	o := new(object)
	if err := row.Scan(&key, &o.seq, &o.latest, &doc); err != nil {
		return nil, err
	}
	o.key = string(key)
	return o, json.Unmarshal([]byte(doc), o)
}

// findObject gives a version, or the latest one for nil. A missing one is nil.
func findObject(ctx context.Context, tx *stdsql.Tx, bucket, key string, version *string) (*object, error) {
	query, args := `SELECT `+objectColumns+` FROM s3_objects WHERE bucket = ? AND key = ? AND latest = 1`, []any{bucket, []byte(key)}
	if version != nil {
		query, args = `SELECT `+objectColumns+` FROM s3_objects WHERE bucket = ? AND key = ? AND version = ?`, append(args, *version)
	}
	o, err := scanObject(tx.QueryRowContext(ctx, query, args...))
	if errors.Is(err, stdsql.ErrNoRows) {
		return nil, nil
	}
	return o, err
}

// getObject is findObject with S3's answers for what is not there.
func getObject(ctx context.Context, tx *stdsql.Tx, bucket, key string, version *string) (*object, error) {
	if _, err := getBucket(ctx, tx, bucket); err != nil {
		return nil, err
	}
	o, err := findObject(ctx, tx, bucket, key, version)
	if err != nil {
		return nil, err
	}
	switch {
	case o == nil && version != nil:
		e := noSuchVersion.Errorf("The specified version does not exist.")
		e.Fields = map[string]any{"Key": key, "VersionId": *version}
		return nil, e
	case o == nil, o.Marker && version == nil:
		e := noSuchKey.Errorf("The specified key does not exist.")
		e.Fields = map[string]any{"Key": key}
		return nil, e
	case o.Marker:
		return nil, methodNotAllowed.Errorf("The specified method is not allowed against this resource.")
	}
	return o, nil
}

// insertObject makes o the latest version of its key. Without versioning it takes the place of the null version.
func (s *Service) insertObject(ctx context.Context, tx *stdsql.Tx, b *bucket, key string, o *object) error {
	o.Version = nullVersion
	if b.Versioning == s3.BucketVersioningStatusEnabled {
		o.Version = newVersion()
	} else if err := dropVersion(ctx, tx, b.Name, key, nullVersion); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE s3_objects SET latest = 0 WHERE bucket = ? AND key = ? AND latest = 1`, b.Name, []byte(key)); err != nil {
		return err
	}
	doc, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO s3_objects SELECT ?, ?, coalesce(max(seq), 0) + 1, ?, 1, ?, ? FROM s3_objects WHERE bucket = ? AND key = ?`,
		b.Name, []byte(key), o.Version, o.Marker, string(doc), b.Name, []byte(key))
	return err
}

func updateObject(ctx context.Context, tx *stdsql.Tx, bucket, key string, o *object) error {
	doc, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE s3_objects SET doc = ? WHERE bucket = ? AND key = ? AND version = ?`, string(doc), bucket, []byte(key), o.Version)
	return err
}

// dropVersion removes a version for good and makes the newest of the rest the latest.
func dropVersion(ctx context.Context, tx *stdsql.Tx, bucket, key, version string) error {
	o, err := findObject(ctx, tx, bucket, key, &version)
	if err != nil || o == nil {
		return err
	}
	if err := discard(ctx, tx, o.fileNames()); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM s3_objects WHERE bucket = ? AND key = ? AND seq = ?`, bucket, []byte(key), o.seq); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE s3_objects SET latest = 1 WHERE bucket = ? AND key = ? AND seq = (SELECT max(seq) FROM s3_objects WHERE bucket = ? AND key = ?)`,
		bucket, []byte(key), bucket, []byte(key))
	return err
}

// segments gives the stretches of files that hold bytes [from, from+length).
func (o *object) segments(from, length int64) []segment {
	var list []segment
	for _, p := range o.Parts {
		if from < p.Size && length > 0 {
			n := min(p.Size-from, length)
			list = append(list, segment{p.File, from, n})
			from, length = from+n, length-n
		}
		from -= p.Size
		if from < 0 {
			from = 0
		}
	}
	return list
}

func quoted(etag string) *string { return new(fmt.Sprintf("%q", etag)) }
