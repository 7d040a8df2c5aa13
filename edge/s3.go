package edge

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"drey/wire"
	"drey/wire/restxml"
	"drey/wire/sigv4"
)

// serveS3 takes a REST-XML request through the same stations as serve.
func (c *call) serveS3() {
	c.pace.stalls = true
	c.w.Header().Set("x-amz-request-id", c.req.ID)
	c.w.Header().Set("x-amz-id-2", c.req.ID)
	bucket, key := bucketAndKey(c.r)
	name, op := c.routes.Find(c.r, bucket, key)
	c.req.Op, c.op = name, op
	res, err := c.verify()
	if err != nil {
		c.fail(err)
		return
	}
	if res.Presigned { // its URL may hold headers that say what it is
		name, op = c.routes.Find(c.r, bucket, key)
		c.req.Op, c.op = name, op
	}
	if op == nil {
		c.fail(c.notServed(name))
		return
	}
	c.normalise(res)
	in := op.NewInput()
	if err := restxml.Decode(c.r, bucket, key, res.Body, in); err != nil {
		c.fail(err)
		return
	}
	out, err := c.run(in)
	if err != nil {
		c.fail(err)
		return
	}
	err = restxml.Encode(c.w, c.r, op, out, c.service.XMLNamespace)
	if err != nil && !errors.Is(err, c.r.Context().Err()) {
		// The status has gone out: only a cut connection tells the client that the body is not whole.
		c.Log.Warn("answer cut off", "id", c.req.ID, "operation", name, "error", err)
		panic(http.ErrAbortHandler)
	}
}

func (c *call) notServed(name string) error {
	if name == "" {
		return wire.ErrorCode{Code: "MethodNotAllowed", Status: 405}.Errorf("The specified method is not allowed against this resource.")
	}
	return wire.ErrorCode{Code: "NotImplemented", Status: 501}.Errorf("A header or query you provided implies functionality that is not implemented: AWS has %s, Drey does not serve it yet (docs/unserved-operations.md)", name)
}

// normalise gives back to the headers what the HTTP server or the payload's coding took from them.
func (c *call) normalise(res *sigv4.Result) {
	if res.Length >= 0 {
		c.r.Header.Set("Content-Length", strconv.FormatInt(res.Length, 10))
	}
	encodings := slices.DeleteFunc(strings.Split(c.r.Header.Get("Content-Encoding"), ","), func(s string) bool {
		s = strings.TrimSpace(s)
		return s == "" || s == "aws-chunked"
	})
	c.r.Header.Del("Content-Encoding")
	if len(encodings) > 0 {
		c.r.Header.Set("Content-Encoding", strings.Join(encodings, ","))
	}
}

// bucketAndKey reads both addressing styles.
func bucketAndKey(r *http.Request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if bucket = sigv4.VirtualBucket(r.Host); bucket != "" {
		return bucket, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}
