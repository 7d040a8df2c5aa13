package sigv4

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxExpires = 7 * 24 * time.Hour

// presigned checks a version 4 signature in the query string (S3 API reference, "Authenticating Requests: Using Query
// Parameters").
func (v *Verifier) presigned(ctx context.Context, r *http.Request) (*Result, error) {
	q := r.URL.Query()
	if q.Get("X-Amz-Algorithm") != algorithm || q.Get("X-Amz-Credential") == "" || q.Get("X-Amz-Signature") == "" || q.Get("X-Amz-SignedHeaders") == "" {
		return nil, AuthorizationQueryError.Errorf("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
	}
	date := q.Get("X-Amz-Date")
	signed, err := time.Parse(basicTime, date)
	if err != nil {
		return nil, AuthorizationQueryError.Errorf("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
	}
	if err := v.checkExpires(signed, q.Get("X-Amz-Expires")); err != nil {
		return nil, err
	}
	sc, err := parseScope(q.Get("X-Amz-Credential"), date)
	if err != nil {
		return nil, err
	}
	secret, p, err := v.Credentials(ctx, sc.accessKeyID, q.Get("X-Amz-Security-Token"))
	if err != nil {
		return nil, err
	}
	payload := cmp.Or(r.Header.Get("X-Amz-Content-Sha256"), q.Get("X-Amz-Content-Sha256"), unsigned)
	headers := strings.Split(strings.ToLower(q.Get("X-Amz-SignedHeaders")), ";")
	request := appendCanonicalRequest(nil, r, headers, payload, sc.service)
	if !newSigner(secret, sc).made(q.Get("X-Amz-Signature"), appendToSign(nil, date, sc, request)) {
		return nil, SignatureDoesNotMatch.Errorf(mismatch)
	}
	if err := requireSigned(r, headers); err != nil {
		return nil, err
	}
	if sc.service == "s3" {
		moved, err := movedHeaders(r.Header, q)
		if err != nil {
			return nil, err
		}
		takeBack(r.Header, moved)
	}
	res := &Result{Principal: p, Region: sc.region, Service: sc.service, Presigned: true}
	return body(r, res, payload, nil)
}

func (v *Verifier) checkExpires(signed time.Time, expires string) error {
	sec, err := strconv.Atoi(expires)
	life := time.Duration(sec) * time.Second
	if err != nil || life <= 0 || life > maxExpires {
		return AuthorizationQueryError.Errorf("X-Amz-Expires must be between 1 and 604800 seconds")
	}
	now := v.Now()
	if now.After(signed.Add(life)) {
		return AccessDenied.Errorf("Request has expired")
	}
	if signed.Sub(now) > MaxSkew {
		return AccessDenied.Errorf("Request is not valid yet")
	}
	return nil
}

// ofSignature are the parameters that a signature is made of; the others of Amazon's stand for headers.
var ofSignature = []string{
	"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signedheaders", "X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Content-Sha256",
}

// movedHeaders are the headers that the SDKs of S3 write into a presigned URL, for its holder will not send them: all of Amazon's,
// and those that version 2 signs. What is sent as well counts as it is sent.
func movedHeaders(sent http.Header, q url.Values) (http.Header, error) {
	moved := http.Header{}
	for name, values := range q {
		name = http.CanonicalHeaderKey(name)
		v2 := q.Has("AWSAccessKeyId") && (name == "Content-Type" || name == "Content-Md5" || name == "X-Amz-Security-Token")
		if !v2 && (!strings.HasPrefix(name, "X-Amz-") || slices.Contains(ofSignature, name)) || sent.Values(name) != nil {
			continue
		}
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n\x00") {
				return nil, AuthorizationQueryError.Errorf("The parameter %s holds what no header can.", name)
			}
		}
		moved[name] = append(moved[name], values...)
	}
	return moved, nil
}

// takeBack makes headers of those that stood in a verified URL. Checksums are none: the SDKs compute them of the body that they do not
// have, and S3 looks at none (S3 user guide, "Uploading objects with presigned URLs").
func takeBack(h, moved http.Header) {
	for name, values := range moved {
		if name != "X-Amz-Sdk-Checksum-Algorithm" && (!strings.HasPrefix(name, "X-Amz-Checksum-") || name == "X-Amz-Checksum-Mode") {
			h[name] = values
		}
	}
}

// subresources are the query parameters that version 2 signs (S3 user guide, "Signing and authenticating REST requests
// (AWS signature version 2)").
var subresources = []string{
	"acl", "lifecycle", "location", "logging", "notification", "partNumber", "policy", "requestPayment", "tagging", "torrent",
	"uploadId", "uploads", "versionId", "versioning", "versions", "website", "delete", "cors", "restore",
	"response-content-type", "response-content-language", "response-expires", "response-cache-control",
	"response-content-disposition", "response-content-encoding",
}

// presignedV2 checks the query signature that `aws s3 presign` still makes for us-east-1.
func (v *Verifier) presignedV2(ctx context.Context, r *http.Request) (*Result, error) {
	q := r.URL.Query()
	expires, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
	if err != nil {
		return nil, AccessDenied.Errorf("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	}
	if v.Now().Unix() > expires {
		return nil, AccessDenied.Errorf("Request has expired")
	}
	moved, err := movedHeaders(r.Header, q)
	if err != nil {
		return nil, err
	}
	signed := r.Header.Clone()
	maps.Copy(signed, moved)
	secret, p, err := v.Credentials(ctx, q.Get("AWSAccessKeyId"), signed.Get("X-Amz-Security-Token"))
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(stringToSignV2(r, signed, q)))
	given, err := base64.StdEncoding.DecodeString(q.Get("Signature"))
	if err != nil || !hmac.Equal(h.Sum(nil), given) {
		return nil, SignatureDoesNotMatch.Errorf(mismatch)
	}
	takeBack(r.Header, moved)
	return unsignedBody(r, &Result{Principal: p, Service: "s3", Presigned: true})
}

func stringToSignV2(r *http.Request, headers http.Header, q url.Values) string {
	var amz []string
	for name, values := range headers {
		if n := strings.ToLower(name); strings.HasPrefix(n, "x-amz-") {
			amz = append(amz, n+":"+strings.Join(values, ",")+"\n")
		}
	}
	slices.Sort(amz)
	resource := encode(r.URL.Path, true)
	if bucket := VirtualBucket(r.Host); bucket != "" {
		resource = "/" + bucket + resource
	}
	var subs []string
	for _, name := range subresources {
		if q.Has(name) {
			if value := q.Get(name); value != "" {
				name += "=" + value
			}
			subs = append(subs, name)
		}
	}
	slices.Sort(subs)
	if len(subs) > 0 {
		resource += "?" + strings.Join(subs, "&")
	}
	return strings.Join([]string{r.Method, headers.Get("Content-Md5"), headers.Get("Content-Type"), q.Get("Expires"), strings.Join(amz, "") + resource}, "\n")
}
