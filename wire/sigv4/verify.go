// Package sigv4 checks who signed a request: Signature Version 4 in the Authorization header or in the query string, with
// whole, unsigned or chunked payloads, and the older query signature that S3 still takes for presigned URLs. It decides
// nothing else: what the signer may do is the authorizer's question. It never logs a secret or a signature.
package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"drey/wire"
)

// MaxSkew is how far a client's clock may be off (IAM user guide, "Elements of an AWS API request signature").
const MaxSkew = 15 * time.Minute

// The reasons of a refusal. Each protocol has its own spelling of them; the edge translates.
var (
	MissingAuthenticationToken = wire.ErrorCode{Code: "MissingAuthenticationToken", Status: 403}
	IncompleteSignature        = wire.ErrorCode{Code: "IncompleteSignature", Status: 403}
	InvalidClientTokenID       = wire.ErrorCode{Code: "InvalidClientTokenId", Status: 403}
	SignatureDoesNotMatch      = wire.ErrorCode{Code: "SignatureDoesNotMatch", Status: 403}
	RequestTimeTooSkewed       = wire.ErrorCode{Code: "RequestTimeTooSkewed", Status: 403}
	AccessDenied               = wire.ErrorCode{Code: "AccessDenied", Status: 403}
	ContentSHA256Mismatch      = wire.ErrorCode{Code: "XAmzContentSHA256Mismatch", Status: 400}
	IncompleteBody             = wire.ErrorCode{Code: "IncompleteBody", Status: 400}
	InvalidChunk               = wire.ErrorCode{Code: "InvalidChunkSizeError", Status: 403}
	AuthorizationQueryError    = wire.ErrorCode{Code: "AuthorizationQueryParametersError", Status: 400}
)

const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// Verifier checks signatures.
type Verifier struct {
	Credentials wire.Credentials
	Now         func() time.Time

	signers signers
}

// Result is a verified request.
type Result struct {
	Principal       wire.Principal
	Region, Service string // of the signature's scope; empty for anonymous requests and query signatures of version 2
	Presigned       bool
	Body            io.ReadCloser // to be read instead of the request's; an error at its end means that it was tampered with
	Length          int64         // of Body; -1 = unknown
}

// Scope gives the region and service a request claims to be signed for, before any check; empty if it is not signed
// with version 4.
func Scope(r *http.Request) (region, service string) {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if a, ok := parseAuthorization(r.Header.Get("Authorization")); ok {
		credential = a.credential
	}
	parts := strings.Split(credential, "/")
	if len(parts) < 5 {
		return "", ""
	}
	return parts[len(parts)-3], parts[len(parts)-2]
}

// Verify checks the signature of r. A request without any signature is answered with the zero Principal: only S3 lets
// those in, by policy. Headers that stand in a presigned URL of S3 are headers of r then.
func (v *Verifier) Verify(ctx context.Context, r *http.Request) (*Result, error) {
	var query url.Values
	if r.URL.RawQuery != "" {
		query = r.URL.Query()
	}
	switch {
	case query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Signature"):
		return v.presigned(ctx, r)
	case query.Has("AWSAccessKeyId") && query.Has("Signature"):
		return v.presignedV2(ctx, r)
	case r.Header.Get("Authorization") != "":
		return v.header(ctx, r)
	}
	return unsignedBody(r, &Result{})
}

func (v *Verifier) header(ctx context.Context, r *http.Request) (*Result, error) {
	a, ok := parseAuthorization(r.Header.Get("Authorization"))
	if !ok {
		return nil, IncompleteSignature.Errorf("Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Only AWS4-HMAC-SHA256 is supported.")
	}
	date := r.Header.Get("X-Amz-Date")
	if date == "" {
		if t, err := http.ParseTime(r.Header.Get("Date")); err == nil {
			date = t.UTC().Format(basicTime)
		}
	}
	signed, err := time.Parse(basicTime, date)
	if err != nil {
		return nil, IncompleteSignature.Errorf("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if err := v.checkSkew(signed, date); err != nil {
		return nil, err
	}
	sc, err := parseScope(a.credential, date)
	if err != nil {
		return nil, err
	}
	secret, p, err := v.Credentials(ctx, sc.accessKeyID, r.Header.Get("X-Amz-Security-Token"))
	if err != nil {
		return nil, err
	}
	res := &Result{Principal: p, Region: sc.region, Service: sc.service}
	payload, err := payloadHash(r, sc.service)
	if err != nil {
		return nil, err
	}
	signer, known := v.signers.of(secret, sc)
	t := texts.Get().(*text)
	defer texts.Put(t)
	t.request = appendCanonicalRequest(t.request[:0], r, a.signedHeaders, payload, sc.service)
	t.toSign = appendToSign(t.toSign[:0], date, sc, t.request)
	if !signer.made(a.signature, t.toSign) {
		return nil, SignatureDoesNotMatch.Errorf("%s\n\nThe Canonical String for this request should have been\n'%s'", mismatch, t.request)
	}
	if !known {
		v.signers.remember(secret, sc, signer)
	}
	if err := requireSigned(r, a.signedHeaders); err != nil {
		return nil, err
	}
	return body(r, res, payload, &chunkSigner{signer: signer, scope: sc, date: date, previous: a.signature})
}

func (v *Verifier) checkSkew(signed time.Time, date string) error {
	now := v.Now().UTC()
	if d := now.Sub(signed); d > MaxSkew {
		return RequestTimeTooSkewed.Errorf("Signature expired: %s is now earlier than %s (%s - 15 min.)", date, now.Add(-MaxSkew).Format(basicTime), now.Format(basicTime))
	} else if d < -MaxSkew {
		return RequestTimeTooSkewed.Errorf("Signature not yet current: %s is still later than %s (%s + 15 min.)", date, now.Add(MaxSkew).Format(basicTime), now.Format(basicTime))
	}
	return nil
}

// requireSigned refuses requests whose host or Amazon headers are not covered: somebody could have changed them, and the
// holder of a presigned URL could do more with it than its signer meant. X-Amz-Content-Sha256 is covered in any case: its
// value ends the canonical request.
func requireSigned(r *http.Request, signed []string) error {
	if !slices.Contains(signed, "host") && !slices.Contains(signed, ":authority") {
		return SignatureDoesNotMatch.Errorf("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		if !strings.HasPrefix(name, "X-Amz-") || name == "X-Amz-Content-Sha256" {
			continue
		}
		if !slices.ContainsFunc(signed, func(s string) bool { return strings.EqualFold(s, name) }) {
			return AccessDenied.Errorf("There were headers present in the request which were not signed: %s", strings.ToLower(name))
		}
	}
	return nil
}

// text is what a check hashes.
type text struct{ request, toSign []byte }

var texts = sync.Pool{New: func() any { return new(text) }}

func appendToSign(b []byte, date string, sc scope, request []byte) []byte {
	b = append(append(append(b, algorithm...), '\n'), date...)
	b = append(sc.append(append(b, '\n')), '\n')
	sum := sha256.Sum256(request)
	return hex.AppendEncode(b, sum[:])
}

// signers remembers what was derived of secrets: it is good for a day, and costs more than the rest of a check.
type signers struct {
	mu    sync.Mutex
	known map[signerScope]*signer
}

type signerScope struct{ secret, date, region, service string }

// knownSigners is how many are remembered; then all are forgotten.
const knownSigners = 1000

func (c *signers) of(secret string, sc scope) (s *signer, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s = c.known[signerScope{secret, sc.date, sc.region, sc.service}]; s != nil {
		return s, true
	}
	return newSigner(secret, sc), false
}

// remember keeps a signer whose signature was right: callers who know no secret fill no memory.
func (c *signers) remember(secret string, sc scope, s *signer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= knownSigners {
		c.known = map[signerScope]*signer{}
	}
	c.known[signerScope{strings.Clone(secret), strings.Clone(sc.date), strings.Clone(sc.region), strings.Clone(sc.service)}] = s
}

// signer makes the signatures of one secret, day, region and service.
type signer struct{ macs sync.Pool } // of *mac

// mac is a keyed hash, and room for what is compared.
type mac struct {
	hash.Hash
	want, given []byte
}

func newSigner(secret string, sc scope) *signer {
	key := []byte("AWS4" + secret)
	for _, part := range []string{sc.date, sc.region, sc.service, "aws4_request"} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return &signer{sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, key)} }}}
}

// made says whether signature is the signer's of a text.
func (s *signer) made(signature string, toSign []byte) bool {
	m := s.macs.Get().(*mac)
	defer s.macs.Put(m)
	m.Reset()
	m.Write(toSign)
	m.want = m.Sum(m.want[:0])
	m.given = append(m.given[:0], signature...)
	n, err := hex.Decode(m.given, m.given)
	return err == nil && hmac.Equal(m.want, m.given[:n])
}
