package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// TestWrongCredentials uses the AWS CLI with what is no longer, or never was, a credential.
func TestWrongCredentials(t *testing.T) {
	s := serve(t)
	s.makeRole("app")
	right := s.env
	for _, c := range []struct {
		name                    string
		env                     []string
		forJSON, forQuery, onS3 string
	}{
		{"wrong secret", []string{"AWS_SECRET_ACCESS_KEY=wrong"}, "InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch"},
		{"unknown key", []string{"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE"}, "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"},
		{"invented token", []string{"AWS_SESSION_TOKEN=invented"}, "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"},
	} {
		s.run(c.name, func(*testing.T) {
			s.env = append(right[:len(right):len(right)], c.env...)
			defer func() { s.env = right }()
			s.refused(c.forJSON, nil, "kinesis", "list-streams")
			s.refused(c.forJSON, nil, "kinesisanalyticsv2", "list-applications")
			s.refused(c.forQuery, nil, "sts", "get-caller-identity")
			s.refused(c.onS3, nil, "s3api", "list-buckets")
		})
	}
	s.aws("sts", "get-caller-identity")
}

// TestSkewedClock signs requests hours away from now.
func TestSkewedClock(t *testing.T) {
	s := serve(t)
	for _, shift := range []time.Duration{-time.Hour, time.Hour} {
		r := s.request("POST", "/", "{}", map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Kinesis_20131202.ListStreams"})
		if status, body := s.send(r, "kinesis", time.Now().Add(shift), ""); status != 400 || !strings.Contains(body, "InvalidSignatureException") {
			t.Errorf("kinesis answers a clock off by %v with %d %s", shift, status, body)
		}
		r = s.request("GET", "/", "", nil)
		if status, body := s.send(r, "s3", time.Now().Add(shift), ""); status != 403 || !strings.Contains(body, "RequestTimeTooSkewed") {
			t.Errorf("s3 answers a clock off by %v with %d %s", shift, status, body)
		}
	}
}

// TestMalformedBodies sends well-signed nonsense in each protocol.
func TestMalformedBodies(t *testing.T) {
	s := serve(t)
	s.aws("s3", "mb", "s3://malformed")
	json11 := map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Kinesis_20131202.CreateStream"}
	for _, c := range []struct {
		name, service, method, path, body string
		head                              map[string]string
		code                              string
	}{
		{"truncated JSON", "kinesis", "POST", "/", `{"StreamName": "x`, json11, "SerializationException"},
		{"JSON of another type", "kinesis", "POST", "/", `{"StreamName": ["x"]}`, json11, "SerializationException"},
		{"deep JSON", "kinesis", "POST", "/", strings.Repeat(`{"a":`, 100_000), json11, "SerializationException"},
		{"nonsense CBOR", "kinesis", "POST", "/", "\xbf\x6aStreamName\x5b\xff\xff\xff\xff", map[string]string{
			"Content-Type": "application/x-amz-cbor-1.1", "X-Amz-Target": "Kinesis_20131202.CreateStream"}, "SerializationException"},
		{"XML without end", "s3", "POST", "/malformed?delete=", "<Delete><Object><Key>a</Key>", nil, "MalformedXML"},
		{"form without action", "iam", "POST", "/", "Version=2010-05-08", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, "MissingAction"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := s.send(s.request(c.method, c.path, c.body, c.head), c.service, time.Now(), "")
			if status != 400 || !strings.Contains(body, c.code) {
				t.Errorf("got %d %q, expected 400 with %s", status, body, c.code)
			}
		})
	}
	if names := s.aws("kinesis", "list-streams", "--query", "length(StreamNames)"); names != "0" {
		t.Errorf("nonsense made %s streams", names)
	}
}

// TestTruncatedChunks cuts an upload in the middle of its chunked coding. No object may come of it.
func TestTruncatedChunks(t *testing.T) {
	s := serve(t)
	s.aws("s3", "mb", "s3://chunks")
	for name, body := range map[string]string{
		"no last chunk":    "5\r\nhello\r\n",
		"cut in a chunk":   "b\r\nhello",
		"cut in a length":  "5\r\nhello\r\n6",
		"too little":       "5\r\nhello\r\n0\r\n\r\n",
		"no length at all": "hello world",
	} {
		t.Run(name, func(t *testing.T) {
			r := s.request("PUT", "/chunks/object", body, map[string]string{
				"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "11", "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
			})
			status, answer := s.send(r, "s3", time.Now(), "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
			if status != 400 || !strings.Contains(answer, "<Code>") {
				t.Errorf("got %d %s, expected a refusal", status, answer)
			}
		})
	}
	if objects := s.aws("s3api", "list-objects-v2", "--bucket", "chunks", "--query", "KeyCount"); objects != "0" && objects != "null" {
		t.Errorf("truncated uploads left %s objects", objects)
	}
	left, err := filepath.Glob(filepath.Join(s.data, "s3", "*tmp*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("truncated uploads left the files %v (%v)", left, err)
	}
}

func (s *server) request(method, path, body string, head map[string]string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.listen+path, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range head {
		r.Header.Set(name, value)
	}
	return r
}

// send signs a request as of a moment and gives the answer. payload "" means the hash of the body.
func (s *server) send(r *http.Request, service string, at time.Time, payload string) (status int, answer string) {
	s.t.Helper()
	if payload == "" {
		body, err := r.GetBody()
		if err != nil {
			s.t.Fatal(err)
		}
		raw, err := io.ReadAll(body)
		if err != nil {
			s.t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		payload = hex.EncodeToString(sum[:])
	}
	r.Header.Set("X-Amz-Content-Sha256", payload)
	keys := aws.Credentials{AccessKeyID: s.getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: s.getenv("AWS_SECRET_ACCESS_KEY")}
	if err := v4.NewSigner().SignHTTP(s.t.Context(), keys, r, payload, service, s.getenv("AWS_REGION"), at); err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
