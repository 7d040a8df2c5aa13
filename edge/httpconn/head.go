package httpconn

import (
	"bytes"
	"math"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

const (
	headSize = 4 << 10 // of a head that is read here
	bodySize = 1 << 20 // of a body that is read here
)

var (
	method   = []byte("POST /")
	protocol = " HTTP/1.1"
	headEnd  = []byte("\r\n\r\n")
)

// elsewhere are headers whose meaning is net/http's business.
var elsewhere = map[string]bool{
	"Transfer-Encoding": true, "Expect": true, "Upgrade": true, "Trailer": true, "Te": true, "Pragma": true,
	"Connection": true, "Http2-Settings": true,
}

// parse reads a head that ends with an empty line, or says that net/http should. Where it does read one, the request is the
// one that http.ReadRequest would give, without its body.
func parse(text []byte) (*http.Request, bool) {
	line, lines, _ := strings.Cut(string(text), "\r\n")
	path, ok := strings.CutSuffix(strings.TrimPrefix(line, "POST "), protocol)
	if !ok || !bytes.HasPrefix(text, method) || !plainPath(path) {
		return nil, false
	}
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: path}, RequestURI: path, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, 12), ContentLength: -1,
	}
	values := make([]string, 0, 12) // one piece of memory for most of them
	for {
		if line, lines, ok = strings.Cut(lines, "\r\n"); !ok {
			return nil, false
		}
		if line == "" {
			return r, r.Host != "" && r.ContentLength >= 0
		}
		name, value, ok := field(line)
		if !ok || elsewhere[name] && !(name == "Connection" && strings.EqualFold(value, "keep-alive")) {
			return nil, false
		}
		switch name {
		case "Host":
			if r.Host != "" || !plainHost(value) {
				return nil, false
			}
			r.Host = value
			continue
		case "Content-Length":
			if r.ContentLength >= 0 {
				return nil, false
			}
			if r.ContentLength, ok = length(value); !ok {
				return nil, false
			}
		}
		if old := r.Header[name]; old != nil {
			r.Header[name] = append(old[:len(old):len(old)], value)
			continue
		}
		values = append(values, value)
		r.Header[name] = values[len(values)-1 : len(values) : len(values)]
	}
}

// plainPath says whether a path needs no interpretation: / and that of Smithy's RPC v2.
func plainPath(path string) bool {
	for i := range len(path) {
		if c := path[i]; !letter(c) && c != '/' && c != '_' {
			return false
		}
	}
	return strings.HasPrefix(path, "/") && !strings.Contains(path, "//")
}

func plainHost(host string) bool {
	for i := range len(host) {
		if c := host[i]; !letter(c) && c != '.' && c != ':' && c != '-' && c != '_' {
			return false
		}
	}
	return host != ""
}

func letter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func length(digits string) (n int64, ok bool) {
	if digits == "" {
		return 0, false
	}
	for i := range len(digits) {
		c := digits[i]
		if c < '0' || c > '9' || n > math.MaxInt32 {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, n <= bodySize
}

// field reads a header of printable ASCII.
func field(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	if !ok || name == "" {
		return "", "", false
	}
	for i := range len(name) {
		if c := name[i]; !letter(c) && c != '-' && c != '_' {
			return "", "", false
		}
	}
	for i := range len(value) {
		if c := value[i]; (c < ' ' || c > '~') && c != '\t' {
			return "", "", false
		}
	}
	return textproto.CanonicalMIMEHeaderKey(name), strings.Trim(value, " \t"), true
}
