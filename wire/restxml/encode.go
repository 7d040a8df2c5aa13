package restxml

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"drey/wire"
	"drey/wire/awsxml"
	"drey/wire/shape"
)

// Encode writes v, a pointer to the output of op, as the answer. A streaming body is copied and closed. The error is
// that of the connection or of the stream: the status has gone out by then.
func Encode(w http.ResponseWriter, req *http.Request, op *wire.Op, v any, namespace string) error {
	t, sv := shape.Of(v), reflect.ValueOf(v).Elem()
	status := cmp.Or(op.Status, http.StatusOK)
	for _, f := range t.Fields {
		fv, present := f.Value(sv)
		if !present {
			continue
		}
		switch f.In {
		case "header":
			w.Header().Set(f.Name, headerText(fv, f))
		case "headers":
			for _, key := range shape.SortedKeys(fv) {
				w.Header().Set(f.Name+key.String(), fv.MapIndex(key).String())
			}
		case "statusCode":
			status = int(fv.Int())
		}
	}
	if w.Header().Get("Content-Range") != "" && status == http.StatusOK {
		status = http.StatusPartialContent
	}
	return write(w, req, status, op, t, sv, namespace)
}

func headerText(v reflect.Value, f *shape.Field) string {
	format := f.Time
	if f.Type.Kind == shape.Timestamp && format == "" {
		format = "rfc822"
	}
	if f.Type.Kind == shape.List {
		var parts []string
		for i := range v.Len() {
			parts = append(parts, v.Index(i).String())
		}
		return strings.Join(parts, ", ")
	}
	return awsxml.Scalar(v, f.Type.Kind, format)
}

func write(w http.ResponseWriter, req *http.Request, status int, op *wire.Op, t *shape.Type, sv reflect.Value, namespace string) error {
	if p := t.Payload(); p != nil && p.Type.Kind == shape.Stream {
		body, present := p.Value(sv)
		w.WriteHeader(status)
		if !present {
			return nil
		}
		return copyBody(w, req, body.Interface().(io.ReadCloser))
	}
	body := document(op, t, sv, namespace)
	if len(body) == 0 || req.Method == http.MethodHead {
		w.WriteHeader(status)
		return nil
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/xml")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

func copyBody(w io.Writer, req *http.Request, body io.ReadCloser) error {
	defer body.Close()
	if req.Method == http.MethodHead {
		return nil
	}
	_, err := io.Copy(w, body)
	return err
}

// document is the XML (or, for payloads of text, the raw) body; nil if the output has none.
func document(op *wire.Op, t *shape.Type, sv reflect.Value, namespace string) []byte {
	var w awsxml.Writer
	p := t.Payload()
	switch {
	case p != nil && p.Type.Kind != shape.Structure:
		v, present := p.Value(sv)
		if !present {
			return nil
		}
		if p.Type.Kind == shape.Blob {
			return v.Bytes()
		}
		return []byte(v.String())
	case p != nil:
		v, present := p.Value(sv)
		if !present {
			return nil
		}
		name := p.Name
		if p.Type.Root != "" {
			name = p.Type.Root
		}
		w.Header()
		w.Element(name, namespace, v, p.Type)
	case t.Unwrap:
		w.Header()
		w.Open(t.Root, namespace)
		if v, present := t.Fields[0].Value(sv); present {
			w.Chars(v.String())
		}
		w.Close(t.Root)
	case hasBodyMembers(t):
		name := t.Root
		if name == "" {
			name = op.Name + "Result"
		}
		w.Header()
		w.Element(name, namespace, sv, t)
	}
	return w.Bytes()
}

// EncodeError writes the answer of a failed request (S3 API reference, "Error responses").
func EncodeError(w http.ResponseWriter, req *http.Request, e *wire.Error, requestID string) {
	if req.Method == http.MethodHead || e.HTTPStatus() == http.StatusNotModified {
		w.WriteHeader(e.HTTPStatus())
		return
	}
	var x awsxml.Writer
	x.Header()
	x.Open("Error", "")
	x.Text("Code", e.Code)
	x.Text("Message", e.Message)
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		x.Text(name, fmt.Sprint(e.Fields[name]))
	}
	x.Text("RequestId", requestID)
	x.Text("HostId", requestID)
	x.Close("Error")
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(x.Bytes())))
	w.WriteHeader(e.HTTPStatus())
	_, _ = w.Write(x.Bytes()) // the caller is gone if this fails
}
