package restxml

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"

	"drey/wire"
	"drey/wire/awsxml"
	"drey/wire/shape"
)

// MaxXMLBody is the largest XML document that is read; a CompleteMultipartUpload of 10,000 parts fits.
const MaxXMLBody = 4 << 20

var (
	malformedXML    = wire.ErrorCode{Code: "MalformedXML", Status: 400}
	invalidArgument = wire.ErrorCode{Code: "InvalidArgument", Status: 400}
)

// Decode reads the request into v, a pointer to an input of the models. bucket and key are the path; body is the
// verified body, which a streaming member takes over unread.
func Decode(req *http.Request, bucket, key string, body io.ReadCloser, v any) error {
	d := decoder{req: req, path: map[string]string{"Bucket": bucket, "Key": key}, body: body}
	t, sv := shape.Of(v), reflect.ValueOf(v).Elem()
	for _, f := range t.Fields {
		if err := d.member(f, sv); err != nil {
			return err
		}
	}
	if t.Payload() == nil && hasBodyMembers(t) {
		return d.xml(sv, t)
	}
	return nil
}

func hasBodyMembers(t *shape.Type) bool {
	for _, f := range t.Fields {
		if f.In == "" {
			return true
		}
	}
	return false
}

type decoder struct {
	req  *http.Request
	path map[string]string
	body io.ReadCloser
}

func (d *decoder) member(f *shape.Field, sv reflect.Value) error {
	switch f.In {
	case "uri":
		if s := d.path[f.Name]; s != "" {
			f.Settable(sv).SetString(s)
		}
		return nil
	case "header":
		return setText(f, sv, d.req.Header.Values(f.Name))
	case "querystring":
		return setText(f, sv, d.req.URL.Query()[f.Name])
	case "headers":
		d.prefixed(f, sv)
		return nil
	}
	if f.Payload {
		return d.payload(f, sv)
	}
	return nil
}

// setText sets a member from a header or query parameter; lists are comma-separated or repeated.
func setText(f *shape.Field, sv reflect.Value, values []string) error {
	if len(values) == 0 || len(values) == 1 && values[0] == "" && f.Type.Kind != shape.String {
		return nil
	}
	v := f.Settable(sv)
	if f.Type.Kind == shape.List {
		v.Set(reflect.MakeSlice(v.Type(), 0, 1))
		for _, s := range strings.Split(strings.Join(values, ","), ",") {
			elem := reflect.New(f.Type.Elem.Go).Elem()
			if err := awsxml.SetScalar(elem, f.Type.Elem.Kind, strings.TrimSpace(s)); err != nil {
				return invalidArgument.Errorf("%s: %v", f.Name, err)
			}
			v.Set(reflect.Append(v, elem))
		}
		return nil
	}
	if err := awsxml.SetScalar(v, f.Type.Kind, values[0]); err != nil {
		if f.Time != "" || f.Type.Kind == shape.Timestamp { // RFC 9110: a date that cannot be read is ignored
			sv.Field(f.Index).SetZero()
			return nil
		}
		return invalidArgument.Errorf("%s: %v", f.Name, err)
	}
	return nil
}

func (d *decoder) prefixed(f *shape.Field, sv reflect.Value) {
	prefix := http.CanonicalHeaderKey(f.Name)
	found := map[string]string{}
	for name, values := range d.req.Header {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			found[strings.ToLower(rest)] = strings.Join(values, ",")
		}
	}
	if len(found) > 0 {
		f.Settable(sv).Set(reflect.ValueOf(found))
	}
}

func (d *decoder) payload(f *shape.Field, sv reflect.Value) error {
	switch f.Type.Kind {
	case shape.Stream:
		f.Settable(sv).Set(reflect.ValueOf(d.body))
		return nil
	case shape.Structure:
		raw, err := d.read()
		if err != nil || len(raw) == 0 {
			return err
		}
		return asMalformed(awsxml.Decode(raw, f.Settable(sv), f.Type))
	}
	raw, err := d.read()
	if err != nil {
		return err
	}
	if f.Type.Kind == shape.Blob {
		f.Settable(sv).SetBytes(raw)
		return nil
	}
	f.Settable(sv).SetString(string(raw))
	return nil
}

func (d *decoder) xml(sv reflect.Value, t *shape.Type) error {
	raw, err := d.read()
	if err != nil {
		return err
	}
	return asMalformed(awsxml.Decode(raw, sv, t))
}

func (d *decoder) read() ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(d.body, MaxXMLBody+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > MaxXMLBody {
		return nil, wire.ErrorCode{Code: "MaxMessageLengthExceeded", Status: 400}.Errorf("Your request was too big.")
	}
	return raw, nil
}

func asMalformed(err error) error {
	if err == nil {
		return nil
	}
	return malformedXML.Errorf("The XML you provided was not well-formed or did not validate against our published schema: %v", fmt.Sprint(err))
}
