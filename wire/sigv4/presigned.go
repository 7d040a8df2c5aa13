package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
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
	payload := unsigned
	if h := r.Header.Get("X-Amz-Content-Sha256"); h != "" {
		payload = h
	}
	headers := strings.Split(strings.ToLower(q.Get("X-Amz-SignedHeaders")), ";")
	request := appendCanonicalRequest(nil, r, headers, payload, sc.service)
	if !newSigner(secret, sc).made(q.Get("X-Amz-Signature"), appendToSign(nil, date, sc, request)) {
		return nil, SignatureDoesNotMatch.Errorf(mismatch)
	}
	if err := requireSigned(r, headers); err != nil {
		return nil, err
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
	token := q.Get("x-amz-security-token")
	secret, p, err := v.Credentials(ctx, q.Get("AWSAccessKeyId"), token)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(stringToSignV2(r, q)))
	given, err := base64.StdEncoding.DecodeString(q.Get("Signature"))
	if err != nil || !hmac.Equal(h.Sum(nil), given) {
		return nil, SignatureDoesNotMatch.Errorf(mismatch)
	}
	return unsignedBody(r, &Result{Principal: p, Service: "s3", Presigned: true})
}

func stringToSignV2(r *http.Request, q url.Values) string {
	var amz []string
	for name, values := range r.Header {
		if n := strings.ToLower(name); strings.HasPrefix(n, "x-amz-") {
			amz = append(amz, n+":"+strings.Join(values, ",")+"\n")
		}
	}
	if token := q.Get("x-amz-security-token"); token != "" {
		amz = append(amz, "x-amz-security-token:"+token+"\n")
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
	return strings.Join([]string{r.Method, r.Header.Get("Content-Md5"), r.Header.Get("Content-Type"), q.Get("Expires"), strings.Join(amz, "") + resource}, "\n")
}
