package sigv4_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"drey/wire"
	"drey/wire/sigv4"
)

var (
	now   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	creds = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
)

func verifier() *sigv4.Verifier {
	return &sigv4.Verifier{
		Now: func() time.Time { return now },
		Credentials: func(_ context.Context, id, token string) (string, wire.Principal, error) {
			if id != creds.AccessKeyID {
				return "", wire.Principal{}, sigv4.InvalidClientTokenID.Errorf("The security token included in the request is invalid.")
			}
			return creds.SecretAccessKey, wire.Principal{ARN: "arn:aws:iam::1:user/u", Account: "1"}, nil
		},
	}
}

// signed makes a request with the signer of AWS's own SDK.
func signed(t *testing.T, method, target, body, service string, at time.Time, change func(*http.Request)) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	if service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	if err := signer.SignHTTP(context.Background(), creds, r, hash, service, "us-east-1", at); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	return r
}

func readAll(r *http.Request) error {
	res, err := verifier().Verify(context.Background(), r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

func TestVerifyAgainstTheSDKSigner(t *testing.T) {
	for _, target := range []string{
		"http://127.0.0.1:4566/", "http://h/bucket/a%20b/%C3%A4%2B%3D~.jar?list-type=2&prefix=a%2Fb&x=&y", "http://h/b/k?versions",
		"http://h/b/a//b/../c", "http://h/b/100%25",
	} {
		for _, service := range []string{"s3", "kinesis"} {
			r := signed(t, "PUT", target, "hello", service, now, nil)
			if err := readAll(r); err != nil {
				t.Errorf("%s %s: %v", service, target, err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	s3 := func(change func(*http.Request)) *http.Request {
		return signed(t, "PUT", "http://h/b/k", "hello", "s3", now, change)
	}
	for name, c := range map[string]struct {
		r    *http.Request
		want wire.ErrorCode
	}{
		"ChangedBody":       {s3(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("Hello")) }), sigv4.ContentSHA256Mismatch},
		"ChangedPath":       {s3(func(r *http.Request) { r.URL.Path = "/b/other" }), sigv4.SignatureDoesNotMatch},
		"ChangedQuery":      {s3(func(r *http.Request) { r.URL.RawQuery = "acl" }), sigv4.SignatureDoesNotMatch},
		"AddedAmazonHeader": {s3(func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") }), sigv4.AccessDenied},
		"AddedToPresigned":  {presigned(t, now, nil, func(r *http.Request) { r.Header.Set("X-Amz-Copy-Source", "/b/secret") }), sigv4.AccessDenied},
		"ChangedInPresigned": {presigned(t, now, http.Header{"X-Amz-Copy-Source": {"/b/meant"}}, func(r *http.Request) {
			r.Header.Set("X-Amz-Copy-Source", "/b/secret")
		}), sigv4.SignatureDoesNotMatch},
		"UnknownKey": {s3(func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "AKIDEXAMPLE", "AKIDOTHER", 1))
		}), sigv4.InvalidClientTokenID},
		"GarbledHeader": {s3(func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 x") }), sigv4.IncompleteSignature},
		"ClockBehind":   {signed(t, "GET", "http://h/", "", "kinesis", now.Add(-16*time.Minute), nil), sigv4.RequestTimeTooSkewed},
		"ClockAhead":    {signed(t, "GET", "http://h/", "", "kinesis", now.Add(16*time.Minute), nil), sigv4.RequestTimeTooSkewed},
	} {
		t.Run(name, func(t *testing.T) {
			if err := readAll(c.r); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %s", err, c.want.Code)
			}
		})
	}
}

// presigned is a PUT with what AWS's own SDK signs into a URL and leaves for the holder to send.
func presigned(t *testing.T, at time.Time, headers http.Header, change func(*http.Request)) *http.Request {
	t.Helper()
	r := httptest.NewRequest("PUT", "http://h/b/k?X-Amz-Expires=60", nil)
	for name, values := range headers {
		r.Header[name] = values
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	u, signed, err := signer.PresignHTTP(context.Background(), creds, r, "UNSIGNED-PAYLOAD", "s3", "us-east-1", at)
	if err != nil {
		t.Fatal(err)
	}
	r = httptest.NewRequest("PUT", u, nil)
	for name, values := range signed {
		r.Header[name] = values
	}
	if change != nil {
		change(r)
	}
	return r
}

func TestPresigned(t *testing.T) {
	for name, c := range map[string]struct {
		r    *http.Request
		want error
	}{
		"InTime":       {presigned(t, now.Add(-59*time.Second), nil, nil), nil},
		"Expired":      {presigned(t, now.Add(-61*time.Second), nil, nil), sigv4.AccessDenied},
		"OtherKey":     {presigned(t, now, nil, func(r *http.Request) { r.URL.Path = "/b/other" }), sigv4.SignatureDoesNotMatch},
		"SignedHeader": {presigned(t, now, http.Header{"X-Amz-Copy-Source": {"/b/meant"}}, nil), nil},
		"PayloadHash":  {presigned(t, now, nil, func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }), nil},
		"OtherHeaders": {presigned(t, now, nil, func(r *http.Request) {
			r.Header.Set("Content-Type", "text/plain")
			r.Header.Set("X-Amzn-Trace-Id", "Root=1")
		}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if err := readAll(c.r); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestPresignedV2 holds a URL that `aws s3 presign` made.
func TestPresignedV2(t *testing.T) {
	v := &sigv4.Verifier{Now: func() time.Time { return time.Unix(1795444308, 0) }, Credentials: func(context.Context, string, string) (string, wire.Principal, error) {
		return "s", wire.Principal{ARN: "a"}, nil
	}}
	r := httptest.NewRequest("GET", "http://127.0.0.1:4566/b/k?AWSAccessKeyId=AKIAX&Signature=FodagGycadqKfF%2BZmzEBsKW2rl8%3D&Expires=1795444308", nil)
	if _, err := v.Verify(context.Background(), r); err != nil {
		t.Error(err)
	}
	r.URL.Path = "/b/other"
	if _, err := v.Verify(context.Background(), r); !errors.Is(err, sigv4.SignatureDoesNotMatch) {
		t.Errorf("other key: got %v", err)
	}
	r.URL.Path = "/b/k"
	r.Header.Set("X-Amz-Copy-Source", "/b/secret")
	if _, err := v.Verify(context.Background(), r); !errors.Is(err, sigv4.SignatureDoesNotMatch) {
		t.Errorf("added header: got %v", err)
	}
}

// TestHeadersInPresigned: what the SDKs move into the URL is a header again once it is verified, and nothing else is.
func TestHeadersInPresigned(t *testing.T) {
	const moved = "x-amz-meta-colour=red&X-Amz-Tagging=a%3Db&x-amz-checksum-mode=ENABLED&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32&x-id=PutObject"
	want := http.Header{"X-Amz-Meta-Colour": {"red"}, "X-Amz-Tagging": {"a=b"}, "X-Amz-Checksum-Mode": {"ENABLED"}}
	signed := func(query string) *http.Request {
		r := httptest.NewRequest("PUT", "http://h/b/k?X-Amz-Expires=60&"+query, nil)
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		u, _, err := signer.PresignHTTP(context.Background(), creds, r, "UNSIGNED-PAYLOAD", "s3", "us-east-1", now)
		if err != nil {
			t.Fatal(err)
		}
		return httptest.NewRequest("PUT", u, nil)
	}
	r := signed(moved)
	if _, err := verifier().Verify(context.Background(), r); err != nil || !maps.EqualFunc(r.Header, want, slices.Equal) {
		t.Errorf("%v; the headers are %v, expected %v", err, r.Header, want)
	}
	r = signed(moved)
	r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "=red", "=blue", 1)
	if _, err := verifier().Verify(context.Background(), r); !errors.Is(err, sigv4.SignatureDoesNotMatch) {
		t.Errorf("a changed one: got %v", err)
	}
	if _, err := verifier().Verify(context.Background(), signed("x-amz-meta-colour=red%0D%0ASet-Cookie:a")); !errors.Is(err, sigv4.AuthorizationQueryError) {
		t.Errorf("two lines: got %v", err)
	}
}

// TestHeadersInPresignedV2: boto3 signs them as headers and writes them into the URL.
func TestHeadersInPresignedV2(t *testing.T) {
	v := &sigv4.Verifier{Now: func() time.Time { return now }, Credentials: func(_ context.Context, _, token string) (string, wire.Principal, error) {
		return "s", wire.Principal{ARN: token}, nil
	}}
	expires := fmt.Sprint(now.Unix() + 60)
	mac := hmac.New(sha1.New, []byte("s"))
	fmt.Fprintf(mac, "PUT\n\ntext/plain\n%s\nx-amz-meta-colour:red\nx-amz-security-token:session\n/b/k", expires)
	link := func(more string) *http.Request {
		q := url.Values{"AWSAccessKeyId": {"AKIAX"}, "Signature": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}, "Expires": {expires},
			"x-amz-meta-colour": {"red"}, "x-amz-security-token": {"session"}, "content-type": {"text/plain"}}
		return httptest.NewRequest("PUT", "http://127.0.0.1:4566/b/k?"+q.Encode()+more, nil)
	}
	r := link("")
	res, err := v.Verify(context.Background(), r)
	if err != nil || res.Principal.ARN != "session" || r.Header.Get("X-Amz-Meta-Colour") != "red" || r.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%v; the headers are %v", err, r.Header)
	}
	if _, err := v.Verify(context.Background(), link("&x-amz-copy-source=/b/secret")); !errors.Is(err, sigv4.SignatureDoesNotMatch) {
		t.Errorf("an added one: got %v", err)
	}
}

func chunked(body string, headers map[string]string) *http.Request {
	r := httptest.NewRequest("PUT", "http://h/b/k", strings.NewReader(body))
	r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	return r
}

func TestUnsignedChunksWithTrailer(t *testing.T) {
	r := chunked("5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32: DUoRhQ==\r\n\r\n", map[string]string{"X-Amz-Decoded-Content-Length": "11"})
	res, err := verifier().Verify(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(res.Body)
	if err != nil || string(got) != "hello world" {
		t.Fatalf("got %q, %v", got, err)
	}
	trailer := res.Body.(interface{ Trailer() map[string]string }).Trailer()
	if trailer["x-amz-checksum-crc32"] != "DUoRhQ==" {
		t.Errorf("trailer %v", trailer)
	}
}

func TestBrokenChunks(t *testing.T) {
	for name, c := range map[string]struct {
		body, length string
		want         wire.ErrorCode
	}{
		"TruncatedChunk":    {"5\r\nhel", "5", sigv4.IncompleteBody},
		"TruncatedHeader":   {"5", "5", sigv4.IncompleteBody},
		"NoLastChunk":       {"5\r\nhello\r\n", "5", sigv4.IncompleteBody},
		"BadSize":           {"zz\r\nhello\r\n0\r\n\r\n", "5", sigv4.InvalidChunk},
		"MoreThanAnnounced": {"6\r\nhello!\r\n0\r\n\r\n", "5", sigv4.InvalidChunk},
		"LessThanAnnounced": {"4\r\nhell\r\n0\r\n\r\n", "5", sigv4.IncompleteBody},
		"LongerThanSize":    {"4\r\nhello\r\n0\r\n\r\n", "4", sigv4.InvalidChunk},
	} {
		t.Run(name, func(t *testing.T) {
			err := readAll(chunked(c.body, map[string]string{"X-Amz-Decoded-Content-Length": c.length}))
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %s", err, c.want.Code)
			}
		})
	}
}

func FuzzChunks(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"), "5")
	f.Add([]byte("5;chunk-signature=00\r\nhello\r\n0\r\na:b\r\n\r\n"), "5")
	f.Fuzz(func(t *testing.T, body []byte, length string) {
		r := chunked("", map[string]string{"X-Amz-Decoded-Content-Length": length})
		r.Body = io.NopCloser(bytes.NewReader(body))
		res, err := verifier().Verify(context.Background(), r)
		if err != nil {
			return
		}
		n, err := io.Copy(io.Discard, res.Body)
		if err == nil && n != res.Length {
			t.Errorf("%d bytes of %d without an error", n, res.Length)
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=a/20260301/r/s/aws4_request, SignedHeaders=host, Signature=00", "20260301T120000Z")
	f.Fuzz(func(t *testing.T, header, date string) {
		r := httptest.NewRequest("GET", "http://h/", nil)
		r.Header["Authorization"], r.Header["X-Amz-Date"] = []string{header}, []string{date}
		if res, err := verifier().Verify(context.Background(), r); err == nil && res.Principal.ARN != "" {
			t.Errorf("%q was let in", header)
		}
	})
}

// TestAuthority: the SDK for JavaScript signs ":authority" in the place of "host" over HTTP/2. The signature is its signer's.
func TestAuthority(t *testing.T) {
	for host, want := range map[string]error{"h": nil, "other": sigv4.SignatureDoesNotMatch} {
		r := httptest.NewRequest("POST", "http://"+host+"/", strings.NewReader("{}"))
		r.Header.Set("X-Amz-Target", "Kinesis_20131202.ListStreams")
		r.Header.Set("X-Amz-Date", "20260301T120000Z")
		r.Header.Set("X-Amz-Content-Sha256", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260301/us-east-1/kinesis/aws4_request, "+
			"SignedHeaders=:authority;x-amz-content-sha256;x-amz-date;x-amz-target, Signature=dd9f105195eae2e8c154d54288a1656f4a0dca5ebbe72a14f7ee358d690d68b0")
		if err := readAll(r); !errors.Is(err, want) {
			t.Errorf("%s: got %v", host, err)
		}
	}
}
