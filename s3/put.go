package s3

import (
	"context"
	stdsql "database/sql"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	s3 "drey/model/s3"
)

const (
	maxObject   = 5 << 30 // of a single put
	maxKey      = 1024
	defaultType = "binary/octet-stream"
	encrypted   = s3.ServerSideEncryptionAES256
)

func (s *Service) modified() time.Time { return s.Now().UTC().Truncate(time.Second) }

// PutObject stores an object.
func (s *Service) PutObject(ctx context.Context, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	if len(*in.Key) > maxKey {
		return nil, keyTooLong.Errorf("Your key is too long")
	}
	if in.ContentLength != nil && *in.ContentLength > maxObject {
		return nil, entityTooLarge.Errorf("Your proposed upload exceeds the maximum allowed size")
	}
	if in.SSECustomerAlgorithm != nil {
		return nil, notImplemented.Errorf("Encryption with customer-provided keys is not supported")
	}
	if _, err := s.bucket(ctx, *in.Bucket); err != nil {
		return nil, err
	}
	o, err := newObject(in)
	if err != nil {
		return nil, err
	}
	algorithm, value, err := given(in)
	if err != nil {
		return nil, err
	}
	p, d, err := s.receive(in.Body, algorithm, in.ContentMD5, value)
	if err != nil {
		return nil, err
	}
	o.Size, o.ETag, o.Modified, o.Parts = p.Size, d.etag(), s.modified(), []part{p}
	o.Algorithm, o.Checksum, o.SumType = algorithm, d.checksum(), fullObject
	if err := s.place(ctx, *in.Bucket, *in.Key, o, in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	out := &s3.PutObjectOutput{ETag: quoted(o.ETag), VersionId: shownVersion(o), ServerSideEncryption: encrypted}
	show(out, o.Algorithm, o.Checksum, o.SumType)
	return out, nil
}

// receive takes a body into a file and checks it.
func (s *Service) receive(body io.Reader, algorithm string, contentMD5 *string, value string) (part, *digest, error) {
	if body == nil {
		body = strings.NewReader("")
	}
	d := newDigest(body, algorithm)
	file, size, err := s.files.create(d)
	if err != nil {
		return part{}, nil, err
	}
	if err := d.check(body, contentMD5, value); err != nil {
		if rerr := s.files.remove(file); rerr != nil {
			s.Log.Warn("remove a refused upload", "error", rerr)
		}
		return part{}, nil, err
	}
	return part{File: file, Size: size}, d, nil
}

// newObject takes over what the headers say of the object.
func newObject(in *s3.PutObjectInput) (*object, error) {
	tags, err := headerTags(in.Tagging)
	if err != nil {
		return nil, err
	}
	return &object{
		ContentType: text(in.ContentType), CacheControl: text(in.CacheControl), ContentDisposition: text(in.ContentDisposition),
		ContentEncoding: text(in.ContentEncoding), ContentLanguage: text(in.ContentLanguage), Expires: text(in.Expires), Redirect: text(in.WebsiteRedirectLocation),
		Metadata: in.Metadata, Tags: tags, Class: string(in.StorageClass),
	}, nil
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// headerTags reads the x-amz-tagging header, which is a query string.
func headerTags(header *string) ([]s3.Tag, error) {
	if header == nil {
		return nil, nil
	}
	values, err := url.ParseQuery(*header)
	if err != nil {
		return nil, invalidArgument.Errorf("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	var tags []s3.Tag
	for k, v := range values {
		if len(v) != 1 {
			return nil, invalidTag.Errorf("Cannot provide multiple Tags with the same key")
		}
		tags = append(tags, s3.Tag{Key: new(k), Value: new(v[0])})
	}
	slices.SortFunc(tags, func(a, b s3.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return tags, checkTags(tags, maxObjectTags)
}

// place makes o the latest version of the key, if the conditions hold. On refusal its files are garbage.
func (s *Service) place(ctx context.Context, bucket, key string, o *object, ifMatch, ifNoneMatch *string) error {
	err := s.write(ctx, func(tx *stdsql.Tx) error {
		b, err := getBucket(ctx, tx, bucket)
		if err != nil {
			return err
		}
		old, err := findObject(ctx, tx, bucket, key, nil)
		if err != nil {
			return err
		}
		if err := putConditions(old, ifMatch, ifNoneMatch); err != nil {
			return err
		}
		return s.insertObject(ctx, tx, b, key, o)
	})
	if err != nil {
		for _, f := range o.fileNames() {
			if rerr := s.files.remove(f); rerr != nil {
				s.Log.Warn("remove a refused upload", "error", rerr)
			}
		}
	}
	return err
}

// putConditions decides conditional writes (S3 user guide, "How to prevent object overwrites with conditional writes").
func putConditions(old *object, ifMatch, ifNoneMatch *string) error {
	exists := old != nil && !old.Marker
	switch {
	case ifNoneMatch != nil && exists && (*ifNoneMatch == "*" || matches(*ifNoneMatch, old.ETag)):
		return preconditionFailed.Errorf("At least one of the pre-conditions you specified did not hold")
	case ifMatch != nil && !exists:
		return noSuchKey.Errorf("The specified key does not exist.")
	case ifMatch != nil && !matches(*ifMatch, old.ETag):
		return preconditionFailed.Errorf("At least one of the pre-conditions you specified did not hold")
	}
	return nil
}

// matches compares an ETag with a header's list of them.
func matches(header, etag string) bool {
	for _, h := range strings.Split(header, ",") {
		h = strings.TrimPrefix(strings.TrimSpace(h), "W/")
		if h == "*" || strings.Trim(h, `"`) == etag {
			return true
		}
	}
	return false
}

// shownVersion is the version id as clients see it: only where versions are kept.
func shownVersion(o *object) *string {
	if o.Version == nullVersion {
		return nil
	}
	return &o.Version
}
