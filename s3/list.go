package s3

import (
	"context"
	stdsql "database/sql"
	"encoding/base64"
	"math"
	"net/url"
	"strings"

	s3 "drey/model/s3"
)

const maxKeys = 1000

// listing is one walk over the keys of a bucket.
type listing struct {
	bucket, prefix, delimiter, after string
	limit                            int
	versions                         bool   // all versions, not only the latest
	afterVersion                     string // with versions: go on behind this version of `after`, "" = behind them all
	below                            int64  // with versions: of the key to go on behind, only those older than this seq

	objects   []*object
	prefixes  []string
	truncated bool
	last      string // key or common prefix that ended the page
	lastVer   string
}

// entry counts an entry of the page; false = the page is full.
func (l *listing) room() bool {
	if len(l.objects)+len(l.prefixes) < l.limit {
		return true
	}
	l.truncated = true
	return false
}

// walk scans the index in batches, and leaps over common prefixes.
func (l *listing) walk(ctx context.Context, tx *stdsql.Tx) error {
	if l.limit == 0 {
		return nil
	}
	from, open := []byte(l.prefix), false // from: the next key to look at; open: without it
	if l.after != "" && l.after >= l.prefix {
		from, open = []byte(l.after), true
		if l.delimiter != "" && strings.HasPrefix(l.after, l.prefix) {
			if i := strings.Index(l.after[len(l.prefix):], l.delimiter); i >= 0 && l.prefix+l.after[len(l.prefix):len(l.prefix)+i+len(l.delimiter)] == l.after {
				from, open = successor(l.after), false // after a common prefix: behind all it stands for
			}
		}
	}
	if l.versions && open {
		if err := l.resume(ctx, tx); err != nil {
			return err
		}
	}
	for {
		next, nextOpen, more, err := l.batch(ctx, tx, from, open)
		if err != nil || !more {
			return err
		}
		from, open = next, nextOpen
	}
}

// resume finds where the versions of `after` go on. Clients delete a page before they ask for the next: when the version
// that ended it is gone, the key is listed from its newest again, so that none is left out.
func (l *listing) resume(ctx context.Context, tx *stdsql.Tx) error {
	if l.afterVersion == "" {
		return nil
	}
	l.below = math.MaxInt64
	o, err := findObject(ctx, tx, l.bucket, l.after, &l.afterVersion)
	if o != nil {
		l.below = o.seq
	}
	return err
}

const batchSize = 1001

// batch reads some rows. It answers where to go on.
func (l *listing) batch(ctx context.Context, tx *stdsql.Tx, from []byte, open bool) (next []byte, nextOpen, more bool, err error) {
	where, order, args := `key >= ?`, ` AND latest = 1 AND marker = 0 ORDER BY key`, []any{l.bucket, from}
	if l.versions {
		order = ` ORDER BY key, seq DESC`
	}
	switch {
	case open && l.versions:
		where, args = `key >= ? AND (key > ? OR seq < ?)`, append(args, from, l.below)
	case open:
		where = `key > ?`
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+objectColumns+` FROM s3_objects WHERE bucket = ? AND `+where+order+` LIMIT ?`, append(args, batchSize)...)
	if err != nil {
		return nil, false, false, err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		o, err := scanObject(rows)
		if err != nil {
			return nil, false, false, err
		}
		n++
		if !strings.HasPrefix(o.key, l.prefix) {
			return nil, false, false, nil
		}
		if leap, done := l.take(o); done {
			return nil, false, false, nil
		} else if leap != nil {
			return leap, false, true, nil
		}
		next, l.below = []byte(o.key), o.seq
	}
	return next, true, n == batchSize, rows.Err()
}

// take puts one row on the page: as itself, or as a common prefix, behind which the walk goes on.
func (l *listing) take(o *object) (leap []byte, done bool) {
	if !l.room() {
		return nil, true
	}
	if l.delimiter != "" {
		if i := strings.Index(o.key[len(l.prefix):], l.delimiter); i >= 0 {
			common := o.key[:len(l.prefix)+i+len(l.delimiter)]
			l.prefixes, l.last, l.lastVer = append(l.prefixes, common), common, ""
			return successor(common), false
		}
	}
	l.objects, l.last, l.lastVer = append(l.objects, o), o.key, o.Version
	return nil, false
}

// successor is the first key behind all keys that begin with p.
func successor(p string) []byte {
	b := []byte(p)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0xff {
			b[i]++
			return b[:i+1]
		}
	}
	return append([]byte(p), 0xff)
}

// encoder gives names as the request wants them.
func encoder(t s3.EncodingType) func(string) string {
	if t != s3.EncodingTypeUrl {
		return func(s string) string { return s }
	}
	return func(s string) string {
		return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s), "%2F", "/"), "%2A", "*")
	}
}

func encoded(p *string, enc func(string) string) *string {
	if p == nil {
		return nil
	}
	return new(enc(*p))
}

func (l *listing) commonPrefixes(enc func(string) string) []s3.CommonPrefix {
	var list []s3.CommonPrefix
	for _, p := range l.prefixes {
		list = append(list, s3.CommonPrefix{Prefix: new(enc(p))})
	}
	return list
}

func (l *listing) contents(enc func(string) string, o *s3.Owner) []s3.Object {
	var list []s3.Object
	for _, obj := range l.objects {
		e := s3.Object{Key: new(enc(obj.key)), LastModified: &obj.Modified, ETag: quoted(obj.ETag), Size: &obj.Size, StorageClass: s3.ObjectStorageClassSTANDARD, Owner: o}
		if obj.Class != "" {
			e.StorageClass = s3.ObjectStorageClass(obj.Class)
		}
		if obj.Algorithm != "" {
			e.ChecksumAlgorithm, e.ChecksumType = []s3.ChecksumAlgorithm{s3.ChecksumAlgorithm(obj.Algorithm)}, s3.ChecksumType(obj.SumType)
		}
		list = append(list, e)
	}
	return list
}

func pageSize(n *int32) (int, error) {
	if n == nil {
		return maxKeys, nil
	}
	if *n < 0 {
		return 0, invalidArgument.Errorf("Argument max-keys must be an integer between 0 and 2147483647")
	}
	return min(int(*n), maxKeys), nil
}

// run walks and gives the bucket.
func (s *Service) run(ctx context.Context, l *listing) (b *bucket, err error) {
	err = s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		if b, err = getBucket(ctx, tx, l.bucket); err != nil {
			return err
		}
		return l.walk(ctx, tx)
	})
	return b, err
}

// ListObjectsV2 lists keys in their byte order.
func (s *Service) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	limit, err := pageSize(in.MaxKeys)
	if err != nil {
		return nil, err
	}
	l := &listing{bucket: *in.Bucket, prefix: text(in.Prefix), delimiter: text(in.Delimiter), after: text(in.StartAfter), limit: limit}
	if in.ContinuationToken != nil {
		raw, err := base64.RawURLEncoding.DecodeString(*in.ContinuationToken)
		if err != nil {
			return nil, invalidArgument.Errorf("The continuation token provided is incorrect")
		}
		l.after = string(raw)
	}
	b, err := s.run(ctx, l)
	if err != nil {
		return nil, err
	}
	var o *s3.Owner
	if in.FetchOwner != nil && *in.FetchOwner {
		o = owner(b.Account)
	}
	enc := encoder(in.EncodingType)
	out := &s3.ListObjectsV2Output{
		Name: in.Bucket, Prefix: new(enc(l.prefix)), Delimiter: encoded(in.Delimiter, enc), MaxKeys: new(int32(limit)), EncodingType: in.EncodingType,
		Contents: l.contents(enc, o), CommonPrefixes: l.commonPrefixes(enc), KeyCount: new(int32(len(l.objects) + len(l.prefixes))),
		IsTruncated: &l.truncated, ContinuationToken: in.ContinuationToken, StartAfter: encoded(in.StartAfter, enc),
	}
	if l.truncated {
		out.NextContinuationToken = new(base64.RawURLEncoding.EncodeToString([]byte(l.last)))
	}
	return out, nil
}

// ListObjects is the older way of listing.
func (s *Service) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (*s3.ListObjectsOutput, error) {
	limit, err := pageSize(in.MaxKeys)
	if err != nil {
		return nil, err
	}
	l := &listing{bucket: *in.Bucket, prefix: text(in.Prefix), delimiter: text(in.Delimiter), after: text(in.Marker), limit: limit}
	b, err := s.run(ctx, l)
	if err != nil {
		return nil, err
	}
	enc := encoder(in.EncodingType)
	out := &s3.ListObjectsOutput{
		Name: in.Bucket, Prefix: new(enc(l.prefix)), Marker: new(enc(l.after)), Delimiter: encoded(in.Delimiter, enc), MaxKeys: new(int32(limit)),
		EncodingType: in.EncodingType, Contents: l.contents(enc, owner(b.Account)), CommonPrefixes: l.commonPrefixes(enc), IsTruncated: &l.truncated,
	}
	if l.truncated && l.delimiter != "" {
		out.NextMarker = new(enc(l.last))
	}
	return out, nil
}

// ListObjectVersions lists all versions, the newest of a key first.
func (s *Service) ListObjectVersions(ctx context.Context, in *s3.ListObjectVersionsInput) (*s3.ListObjectVersionsOutput, error) {
	limit, err := pageSize(in.MaxKeys)
	if err != nil {
		return nil, err
	}
	l := &listing{
		bucket: *in.Bucket, prefix: text(in.Prefix), delimiter: text(in.Delimiter), after: text(in.KeyMarker), afterVersion: text(in.VersionIdMarker),
		limit: limit, versions: true,
	}
	b, err := s.run(ctx, l)
	if err != nil {
		return nil, err
	}
	enc := encoder(in.EncodingType)
	out := &s3.ListObjectVersionsOutput{
		Name: in.Bucket, Prefix: new(enc(l.prefix)), KeyMarker: new(enc(l.after)), VersionIdMarker: in.VersionIdMarker, Delimiter: encoded(in.Delimiter, enc),
		MaxKeys: new(int32(limit)), EncodingType: in.EncodingType, CommonPrefixes: l.commonPrefixes(enc), IsTruncated: &l.truncated,
	}
	for _, o := range l.objects {
		if o.Marker {
			out.DeleteMarkers = append(out.DeleteMarkers, s3.DeleteMarkerEntry{Key: new(enc(o.key)), VersionId: &o.Version, IsLatest: &o.latest, LastModified: &o.Modified, Owner: owner(b.Account)})
			continue
		}
		out.Versions = append(out.Versions, s3.ObjectVersion{
			Key: new(enc(o.key)), VersionId: &o.Version, IsLatest: &o.latest, LastModified: &o.Modified, ETag: quoted(o.ETag), Size: &o.Size,
			StorageClass: s3.ObjectVersionStorageClassSTANDARD, Owner: owner(b.Account),
		})
	}
	if l.truncated {
		out.NextKeyMarker = new(enc(l.last))
		out.NextVersionIdMarker = optional(l.lastVer)
	}
	return out, nil
}
