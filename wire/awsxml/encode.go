// Package awsxml writes and reads the XML bodies that the Query and REST-XML protocols share. It knows no operation and
// no HTTP.
package awsxml

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"math"
	"reflect"
	"strconv"
	"time"

	"drey/wire/shape"
)

// Writer builds one document.
type Writer struct{ buf bytes.Buffer }

// Bytes is the document so far.
func (w *Writer) Bytes() []byte { return w.buf.Bytes() }

// Header writes the XML declaration.
func (w *Writer) Header() { w.buf.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") }

// Open writes a start tag, with the default namespace if ns is not empty.
func (w *Writer) Open(name, ns string) {
	w.buf.WriteByte('<')
	w.buf.WriteString(name)
	if ns != "" {
		w.buf.WriteString(` xmlns="`)
		w.escape(ns)
		w.buf.WriteByte('"')
	}
	w.buf.WriteByte('>')
}

// Close writes an end tag.
func (w *Writer) Close(name string) {
	w.buf.WriteString("</")
	w.buf.WriteString(name)
	w.buf.WriteByte('>')
}

// Text writes an element that holds text.
func (w *Writer) Text(name, text string) {
	w.Open(name, "")
	w.escape(text)
	w.Close(name)
}

// Chars writes text into the open element.
func (w *Writer) Chars(text string) { w.escape(text) }

func (w *Writer) escape(s string) { _ = xml.EscapeText(&w.buf, []byte(s)) } // a bytes.Buffer takes everything

// Members writes the members of the structure sv that belong into the body.
func (w *Writer) Members(sv reflect.Value, t *shape.Type) {
	for _, f := range t.Fields {
		v, present := f.Value(sv)
		if !present || f.In != "" || f.Attr || f.Type.Kind >= shape.Stream {
			continue
		}
		w.member(f, v)
	}
}

func (w *Writer) member(f *shape.Field, v reflect.Value) {
	switch {
	case f.Type.Kind == shape.List && f.Flat:
		for i := range v.Len() {
			w.element(f.Name, v.Index(i), f.Type.Elem, f)
		}
	case f.Type.Kind == shape.List:
		w.Open(f.Name, "")
		for i := range v.Len() {
			w.element(itemName(f), v.Index(i), f.Type.Elem, f)
		}
		w.Close(f.Name)
	case f.Type.Kind == shape.Map:
		w.Open(f.Name, "")
		for _, key := range shape.SortedKeys(v) {
			w.Open("entry", "")
			w.Text("key", key.String())
			w.element("value", v.MapIndex(key), f.Type.Elem, f)
			w.Close("entry")
		}
		w.Close(f.Name)
	default:
		w.element(f.Name, v, f.Type, f)
	}
}

func itemName(f *shape.Field) string {
	if f.Item != "" {
		return f.Item
	}
	return "member"
}

// Element writes the structure sv as an element.
func (w *Writer) Element(name, ns string, sv reflect.Value, t *shape.Type) {
	w.Open(name, ns)
	w.Members(sv, t)
	w.Close(name)
}

func (w *Writer) element(name string, v reflect.Value, t *shape.Type, f *shape.Field) {
	if t.Kind == shape.Structure {
		w.structure(name, v, t, f)
		return
	}
	if t.Kind == shape.List { // a list in a list
		w.Open(name, "")
		for i := range v.Len() {
			w.element("member", v.Index(i), t.Elem, f)
		}
		w.Close(name)
		return
	}
	w.Text(name, Scalar(v, t.Kind, f.Time))
}

func (w *Writer) structure(name string, v reflect.Value, t *shape.Type, f *shape.Field) {
	w.buf.WriteByte('<')
	w.buf.WriteString(name)
	for _, a := range t.Fields {
		if av, present := a.Value(v); present && a.Attr {
			w.buf.WriteString(` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" `)
			w.buf.WriteString(a.Name)
			w.buf.WriteString(`="`)
			w.escape(av.String())
			w.buf.WriteByte('"')
		}
	}
	w.buf.WriteByte('>')
	w.Members(v, t)
	w.Close(name)
}

// Scalar gives the text of a scalar. The format of timestamps is iso8601 unless timeFormat says otherwise.
func Scalar(v reflect.Value, kind shape.Kind, timeFormat string) string {
	switch kind {
	case shape.Integer:
		return strconv.FormatInt(v.Int(), 10)
	case shape.Float:
		return formatFloat(v.Float())
	case shape.Boolean:
		return strconv.FormatBool(v.Bool())
	case shape.Blob:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case shape.Timestamp:
		return FormatTime(v.Interface().(time.Time), timeFormat)
	default:
		return v.String()
	}
}

func formatFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// The layouts of timestamps.
const (
	iso8601 = "2006-01-02T15:04:05.000Z"
	rfc822  = "Mon, 02 Jan 2006 15:04:05 GMT"
)

// FormatTime writes t in one of the models' formats: "iso8601" (also ""), "rfc822", "unixTimestamp".
func FormatTime(t time.Time, format string) string {
	switch format {
	case "rfc822":
		return t.UTC().Format(rfc822)
	case "unixTimestamp":
		return strconv.FormatInt(t.Unix(), 10)
	}
	if t.Nanosecond() == 0 {
		return t.UTC().Format("2006-01-02T15:04:05Z")
	}
	return t.UTC().Format(iso8601)
}
