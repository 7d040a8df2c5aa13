// Package restxml is the REST-XML protocol, which S3 speaks: operations by method, path and query, members in headers,
// path, query string and an XML or raw body. It knows no operation by name.
package restxml

import (
	"net/http"
	"net/url"
	"strings"

	"drey/wire"
	"drey/wire/shape"
)

// Routes finds the operation of a request.
type Routes struct{ byMethod map[string][]route }

type route struct {
	name    string
	op      *wire.Op // nil: AWS knows the operation, this server does not serve it
	depth   int      // path segments: 0 the service, 1 a bucket, 2 a key
	query   []string // parameters that must be there: "name" or "name=value"
	headers []string // headers that must be there
}

// NewRoutes builds the table of a service's operations.
func NewRoutes(s *wire.Service) *Routes {
	rs := &Routes{byMethod: map[string][]route{}}
	for i := range s.Ops {
		op := &s.Ops[i]
		r := newRoute(op.Name, op.URI)
		r.op = op
		for _, f := range shape.Of(op.NewInput()).Fields {
			switch {
			case f.Required && f.In == "querystring":
				r.query = append(r.query, f.Name)
			case f.Required && f.In == "header":
				r.headers = append(r.headers, f.Name)
			}
		}
		rs.byMethod[op.Method] = append(rs.byMethod[op.Method], r)
	}
	for _, u := range s.UnservedRoutes {
		rs.byMethod[u.Method] = append(rs.byMethod[u.Method], newRoute(u.Name, u.URI))
	}
	return rs
}

func newRoute(name, uri string) route {
	path, query, _ := strings.Cut(uri, "?")
	r := route{name: name, depth: strings.Count(strings.TrimSuffix(path, "/"), "/")}
	for _, q := range strings.Split(query, "&") {
		if q != "" && !strings.HasPrefix(q, "x-id=") {
			r.query = append(r.query, q)
		}
	}
	return r
}

func (r *route) matches(depth int, query url.Values, h http.Header) bool {
	if r.depth != depth {
		return false
	}
	for _, q := range r.query {
		name, value, hasValue := strings.Cut(q, "=")
		if !query.Has(name) || hasValue && query.Get(name) != value {
			return false
		}
	}
	for _, name := range r.headers {
		if h.Get(name) == "" {
			return false
		}
	}
	return true
}

// Find gives the name of the operation that fits most closely, and the operation itself if it is served. An empty name
// means that AWS has no such operation.
func (rs *Routes) Find(req *http.Request, bucket, key string) (string, *wire.Op) {
	depth := 0
	if bucket != "" {
		depth = 1
	}
	if key != "" {
		depth = 2
	}
	query := req.URL.Query()
	var best *route
	for i, r := range rs.byMethod[req.Method] {
		if r.matches(depth, query, req.Header) && (best == nil || len(r.query)+len(r.headers) > len(best.query)+len(best.headers)) {
			best = &rs.byMethod[req.Method][i]
		}
	}
	if best == nil {
		return "", nil
	}
	return best.name, best.op
}
