package s3

import (
	"context"
	"crypto/rand"
	stdsql "database/sql"
	"encoding/base64"

	s3 "drey/model/s3"
)

// newVersion makes a version id of the look of S3's: 32 URL-safe characters.
func newVersion() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// deleted is what a deletion did.
type deleted struct {
	version string // of the marker that was made, or of the version that was removed
	marker  bool
}

// deleteKey deletes one version for good, or hides the key: behind a delete marker where versions are kept.
func (s *Service) deleteKey(ctx context.Context, tx *stdsql.Tx, b *bucket, key string, version *string) (d deleted, err error) {
	if version != nil {
		o, err := findObject(ctx, tx, b.Name, key, version)
		if err != nil || o == nil {
			return deleted{version: *version}, err
		}
		return deleted{*version, o.Marker}, dropVersion(ctx, tx, b.Name, key, *version)
	}
	if b.Versioning == "" {
		return d, dropVersion(ctx, tx, b.Name, key, nullVersion)
	}
	marker := &object{Marker: true, Modified: s.modified()}
	err = s.insertObject(ctx, tx, b, key, marker)
	return deleted{marker.Version, true}, err
}

// DeleteObject deletes a key or a version. What is not there is deleted already.
func (s *Service) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	var d deleted
	err := s.write(ctx, func(tx *stdsql.Tx) error {
		b, err := getBucket(ctx, tx, *in.Bucket)
		if err != nil {
			return err
		}
		if in.IfMatch != nil {
			old, err := findObject(ctx, tx, *in.Bucket, *in.Key, nil)
			if err != nil {
				return err
			}
			if err := putConditions(old, in.IfMatch, nil); err != nil {
				return err
			}
		}
		d, err = s.deleteKey(ctx, tx, b, *in.Key, in.VersionId)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &s3.DeleteObjectOutput{VersionId: optional(d.version)}
	if d.marker {
		out.DeleteMarker = new(true)
	}
	return out, nil
}

const maxDeletes = 1000

// DeleteObjects deletes up to 1,000 keys in one transaction.
func (s *Service) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (*s3.DeleteObjectsOutput, error) {
	if in.Delete == nil || len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > maxDeletes {
		return nil, malformedXML.Errorf("The XML you provided was not well-formed or did not validate against our published schema")
	}
	quiet := in.Delete.Quiet != nil && *in.Delete.Quiet
	out := &s3.DeleteObjectsOutput{}
	return out, s.write(ctx, func(tx *stdsql.Tx) error {
		b, err := getBucket(ctx, tx, *in.Bucket)
		if err != nil {
			return err
		}
		for _, id := range in.Delete.Objects {
			d, err := s.deleteKey(ctx, tx, b, *id.Key, id.VersionId)
			if err != nil {
				return err
			}
			if quiet {
				continue
			}
			entry := s3.DeletedObject{Key: id.Key, VersionId: id.VersionId}
			if d.marker {
				entry.DeleteMarker, entry.DeleteMarkerVersionId = new(true), &d.version
			}
			out.Deleted = append(out.Deleted, entry)
		}
		return nil
	})
}

// PutObjectTagging replaces the tags of an object.
func (s *Service) PutObjectTagging(ctx context.Context, in *s3.PutObjectTaggingInput) (*s3.PutObjectTaggingOutput, error) {
	if err := checkTags(in.Tagging.TagSet, maxObjectTags); err != nil {
		return nil, err
	}
	o, err := s.retag(ctx, *in.Bucket, *in.Key, in.VersionId, in.Tagging.TagSet)
	if err != nil {
		return nil, err
	}
	return &s3.PutObjectTaggingOutput{VersionId: shownVersion(o)}, nil
}

// DeleteObjectTagging removes the tags of an object.
func (s *Service) DeleteObjectTagging(ctx context.Context, in *s3.DeleteObjectTaggingInput) (*s3.DeleteObjectTaggingOutput, error) {
	o, err := s.retag(ctx, *in.Bucket, *in.Key, in.VersionId, nil)
	if err != nil {
		return nil, err
	}
	return &s3.DeleteObjectTaggingOutput{VersionId: shownVersion(o)}, nil
}

func (s *Service) retag(ctx context.Context, bucket, key string, version *string, tags []s3.Tag) (o *object, err error) {
	err = s.DB.Write(ctx, func(tx *stdsql.Tx) error {
		if o, err = getObject(ctx, tx, bucket, key, version); err != nil {
			return err
		}
		o.Tags = tags
		return updateObject(ctx, tx, bucket, key, o)
	})
	return o, err
}

// GetObjectTagging gives the tags of an object.
func (s *Service) GetObjectTagging(ctx context.Context, in *s3.GetObjectTaggingInput) (*s3.GetObjectTaggingOutput, error) {
	out := &s3.GetObjectTaggingOutput{TagSet: []s3.Tag{}}
	return out, s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		o, err := getObject(ctx, tx, *in.Bucket, *in.Key, in.VersionId)
		if err != nil {
			return err
		}
		out.TagSet, out.VersionId = append(out.TagSet, o.Tags...), shownVersion(o)
		return nil
	})
}
