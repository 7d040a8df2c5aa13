package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	model "drey/model/s3"
	"drey/s3"
	"drey/store/sql"
	"drey/wire"
)

func stream(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

func versionedKey(t *testing.T, ctx context.Context, svc *s3.Service, key string, n int) {
	t.Helper()
	enabled := &model.VersioningConfiguration{Status: model.BucketVersioningStatusEnabled}
	if _, err := svc.PutBucketVersioning(ctx, &model.PutBucketVersioningInput{Bucket: new("b-1"), VersioningConfiguration: enabled}); err != nil {
		t.Fatal(err)
	}
	for range n { // markers are versions too, and need no file
		if _, err := svc.DeleteObject(ctx, &model.DeleteObjectInput{Bucket: new("b-1"), Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMoreVersionsThanABatch pages through a key with more versions than are read at once.
func TestMoreVersionsThanABatch(t *testing.T) {
	ctx, svc := openService(t)
	const n = 2105
	versionedKey(t, ctx, svc, "k", n)
	seen := map[string]bool{}
	in := &model.ListObjectVersionsInput{Bucket: new("b-1")}
	for {
		out, err := svc.ListObjectVersions(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.DeleteMarkers {
			seen[*m.VersionId] = true
		}
		if !*out.IsTruncated {
			break
		}
		in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
	}
	if len(seen) != n {
		t.Errorf("listed %d versions of %d", len(seen), n)
	}
}

// TestVersionsDeletedWhilePaged empties a bucket page by page, as clients do: the marker of a page is gone at the next.
func TestVersionsDeletedWhilePaged(t *testing.T) {
	ctx, svc := openService(t)
	versionedKey(t, ctx, svc, "k", 25)
	in := &model.ListObjectVersionsInput{Bucket: new("b-1"), MaxKeys: new(int32(10))}
	for range 10 {
		out, err := svc.ListObjectVersions(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.DeleteMarkers {
			if _, err := svc.DeleteObject(ctx, &model.DeleteObjectInput{Bucket: new("b-1"), Key: m.Key, VersionId: m.VersionId}); err != nil {
				t.Fatal(err)
			}
		}
		if !*out.IsTruncated {
			break
		}
		in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
	}
	if _, err := svc.DeleteBucket(ctx, &model.DeleteBucketInput{Bucket: new("b-1")}); err != nil {
		t.Error(err)
	}
}

func begin(t *testing.T, ctx context.Context, svc *s3.Service, body []byte) (id, etag *string) {
	t.Helper()
	up, err := svc.CreateMultipartUpload(ctx, &model.CreateMultipartUploadInput{Bucket: new("b-1"), Key: new("k")})
	if err != nil {
		t.Fatal(err)
	}
	p, err := svc.UploadPart(ctx, &model.UploadPartInput{Bucket: new("b-1"), Key: new("k"), UploadId: up.UploadId, PartNumber: new(int32(1)), Body: stream(body)})
	if err != nil {
		t.Fatal(err)
	}
	return up.UploadId, p.ETag
}

// TestPartSentAgainWhileCompleted repeats a part while its upload is completed: what was acknowledged stays readable.
func TestPartSentAgainWhileCompleted(t *testing.T) {
	ctx, svc := openService(t)
	for range 60 {
		body := []byte("part")
		id, etag := begin(t, ctx, svc, body)
		var again sync.WaitGroup
		for range 4 {
			again.Go(func() { // fails when the upload is completed already
				_, _ = svc.UploadPart(ctx, &model.UploadPartInput{Bucket: new("b-1"), Key: new("k"), UploadId: id, PartNumber: new(int32(1)), Body: stream(body)})
			})
		}
		parts := []model.CompletedPart{{PartNumber: new(int32(1)), ETag: etag}}
		_, err := svc.CompleteMultipartUpload(ctx, &model.CompleteMultipartUploadInput{Bucket: new("b-1"), Key: new("k"), UploadId: id, MultipartUpload: &model.CompletedMultipartUpload{Parts: parts}})
		again.Wait()
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := svc.OpenObject(ctx, "b-1", "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if cerr := r.Close(); err != nil || cerr != nil || !bytes.Equal(got, body) {
			t.Fatalf("got %q: %v, %v", got, err, cerr)
		}
	}
}

// TestDeletedBucketTakesItsUploads deletes a bucket with an upload under way: neither bytes nor the upload outlive it.
func TestDeletedBucketTakesItsUploads(t *testing.T) {
	db, err := sql.Open(filepath.Join(t.TempDir(), "drey.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	dir := t.TempDir()
	ctx := wire.WithRequest(t.Context(), &wire.Request{Account: "123456789012", Region: "us-east-1"})
	svc, err := s3.Open(ctx, s3.Config{DB: db, Dir: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	create := &model.CreateBucketInput{Bucket: new("b-1")}
	if _, err := svc.CreateBucket(ctx, create); err != nil {
		t.Fatal(err)
	}
	begin(t, ctx, svc, []byte("part"))
	if _, err := svc.DeleteBucket(ctx, &model.DeleteBucketInput{Bucket: new("b-1")}); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.CreateBucket(ctx, create); err != nil {
		t.Fatal(err)
	}
	out, err := svc.ListMultipartUploads(ctx, &model.ListMultipartUploadsInput{Bucket: new("b-1")})
	if err != nil || len(out.Uploads) != 0 {
		t.Errorf("%d uploads in a new bucket: %v", len(out.Uploads), err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = fmt.Errorf("%s is left", strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
