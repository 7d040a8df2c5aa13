// Package awsjson is the body of the AWS JSON 1.0 and 1.1 protocols: members by their model names, blobs in base64,
// timestamps as seconds since the epoch. It knows no operation and no HTTP.
package awsjson

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/segmentio/asm/base64"

	"drey/wire"
	"drey/wire/shape"
)

// Decode reads body into v, a pointer to an input of the models. Unknown members are ignored, as AWS does. An empty
// body is an empty structure. A refusal is a SerializationException.
//
// Blobs of v are parts of body, which Decode changes: it belongs to v from then on.
func Decode(body []byte, v any) error {
	if !utf8.Valid(body) { // half a surrogate pair in an escape is taken, and becomes U+FFFD
		return wire.SerializationException.Errorf("The request body is not valid JSON: it is not UTF-8")
	}
	d := decoder{scanner{b: body}, shape.RoomFor(len(body))}
	if d.peek() == 0 && d.at == len(body) {
		return nil
	}
	if err := d.structure(reflect.ValueOf(v).Elem(), shape.Of(v)); err != nil {
		return err
	}
	if d.peek(); d.at < len(body) {
		return wire.SerializationException.Errorf("Unexpected content after the end of the JSON document.")
	}
	return nil
}

type decoder struct {
	scanner
	room shape.Room
}

// mismatch tells of a value of another kind than the model wants, as AWS's messages do.
func (d *decoder) mismatch(first byte, want string) error {
	found := "NUMBER_VALUE"
	switch first {
	case 'n':
		found = "NULL_VALUE"
	case 'f':
		found = "FALSE_VALUE"
	case 't':
		found = "TRUE_VALUE"
	case '"':
		found = "STRING_VALUE"
	case '{':
		found = "START_OBJECT"
	case '[':
		found = "START_ARRAY"
	default:
		if first != '-' && (first < '0' || first > '9') {
			return d.malformed("a value is missing")
		}
	}
	return wire.SerializationException.Errorf("%s can not be converted to %s", found, want)
}

func (d *decoder) structure(sv reflect.Value, t *shape.Type) error {
	if c := d.peek(); c != '{' {
		return d.mismatch(c, "a Structure")
	}
	if err := d.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := d.more('}', first)
		if err != nil || !more {
			return err
		}
		name, err := d.name()
		if err != nil {
			return err
		}
		if f := t.MemberOf(name); f == nil || d.peek() == 'n' {
			err = d.skip()
		} else {
			err = d.member(sv, f)
		}
		if err != nil {
			return err
		}
	}
}

func (d *decoder) member(sv reflect.Value, f *shape.Field) error {
	switch f.Type.Kind {
	case shape.List:
		return d.list(f.Settable(sv), f.Type, f.Most())
	case shape.Map:
		return d.mapping(f.Settable(sv), f.Type, f.Most())
	case shape.Structure:
		if err := d.room.Take(1, f.Type); err != nil {
			return err
		}
	}
	return d.value(f.Settable(sv), f.Type)
}

// unbounded is for lists and maps within others: only the room bounds them.
const unbounded = math.MaxInt - 1

func (d *decoder) value(v reflect.Value, t *shape.Type) error {
	switch t.Kind {
	case shape.Structure:
		return d.structure(v, t)
	case shape.List:
		return d.list(v, t, unbounded)
	case shape.Map:
		return d.mapping(v, t, unbounded)
	}
	if t.Kind == shape.Blob {
		return d.blob(v)
	}
	tok, err := d.scalar()
	if err != nil {
		return err
	}
	return d.setScalar(v, t.Kind, tok)
}

// token is a scalar: its first byte tells the kind, text is its content.
type token struct {
	first byte
	text  []byte
}

func (d *decoder) scalar() (tok token, err error) {
	switch tok.first = d.peek(); tok.first {
	case '"':
		tok.text, err = d.text()
	case 't', 'f', 'n':
		tok.text, err = d.literal()
	case '{', '[':
	default:
		tok.text, err = d.number()
	}
	return tok, err
}

func (tok token) isNumber() bool {
	return tok.first == '-' || ('0' <= tok.first && tok.first <= '9')
}

// list reads up to one element more than most, and skips the rest.
func (d *decoder) list(v reflect.Value, t *shape.Type, most int) error {
	if c := d.peek(); c != '[' {
		return d.mismatch(c, "a List")
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	if err := d.enter(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := d.more(']', n == 0)
		if err != nil || !more {
			return err
		}
		if n > most {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		if err := d.grow(v, t); err != nil {
			return err
		}
		v.SetLen(n + 1)
		if err := d.value(v.Index(n), t.Elem); err != nil {
			return err
		}
	}
}

// grow makes place for an element.
func (d *decoder) grow(v reflect.Value, t *shape.Type) error {
	if v.Len() < v.Cap() {
		return nil
	}
	n := max(v.Len(), 4)
	if err := d.room.Take(n, t.Elem); err != nil {
		return err
	}
	v.Grow(n)
	return nil
}

// mapping reads up to one entry more than most, and skips the rest.
func (d *decoder) mapping(v reflect.Value, t *shape.Type, most int) error {
	if c := d.peek(); c != '{' {
		return d.mismatch(c, "a Map")
	}
	v.Set(reflect.MakeMap(v.Type()))
	if err := d.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := d.more('}', first)
		if err != nil || !more {
			return err
		}
		name, err := d.name()
		if err != nil {
			return err
		}
		if v.Len() > most {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		if err := errors.Join(d.room.Take(1, t.Key), d.room.Take(1, t.Elem)); err != nil {
			return err
		}
		elem := reflect.New(t.Elem.Go).Elem()
		if err := d.value(elem, t.Elem); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(string(name)).Convert(t.Key.Go), elem)
	}
}

func (d *decoder) setScalar(v reflect.Value, kind shape.Kind, tok token) error {
	switch kind {
	case shape.String:
		if tok.first != '"' {
			return d.mismatch(tok.first, "a String")
		}
		v.SetString(string(tok.text))
	case shape.Integer:
		return d.setInteger(v, tok)
	case shape.Float:
		return d.setFloat(v, tok)
	case shape.Boolean:
		return d.setBoolean(v, tok)
	case shape.Timestamp:
		return d.setTime(v, tok)
	}
	return nil
}

// blob undoes base64 in place: it only shrinks.
func (d *decoder) blob(v reflect.Value) error {
	if c := d.peek(); c != '"' {
		return d.mismatch(c, "a Blob")
	}
	text, err := d.base64()
	if err != nil {
		return err
	}
	n, err := base64.StdEncoding.Decode(text, text)
	if err != nil {
		return wire.SerializationException.Errorf("a Blob is not valid base64: %v", err)
	}
	v.SetBytes(text[:n:n])
	return nil
}

func (d *decoder) setInteger(v reflect.Value, tok token) error {
	if !tok.isNumber() {
		return d.mismatch(tok.first, "an Integer")
	}
	text := string(tok.text)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(text, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return wire.SerializationException.Errorf("%s can not be converted to an Integer", text)
		}
		n = int64(f)
	}
	if v.OverflowInt(n) {
		return wire.SerializationException.Errorf("%s is out of the range of an Integer", text)
	}
	v.SetInt(n)
	return nil
}

func (d *decoder) setFloat(v reflect.Value, tok token) error {
	text := string(tok.text)
	if tok.isNumber() {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return wire.SerializationException.Errorf("%s is out of the range of a Double", text)
		}
		v.SetFloat(f)
		return nil
	}
	if tok.first == '"' && (text == "NaN" || text == "Infinity" || text == "-Infinity") {
		f, _ := strconv.ParseFloat(text, 64) // it knows these
		v.SetFloat(f)
		return nil
	}
	return d.mismatch(tok.first, "a Double")
}

// setBoolean takes "true" and "false" as text as well: the developer guide's examples send them so.
func (d *decoder) setBoolean(v reflect.Value, tok token) error {
	switch tok.first {
	case 't', 'f':
		v.SetBool(tok.first == 't')
		return nil
	case '"':
		if b, err := strconv.ParseBool(string(tok.text)); err == nil {
			v.SetBool(b)
			return nil
		}
	}
	return d.mismatch(tok.first, "a Boolean")
}

func (d *decoder) setTime(v reflect.Value, tok token) error {
	text := string(tok.text)
	if tok.first == '"' {
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return d.mismatch('"', "a Timestamp")
		}
		v.Set(reflect.ValueOf(t.UTC()))
		return nil
	}
	if !tok.isNumber() {
		return d.mismatch(tok.first, "a Timestamp")
	}
	sec, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(sec) > 253402300799 { // the end of year 9999
		return wire.SerializationException.Errorf("%s is out of the range of a Timestamp", text)
	}
	v.Set(reflect.ValueOf(time.UnixMilli(int64(math.Round(sec * 1000))).UTC()))
	return nil
}
