package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	basicTime = "20060102T150405Z"
)

type authorization struct {
	credential    string
	signedHeaders []string
	signature     string
}

// parseAuthorization reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
func parseAuthorization(header string) (a authorization, ok bool) {
	rest, ok := strings.CutPrefix(header, algorithm)
	if !ok {
		return a, false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			a.credential = value
		case "SignedHeaders":
			a.signedHeaders = strings.Split(strings.ToLower(value), ";")
		case "Signature":
			a.signature = value
		}
	}
	return a, a.credential != "" && a.signature != "" && len(a.signedHeaders) > 0
}

type scope struct{ accessKeyID, date, region, service string }

func (s scope) append(b []byte) []byte {
	b = append(append(b, s.date...), '/')
	b = append(append(b, s.region...), '/')
	return append(append(b, s.service...), "/aws4_request"...)
}

// parseScope reads "<key>/<date>/<region>/<service>/aws4_request". An access key may hold slashes in theory.
func parseScope(credential, date string) (scope, error) {
	parts := strings.Split(credential, "/")
	if len(parts) < 5 || parts[len(parts)-1] != "aws4_request" {
		return scope{}, IncompleteSignature.Errorf("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", credential)
	}
	n := len(parts)
	sc := scope{strings.Join(parts[:n-4], "/"), parts[n-4], parts[n-3], parts[n-2]}
	if !strings.HasPrefix(date, sc.date) || len(sc.date) != 8 {
		return scope{}, SignatureDoesNotMatch.Errorf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", sc.date, date[:min(8, len(date))], date)
	}
	return sc, nil
}

// appendCanonicalRequest adds what the client signed (IAM user guide, "Create a signed AWS API request").
func appendCanonicalRequest(b []byte, r *http.Request, signed []string, payload, service string) []byte {
	b = append(append(b, r.Method...), '\n')
	b = append(append(b, canonicalPath(r.URL, service)...), '\n')
	b = append(append(b, canonicalQuery(r.URL.RawQuery)...), '\n')
	for _, name := range signed {
		b = append(append(b, name...), ':')
		b = append(append(b, headerValue(r, name)...), '\n')
	}
	b = append(b, '\n')
	for i, name := range signed {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	return append(append(b, '\n'), payload...)
}

// canonicalPath encodes the path once for S3 and twice for all others.
func canonicalPath(u *url.URL, service string) string {
	path := u.Path
	if path == "" || path == "/" {
		return "/"
	}
	encoded := encode(path, true)
	if service == "s3" || service == "" {
		return encoded
	}
	return encode(encoded, true)
}

func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var pairs []string
	for _, part := range strings.Split(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if n == "" || n == "X-Amz-Signature" || err1 != nil || err2 != nil {
			continue
		}
		pairs = append(pairs, encode(n, false)+"="+encode(v, false))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// encode is AWS's URI encoding: everything but the unreserved characters.
func encode(s string, path bool) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~', path && c == '/':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// commonNames saves the making of names that nearly every request has.
var commonNames = map[string]string{
	"x-amz-date": "X-Amz-Date", "x-amz-target": "X-Amz-Target", "x-amz-security-token": "X-Amz-Security-Token",
	"x-amz-content-sha256": "X-Amz-Content-Sha256", "amz-sdk-invocation-id": "Amz-Sdk-Invocation-Id", "amz-sdk-request": "Amz-Sdk-Request",
	"content-type": "Content-Type",
}

// canonicalName is the key of a header's name in the map of net/http.
func canonicalName(lower string) string {
	if name, ok := commonNames[lower]; ok {
		return name
	}
	return http.CanonicalHeaderKey(lower)
}

// headerValue is the canonical value of a header; some of them the HTTP server keeps outside of the map.
func headerValue(r *http.Request, name string) string {
	switch name {
	case "host", ":authority": // the SDK for JavaScript signs the latter over HTTP/2
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	case "transfer-encoding":
		return strings.Join(r.TransferEncoding, ",")
	}
	values := r.Header.Values(canonicalName(name))
	if len(values) == 1 && !strings.ContainsAny(values[0], " \t") {
		return values[0]
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(trimmed, ",")
}
