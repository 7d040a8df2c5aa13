package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"drey/edge/edgetest"
	model "drey/model/s3"
	"drey/s3"
	"drey/store/sql"
	"drey/wire"
)

// client is AWS's own SDK in front of the service, through the real edge.
func client(t *testing.T) *sdk.Client {
	t.Helper()
	db, err := sql.Open(filepath.Join(t.TempDir(), "drey.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	svc, err := s3.Open(t.Context(), s3.Config{DB: db, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	url := edgetest.Serve(t, wire.NewService(model.Model, model.Ops(svc), svc.Access))
	c := sdk.New(sdk.Options{
		BaseEndpoint: &url, Region: edgetest.Region, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(edgetest.AccessKeyID, edgetest.SecretAccessKey, ""),
	})
	if _, err := c.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: aws.String("b-1")}); err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t *testing.T, c *sdk.Client, key, body string) *sdk.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("b-1"), Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func get(t *testing.T, c *sdk.Client, in *sdk.GetObjectInput) (string, *sdk.GetObjectOutput) {
	t.Helper()
	in.Bucket = aws.String("b-1")
	out, err := c.GetObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), out
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestRanges(t *testing.T) {
	c := client(t)
	put(t, c, "k", "0123456789")
	for header, want := range map[string]string{"bytes=2-4": "234", "bytes=7-": "789", "bytes=-2": "89", "bytes=5-100": "56789", "bytes=0-0": "0", "lines=1": "0123456789"} {
		if body, _ := get(t, c, &sdk.GetObjectInput{Key: aws.String("k"), Range: &header}); body != want {
			t.Errorf("%s: got %q, want %q", header, body, want)
		}
	}
	_, err := c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: aws.String("b-1"), Key: aws.String("k"), Range: aws.String("bytes=10-")})
	wantCode(t, err, "InvalidRange")
}

func TestConditions(t *testing.T) {
	c := client(t)
	etag := put(t, c, "k", "v").ETag
	bucket, key := aws.String("b-1"), aws.String("k")
	_, err := c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: key, IfMatch: aws.String(`"other"`)})
	wantCode(t, err, "PreconditionFailed")
	_, err = c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: bucket, Key: key, IfNoneMatch: etag})
	wantCode(t, err, "NotModified")
	_, err = c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: key, IfNoneMatch: aws.String("*"), Body: strings.NewReader("w")})
	wantCode(t, err, "PreconditionFailed")
	_, err = c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: aws.String("none"), IfMatch: etag, Body: strings.NewReader("w")})
	wantCode(t, err, "NoSuchKey")
	if _, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: key, IfMatch: etag, Body: strings.NewReader("w")}); err != nil {
		t.Error(err)
	}
	if body, _ := get(t, c, &sdk.GetObjectInput{Key: key, IfModifiedSince: aws.Time(time.Now().Add(-time.Hour))}); body != "w" {
		t.Errorf("got %q", body)
	}
}

func TestWrongDigestStoresNothing(t *testing.T) {
	c := client(t)
	_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("b-1"), Key: aws.String("k"), Body: strings.NewReader("v"), ContentMD5: aws.String("CY9rzUYh03PK3k6DJie09g==")})
	wantCode(t, err, "BadDigest")
	_, err = c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: aws.String("b-1"), Key: aws.String("k")})
	wantCode(t, err, "NotFound")
}

func TestMetadataAndCopy(t *testing.T) {
	c := client(t)
	bucket := aws.String("b-1")
	_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{
		Bucket: bucket, Key: aws.String("ä b"), Body: strings.NewReader("v"), ContentType: aws.String("text/x"),
		Metadata: map[string]string{"owner": "me"}, Tagging: aws.String("a=1&b=2"), CacheControl: aws.String("no-store"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String("b-1/%C3%A4%20b")}); err != nil {
		t.Fatal(err)
	}
	body, out := get(t, c, &sdk.GetObjectInput{Key: aws.String("copy")})
	if body != "v" || *out.ContentType != "text/x" || out.Metadata["owner"] != "me" || *out.TagCount != 2 || *out.CacheControl != "no-store" {
		t.Errorf("got %q %+v", body, out)
	}
	_, err = c.CopyObject(t.Context(), &sdk.CopyObjectInput{
		Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String("b-1/copy"), MetadataDirective: types.MetadataDirectiveReplace, ContentType: aws.String("text/y"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, out := get(t, c, &sdk.GetObjectInput{Key: aws.String("copy")}); *out.ContentType != "text/y" || len(out.Metadata) != 0 {
		t.Errorf("got %+v", out)
	}
	_, err = c.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String("b-1/copy")})
	wantCode(t, err, "InvalidRequest")
}

func TestVersions(t *testing.T) {
	c := client(t)
	bucket, key := aws.String("b-1"), aws.String("k")
	put(t, c, "k", "before")
	_, err := c.PutBucketVersioning(t.Context(), &sdk.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	if err != nil {
		t.Fatal(err)
	}
	first := put(t, c, "k", "one").VersionId
	put(t, c, "k", "two")
	if _, err := c.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: bucket, Key: key}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: key})
	wantCode(t, err, "NoSuchKey")
	for version, want := range map[string]string{*first: "one", "null": "before"} {
		if body, _ := get(t, c, &sdk.GetObjectInput{Key: key, VersionId: &version}); body != want {
			t.Errorf("version %s: got %q, want %q", version, body, want)
		}
	}
	list, err := c.ListObjectVersions(t.Context(), &sdk.ListObjectVersionsInput{Bucket: bucket})
	if err != nil || len(list.Versions) != 3 || len(list.DeleteMarkers) != 1 || !*list.DeleteMarkers[0].IsLatest {
		t.Fatalf("got %+v %v", list, err)
	}
	if _, err := c.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: bucket, Key: key, VersionId: list.DeleteMarkers[0].VersionId}); err != nil {
		t.Fatal(err)
	}
	if body, _ := get(t, c, &sdk.GetObjectInput{Key: key}); body != "two" {
		t.Errorf("behind the marker: got %q", body)
	}
}

func TestMultipart(t *testing.T) {
	c := client(t)
	bucket, key := aws.String("b-1"), aws.String("big")
	for _, algorithm := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha256} {
		up, err := c.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: key, ChecksumAlgorithm: algorithm})
		if err != nil {
			t.Fatal(err)
		}
		contents := [][]byte{bytes.Repeat([]byte("a"), 5<<20), bytes.Repeat([]byte("b"), 5<<20), []byte("end")}
		var parts []types.CompletedPart
		for i, body := range contents {
			n := int32(i + 1)
			out, err := c.UploadPart(t.Context(), &sdk.UploadPartInput{Bucket: bucket, Key: key, UploadId: up.UploadId, PartNumber: &n, Body: bytes.NewReader(body), ChecksumAlgorithm: algorithm})
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, types.CompletedPart{PartNumber: &n, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA256: out.ChecksumSHA256})
		}
		swapped := []types.CompletedPart{parts[1], parts[0]}
		_, err = c.CompleteMultipartUpload(t.Context(), &sdk.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: swapped}})
		wantCode(t, err, "InvalidPartOrder")
		done, err := c.CompleteMultipartUpload(t.Context(), &sdk.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		if !strings.HasSuffix(strings.Trim(*done.ETag, `"`), "-3") {
			t.Errorf("ETag %s", *done.ETag)
		}
		body, _ := get(t, c, &sdk.GetObjectInput{Key: key, Range: aws.String("bytes=5242878-5242881")})
		if body != "aabb" {
			t.Errorf("across parts: got %q", body)
		}
		if whole, _ := get(t, c, &sdk.GetObjectInput{Key: key, ChecksumMode: types.ChecksumModeEnabled}); whole != string(bytes.Join(contents, nil)) {
			t.Errorf("the object has %d bytes", len(whole))
		}
	}
	_, err := c.AbortMultipartUpload(t.Context(), &sdk.AbortMultipartUploadInput{Bucket: bucket, Key: key, UploadId: aws.String("nope")})
	wantCode(t, err, "NoSuchUpload")
}

func TestPresigned(t *testing.T) {
	c := client(t)
	signer := sdk.NewPresignClient(c)
	up, err := signer.PresignPutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("b-1"), Key: aws.String("a/b c")})
	if err != nil {
		t.Fatal(err)
	}
	r, _ := http.NewRequestWithContext(t.Context(), up.Method, up.URL, strings.NewReader("by link"))
	for name, values := range up.SignedHeader {
		r.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", resp, err)
	}
	resp.Body.Close()
	if body, _ := get(t, c, &sdk.GetObjectInput{Key: aws.String("a/b c")}); body != "by link" {
		t.Errorf("got %q", body)
	}

	// Whoever holds the link can not make it a copy of what only its signer may read.
	put(t, c, "secret", "the signer's")
	r, _ = http.NewRequestWithContext(t.Context(), up.Method, up.URL, nil)
	r.Header.Set("X-Amz-Copy-Source", "/b-1/secret")
	resp, err = http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("%v %v", resp, err)
	}
	refusal, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.Contains(string(refusal), "<Code>AccessDenied</Code>") {
		t.Errorf("refused with %s", refusal)
	}
	if body, _ := get(t, c, &sdk.GetObjectInput{Key: aws.String("a/b c")}); body != "by link" {
		t.Errorf("got %q", body)
	}
}

func TestDeleteObjectsAndNonEmptyBuckets(t *testing.T) {
	c := client(t)
	bucket := aws.String("b-1")
	put(t, c, "a", "1")
	put(t, c, "b", "2")
	_, err := c.DeleteBucket(t.Context(), &sdk.DeleteBucketInput{Bucket: bucket})
	wantCode(t, err, "BucketNotEmpty")
	out, err := c.DeleteObjects(t.Context(), &sdk.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("a")}, {Key: aws.String("b")}, {Key: aws.String("never")}}}})
	if err != nil || len(out.Deleted) != 3 {
		t.Fatalf("got %+v %v", out, err)
	}
	if _, err := c.DeleteBucket(t.Context(), &sdk.DeleteBucketInput{Bucket: bucket}); err != nil {
		t.Error(err)
	}
	_, err = c.GetBucketVersioning(t.Context(), &sdk.GetBucketVersioningInput{Bucket: bucket})
	wantCode(t, err, "NoSuchBucket")
}

func TestSettingsThatNobodyMade(t *testing.T) {
	c := client(t)
	bucket := aws.String("b-1")
	for code, call := range map[string]func(context.Context) error{
		"NoSuchCORSConfiguration": func(ctx context.Context) error {
			_, err := c.GetBucketCors(ctx, &sdk.GetBucketCorsInput{Bucket: bucket})
			return err
		},
		"NoSuchLifecycleConfiguration": func(ctx context.Context) error {
			_, err := c.GetBucketLifecycleConfiguration(ctx, &sdk.GetBucketLifecycleConfigurationInput{Bucket: bucket})
			return err
		},
		"NoSuchBucketPolicy": func(ctx context.Context) error {
			_, err := c.GetBucketPolicy(ctx, &sdk.GetBucketPolicyInput{Bucket: bucket})
			return err
		},
		"NoSuchTagSet": func(ctx context.Context) error {
			_, err := c.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: bucket})
			return err
		},
	} {
		wantCode(t, call(t.Context()), code)
	}
	_, err := c.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: aws.String("Not_A_Name")})
	wantCode(t, err, "InvalidBucketName")
}

// TestDefaultEncryption: SSE-S3 can be asked for and is there anyway; there are no keys of KMS.
func TestDefaultEncryption(t *testing.T) {
	c, bucket := client(t), aws.String("b-1")
	put := func(algorithm types.ServerSideEncryption) error {
		_, err := c.PutBucketEncryption(t.Context(), &sdk.PutBucketEncryptionInput{Bucket: bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: algorithm}, BucketKeyEnabled: aws.Bool(true)}}}})
		return err
	}
	rule := func() types.ServerSideEncryptionRule {
		out, err := c.GetBucketEncryption(t.Context(), &sdk.GetBucketEncryptionInput{Bucket: bucket})
		if err != nil {
			t.Fatal(err)
		}
		return out.ServerSideEncryptionConfiguration.Rules[0]
	}
	wantCode(t, put(types.ServerSideEncryptionAwsKms), "NotImplemented")
	if *rule().BucketKeyEnabled {
		t.Error("what was refused is there")
	}
	if err := put(types.ServerSideEncryptionAes256); err != nil {
		t.Fatal(err)
	}
	if r := rule(); !*r.BucketKeyEnabled || r.ApplyServerSideEncryptionByDefault.SSEAlgorithm != types.ServerSideEncryptionAes256 {
		t.Errorf("%+v", r)
	}
	if _, err := c.DeleteBucketEncryption(t.Context(), &sdk.DeleteBucketEncryptionInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	if *rule().BucketKeyEnabled {
		t.Error("the default is not back")
	}
}

// TestEveryOperationHasAnAccessRule holds the two tables against each other.
func TestEveryOperationHasAnAccessRule(t *testing.T) {
	ctx, svc := openService(t)
	for _, op := range model.Ops(svc) {
		func() {
			defer func() { _ = recover() }() // an empty input lacks what the rule reads: there is a rule
			if _, err := svc.Access(ctx, op.Name, op.NewInput()); err != nil && strings.Contains(err.Error(), "no access rule") {
				t.Error(err)
			}
		}()
	}
}

// TestOverwrittenWhileRead begins to read an object of several files and overwrites it: the reader gets what it began.
func TestOverwrittenWhileRead(t *testing.T) {
	c := client(t)
	bucket, key := aws.String("b-1"), aws.String("k")
	up, err := c.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	whole := bytes.Repeat([]byte("0123456789abcdef"), 5<<16)
	for n := int32(1); n <= 3; n++ {
		out, err := c.UploadPart(t.Context(), &sdk.UploadPartInput{Bucket: bucket, Key: key, UploadId: up.UploadId, PartNumber: &n, Body: bytes.NewReader(whole)})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: &n, ETag: out.ETag})
	}
	if _, err := c.CompleteMultipartUpload(t.Context(), &sdk.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}); err != nil {
		t.Fatal(err)
	}
	out, err := c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	put(t, c, "k", "new")
	if n, err := io.Copy(io.Discard, out.Body); err != nil || n != int64(3*len(whole)) {
		t.Errorf("read %d bytes of %d: %v", n, 3*len(whole), err)
	}
	if body, _ := get(t, c, &sdk.GetObjectInput{Key: key}); body != "new" {
		t.Errorf("got %q", body)
	}
}

// TestPresignedHeaders: what a client writes into its URL instead of sending it is heard as if it were sent.
func TestPresignedHeaders(t *testing.T) {
	c := client(t)
	put(t, c, "source", "the signer's")
	send := func(key, query, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "PUT", *c.Options().BaseEndpoint+"/b-1/"+key+"?X-Amz-Expires=60&"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		keys := aws.Credentials{AccessKeyID: edgetest.AccessKeyID, SecretAccessKey: edgetest.SecretAccessKey}
		link, _, err := signer.PresignHTTP(t.Context(), keys, r, "UNSIGNED-PAYLOAD", "s3", edgetest.Region, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		r, err = http.NewRequestWithContext(t.Context(), "PUT", link, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", resp.Status, answer)
		}
	}
	send("k", "x-amz-meta-colour=red&x-amz-tagging=a%3Db&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32", "by link")
	body, out := get(t, c, &sdk.GetObjectInput{Key: aws.String("k")})
	if body != "by link" || out.Metadata["colour"] != "red" || aws.ToInt32(out.TagCount) != 1 {
		t.Errorf("stored %q with %v and %d tags", body, out.Metadata, aws.ToInt32(out.TagCount))
	}
	send("copy", "x-amz-copy-source=/b-1/source", "")
	if body, _ := get(t, c, &sdk.GetObjectInput{Key: aws.String("copy")}); body != "the signer's" {
		t.Errorf("the copy holds %q", body)
	}
}
