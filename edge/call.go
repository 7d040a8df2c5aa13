package edge

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"drey/wire"
	"drey/wire/shape"
	"drey/wire/sigv4"
)

// call is one request on its way.
type call struct {
	*Handler
	w       *pacedAnswer
	r       *http.Request
	req     *wire.Request
	service *wire.Service
	op      *wire.Op
	dialect *dialect
	form    url.Values // of the Query protocol
	body    []byte
	pace    *pacedBody
}

// serve takes the request through routing, signature, decoding, decision and operation. S3 goes its own way: its bodies
// are streams.
func (c *call) serve() {
	if err := c.route(); err != nil {
		c.fail(err)
		return
	}
	c.req.Service = c.service.Name
	if c.service == c.s3 {
		c.serveS3()
		return
	}
	if err := c.limit(c.service.MaxBody); err != nil {
		c.fail(err)
		return
	}
	res, err := c.verify()
	if err != nil {
		c.fail(err)
		return
	}
	if err := c.read(res); err != nil {
		c.fail(err)
		return
	}
	if c.op = c.service.Op(c.req.Op); c.op == nil {
		c.fail(c.dialect.unknown(c.service, c.req.Op))
		return
	}
	in := c.op.NewInput()
	if err := c.dialect.decode(c.body, c.form, in); err != nil {
		c.fail(err)
		return
	}
	out, err := c.run(in)
	if err != nil {
		c.fail(err)
		return
	}
	if stream := eventStream(out); stream != nil {
		c.sendEvents(stream, out)
		return
	}
	c.send(c.dialect.encode(out, c.op.Name, c.service.XMLNamespace, c.req.ID))
}

// run validates, decides and calls.
func (c *call) run(in any) (any, error) {
	if err := shape.Validate(in, c.service.Validation); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	access, err := c.service.Access(ctx, c.op.Name, in)
	if err != nil {
		return nil, err
	}
	if len(access) > 0 {
		if err := c.Authorize(ctx, access); err != nil {
			return nil, err
		}
	}
	return c.op.Call(ctx, in)
}

func (c *call) verify() (*sigv4.Result, error) {
	res, err := c.verifier.Verify(c.r.Context(), c.r)
	if err != nil {
		return nil, err
	}
	if res.Principal.ARN == "" && c.service != c.s3 {
		return nil, sigv4.MissingAuthenticationToken.Errorf("Request is missing Authentication Token")
	}
	if res.Service != "" && res.Service != c.service.SigningName {
		return nil, sigv4.SignatureDoesNotMatch.Errorf("Credential should be scoped to correct service: '%s'. ", c.service.SigningName)
	}
	c.req.Principal, c.req.Account, c.req.Region = res.Principal, res.Principal.Account, res.Region
	c.req.Presigned = res.Presigned
	if c.req.Region == "" {
		c.req.Region = c.Region
	}
	return res, nil
}

// route finds the service, the protocol and the name of the operation.
func (c *call) route() error {
	contentType, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	if target := c.r.Header.Get("X-Amz-Target"); target != "" {
		prefix, op, _ := strings.Cut(target, ".")
		c.service, c.req.Op = c.targets[prefix], op
		c.dialect = dialects[strings.TrimSpace(contentType)]
		if c.dialect == nil || c.dialect.form {
			c.dialect = json11
		}
		if c.service == nil {
			return wire.UnknownOperation.Errorf("The service of the target %s is not served.", target)
		}
		return nil
	}
	if c.r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" {
		return c.routeRPC()
	}
	_, scoped := sigv4.Scope(c.r)
	c.service = c.scopes[scoped]
	if c.service == nil && scoped == "" {
		c.service = c.hosts[firstLabel(c.r.Host)]
	}
	switch {
	case c.service != nil && c.service != c.s3, c.service == nil && isForm(contentType):
		return c.routeQuery(scoped)
	case scoped != "" && scoped != "s3":
		c.dialect = json11
		return wire.UnknownOperation.Errorf("The service %s is not served.", scoped)
	}
	c.service, c.dialect = c.s3, rest
	return nil
}

func isForm(contentType string) bool {
	return strings.TrimSpace(contentType) == "application/x-www-form-urlencoded"
}

// routeRPC reads /service/<name>/operation/<name> (Smithy, "RPC v2 CBOR protocol"). To a service whose model does not have the
// protocol such a path is no operation.
func (c *call) routeRPC() error {
	c.dialect = rpcV2
	parts := strings.Split(strings.Trim(c.r.URL.Path, "/"), "/")
	if len(parts) != 4 || parts[0] != "service" || parts[2] != "operation" || c.targets[parts[1]] == nil {
		return wire.UnknownOperation.Errorf("The path %s names no operation.", c.r.URL.Path)
	}
	s := c.targets[parts[1]]
	if !slices.Contains(s.Protocols, wire.RPCv2) {
		return wire.UnknownOperation.Errorf("%s does not speak the protocol rpc-v2-cbor.", s.ServiceID)
	}
	c.service, c.req.Op = s, parts[3]
	return nil
}

// maxForm is the limit of a form, which is read before it tells its service.
const maxForm = 8 << 20

// routeQuery reads the form, which names the operation, and gives it back to the signature check.
func (c *call) routeQuery(scoped string) error {
	c.dialect = query
	if err := c.limit(maxForm); err != nil {
		return err
	}
	w, err := sigv4.ReadWhole(c.r)
	if err != nil {
		return bodyError(err)
	}
	text, err := plain(c.r.Header, w.Bytes, maxForm)
	if err != nil {
		return err
	}
	if c.form, err = url.ParseQuery(string(text)); err != nil {
		return wire.ErrorCode{Code: "MalformedQueryString", Status: 400}.Errorf("The query string contains a syntax error: %v", err)
	}
	for name, values := range c.r.URL.Query() {
		if !strings.HasPrefix(name, "X-Amz-") {
			c.form[name] = values
		}
	}
	c.req.Op = c.form.Get("Action")
	if c.service == nil {
		c.service = c.versions[c.form.Get("Version")]
	}
	switch {
	case c.service == nil && scoped == "":
		return sigv4.MissingAuthenticationToken.Errorf("Request is missing Authentication Token")
	case c.service == nil:
		return wire.UnknownOperation.Errorf("The service %s is not served.", scoped)
	case c.req.Op == "":
		return wire.ErrorCode{Code: "MissingAction", Status: 400}.Errorf("The request is missing an action or a required parameter.")
	}
	return nil
}

func firstLabel(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if net.ParseIP(host) != nil {
		return ""
	}
	labels := strings.Split(host, ".")
	for _, l := range labels[:max(0, len(labels)-2)] { // <account>.data-kinesis.<region>.amazonaws.com
		l = strings.TrimPrefix(strings.TrimPrefix(l, "data-"), "control-")
		if l != "" && strings.Trim(l, "0123456789") != "" {
			return l
		}
	}
	return ""
}

// read gets the whole body.
func (c *call) read(res *sigv4.Result) error {
	c.r.Body = res.Body
	w, err := sigv4.ReadWhole(c.r)
	if err != nil {
		return bodyError(err)
	}
	c.body, err = plain(c.r.Header, w.Bytes, c.service.MaxBody)
	return err
}

func bodyError(err error) error {
	var over *http.MaxBytesError
	var e *wire.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &over):
		return tooLarge(over.Limit)
	case errors.As(err, &e):
		return e
	}
	return sigv4.IncompleteBody.Errorf("The request body ended before its announced length.")
}

func (c *call) send(body []byte) {
	head := c.w.Header()
	head.Set("x-amzn-RequestId", c.req.ID)
	head.Set("Content-Type", c.dialect.contentType)
	head.Set("Content-Length", strconv.Itoa(len(body)))
	if c.dialect == rpcV2 {
		head.Set("smithy-protocol", "rpc-v2-cbor")
	}
	_, _ = c.w.Write(body) // the caller is gone if this fails
}
