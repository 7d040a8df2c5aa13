package main

import (
	"context"
	"errors"
	"io"

	s3model "drey/model/s3"
	"drey/reconcile"
	"drey/s3"
	"drey/wire"
)

// transfers moves enhanced snapshots to and from S3, with the rights of the role that was passed for it.
type transfers struct {
	rights   *roleRights
	s3       *s3.Service
	partSize int64 // larger files go in parts of this size
}

const partSize = 1 << 30

var errForeignBucket = wire.ErrorCode{Code: "InvalidBucket", Status: 400}

// as decides a request like any other of the role, and gives the context to make it in. The bucket has to be of the
// account and Region of the snapshot (API reference, "ImportSourceConfiguration", "ExportDestinationConfiguration").
func (m transfers) as(ctx context.Context, t reconcile.Transfer, op string, in any) (context.Context, error) {
	ctx, err := m.rights.as(ctx, roleKey{t.Account, t.Role, t.SnapshotARN}, t.Region)
	if err != nil {
		return nil, err
	}
	access, err := m.s3.Access(ctx, op, in)
	if err != nil {
		return nil, err
	}
	if err := m.rights.iam.Authorize(ctx, access); err != nil {
		return nil, err
	}
	home, err := m.s3.HeadBucket(ctx, &s3model.HeadBucketInput{Bucket: &t.Bucket})
	if err != nil {
		return nil, err
	}
	if access[0].ResourceAccount != t.Account || *home.BucketRegion != t.Region {
		return nil, errForeignBucket.Errorf("The bucket %s has to be owned by the account %s and to be in the region %s, like the snapshot", t.Bucket, t.Account, t.Region)
	}
	return ctx, nil
}

// List gives the objects below a prefix.
func (m transfers) List(ctx context.Context, t reconcile.Transfer, prefix string) (list []reconcile.Object, err error) {
	in := &s3model.ListObjectsV2Input{Bucket: &t.Bucket, Prefix: &prefix}
	if ctx, err = m.as(ctx, t, "ListObjectsV2", in); err != nil {
		return nil, err
	}
	for {
		out, err := m.s3.ListObjectsV2(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, o := range out.Contents {
			list = append(list, reconcile.Object{Key: *o.Key, Size: *o.Size})
		}
		if out.NextContinuationToken == nil {
			return list, nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// Read opens an object.
func (m transfers) Read(ctx context.Context, t reconcile.Transfer, key string) (io.ReadCloser, error) {
	ctx, err := m.as(ctx, t, "GetObject", &s3model.GetObjectInput{Bucket: &t.Bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	body, _, err := m.s3.OpenObject(ctx, t.Bucket, key, nil)
	return body, err
}

// Write makes or replaces an object.
func (m transfers) Write(ctx context.Context, t reconcile.Transfer, key string, body io.Reader, size int64) error {
	in := &s3model.PutObjectInput{Bucket: &t.Bucket, Key: &key, ContentLength: &size, Body: io.NopCloser(body)}
	ctx, err := m.as(ctx, t, "PutObject", in)
	if err != nil {
		return err
	}
	if size > m.partSize {
		return m.writeParts(ctx, in, size)
	}
	_, err = m.s3.PutObject(ctx, in)
	return err
}

func (m transfers) writeParts(ctx context.Context, in *s3model.PutObjectInput, size int64) error {
	up, err := m.s3.CreateMultipartUpload(ctx, &s3model.CreateMultipartUploadInput{Bucket: in.Bucket, Key: in.Key})
	if err != nil {
		return err
	}
	var parts []s3model.CompletedPart
	for sent := int64(0); err == nil && sent < size; sent += m.partSize {
		var part *s3model.UploadPartOutput
		number := int32(len(parts) + 1)
		part, err = m.s3.UploadPart(ctx, &s3model.UploadPartInput{
			Bucket: in.Bucket, Key: in.Key, UploadId: up.UploadId, PartNumber: &number, Body: io.NopCloser(io.LimitReader(in.Body, m.partSize)),
		})
		if err == nil {
			parts = append(parts, s3model.CompletedPart{ETag: part.ETag, PartNumber: &number})
		}
	}
	if err == nil {
		_, err = m.s3.CompleteMultipartUpload(ctx, &s3model.CompleteMultipartUploadInput{
			Bucket: in.Bucket, Key: in.Key, UploadId: up.UploadId, MultipartUpload: &s3model.CompletedMultipartUpload{Parts: parts},
		})
	}
	if err != nil {
		_, aerr := m.s3.AbortMultipartUpload(context.WithoutCancel(ctx), &s3model.AbortMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: up.UploadId})
		return errors.Join(err, aerr)
	}
	return nil
}
