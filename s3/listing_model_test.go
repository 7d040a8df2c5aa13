package s3_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	model "drey/model/s3"
	"drey/s3"
	"drey/store/sql"
	"drey/wire"
)

func openService(t *testing.T) (context.Context, *s3.Service) {
	t.Helper()
	db, err := sql.Open(filepath.Join(t.TempDir(), "drey.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	ctx := wire.WithRequest(t.Context(), &wire.Request{Account: "123456789012", Region: "us-east-1"})
	svc, err := s3.Open(ctx, s3.Config{DB: db, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := svc.CreateBucket(ctx, &model.CreateBucketInput{Bucket: new("b-1")}); err != nil {
		t.Fatal(err)
	}
	return ctx, svc
}

// naive lists keys as the S3 user guide says, from a sorted slice.
func naive(keys []string, prefix, delimiter string) (objects, prefixes []string) {
	for _, k := range keys {
		rest, ok := strings.CutPrefix(k, prefix)
		if !ok {
			continue
		}
		if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
			if p := prefix + rest[:i+len(delimiter)]; !slices.Contains(prefixes, p) {
				prefixes = append(prefixes, p)
			}
			continue
		}
		objects = append(objects, k)
	}
	return objects, prefixes
}

// pages walks a listing to its end.
func pages(t *testing.T, ctx context.Context, svc *s3.Service, prefix, delimiter string, size int32) (objects, prefixes []string) {
	t.Helper()
	var token *string
	for range 1000 {
		out, err := svc.ListObjectsV2(ctx, &model.ListObjectsV2Input{Bucket: new("b-1"), Prefix: &prefix, Delimiter: &delimiter, MaxKeys: &size, ContinuationToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range out.Contents {
			objects = append(objects, *o.Key)
		}
		for _, p := range out.CommonPrefixes {
			prefixes = append(prefixes, *p.Prefix)
		}
		if n := len(out.Contents) + len(out.CommonPrefixes); n > int(size) {
			t.Fatalf("a page of %d holds %d", size, n)
		}
		if !*out.IsTruncated {
			return objects, prefixes
		}
		token = out.NextContinuationToken
	}
	t.Fatal("the listing does not end")
	return nil, nil
}

func TestListingAgreesWithANaiveOne(t *testing.T) {
	ctx, svc := openService(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"a", "b", "/", "ä", " ", "\U0010ffff", "z/"}
	have := map[string]bool{}
	for step := range 400 {
		var k strings.Builder
		for range 1 + rnd.IntN(5) {
			k.WriteString(alphabet[rnd.IntN(len(alphabet))])
		}
		key := k.String()
		if have[key] && rnd.IntN(3) == 0 {
			if _, err := svc.DeleteObject(ctx, &model.DeleteObjectInput{Bucket: new("b-1"), Key: &key}); err != nil {
				t.Fatal(err)
			}
			delete(have, key)
		} else {
			if _, err := svc.PutObject(ctx, &model.PutObjectInput{Bucket: new("b-1"), Key: &key, Body: io.NopCloser(strings.NewReader(key))}); err != nil {
				t.Fatal(err)
			}
			have[key] = true
		}
		if step%20 != 19 {
			continue
		}
		var keys []string
		for k := range have {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, prefix := range []string{"", "a", "a/", "z", "ä", "b/a"} {
			for _, delimiter := range []string{"", "/", "a"} {
				size := int32(1 + rnd.IntN(7))
				objects, prefixes := pages(t, ctx, svc, prefix, delimiter, size)
				wantObjects, wantPrefixes := naive(keys, prefix, delimiter)
				if fmt.Sprintf("%q%q", objects, prefixes) != fmt.Sprintf("%q%q", wantObjects, wantPrefixes) {
					t.Fatalf("prefix %q delimiter %q size %d\ngot  %q %q\nwant %q %q", prefix, delimiter, size, objects, prefixes, wantObjects, wantPrefixes)
				}
			}
		}
	}
}

func TestVersionsPageOneByOne(t *testing.T) {
	ctx, svc := openService(t)
	enabled := &model.VersioningConfiguration{Status: model.BucketVersioningStatusEnabled}
	if _, err := svc.PutBucketVersioning(ctx, &model.PutBucketVersioningInput{Bucket: new("b-1"), VersioningConfiguration: enabled}); err != nil {
		t.Fatal(err)
	}
	want := []string{}
	for _, key := range []string{"a", "b/x", "c"} {
		for n := range 3 {
			body := io.NopCloser(strings.NewReader(fmt.Sprint(n)))
			out, err := svc.PutObject(ctx, &model.PutObjectInput{Bucket: new("b-1"), Key: &key, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, key+" "+*out.VersionId)
		}
		slices.Reverse(want[len(want)-3:])
	}
	for size := int32(1); size <= 10; size++ {
		var got []string
		in := &model.ListObjectVersionsInput{Bucket: new("b-1"), MaxKeys: &size}
		for range 20 {
			out, err := svc.ListObjectVersions(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range out.Versions {
				got = append(got, *v.Key+" "+*v.VersionId)
			}
			if !*out.IsTruncated {
				break
			}
			in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d\ngot  %q\nwant %q", size, got, want)
		}
	}
}
