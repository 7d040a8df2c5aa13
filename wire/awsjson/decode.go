// Package awsjson is the body of the AWS JSON 1.0 and 1.1 protocols: members by their model names, blobs in base64,
// timestamps as seconds since the epoch. It knows no operation and no HTTP.
package awsjson

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"drey/wire"
	"drey/wire/shape"
)

// Decode reads body into v, a pointer to an input of the models. Unknown members are ignored, as AWS does. An empty
// body is an empty structure. A refusal is a SerializationException.
func Decode(body []byte, v any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if !utf8.Valid(body) { // half a surrogate pair in an escape is taken, and becomes U+FFFD
		return wire.SerializationException.Errorf("The request body is not valid JSON: it is not UTF-8")
	}
	d := decoder{jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	if err := d.structure(reflect.ValueOf(v).Elem(), shape.Of(v)); err != nil {
		return asSerialization(err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return wire.SerializationException.Errorf("Unexpected content after the end of the JSON document.")
	}
	return nil
}

func asSerialization(err error) error {
	var e *wire.Error
	if errors.As(err, &e) {
		return e
	}
	return wire.SerializationException.Errorf("The request body is not valid JSON: %v", err)
}

type decoder struct{ *jsontext.Decoder }

// kinds names what was found, as AWS's messages do.
var kinds = map[jsontext.Kind]string{
	'n': "NULL_VALUE", 'f': "FALSE_VALUE", 't': "TRUE_VALUE", '"': "STRING_VALUE", '0': "NUMBER_VALUE",
	'{': "START_OBJECT", '[': "START_ARRAY",
}

func mismatch(found jsontext.Kind, want string) error {
	return wire.SerializationException.Errorf("%s can not be converted to %s", kinds[found], want)
}

func (d decoder) begin(kind jsontext.Kind, want string) error {
	tok, err := d.ReadToken()
	if err != nil {
		return err
	}
	if tok.Kind() != kind {
		return mismatch(tok.Kind(), want)
	}
	return nil
}

func (d decoder) structure(sv reflect.Value, t *shape.Type) error {
	if err := d.begin('{', "a Structure"); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		tok, err := d.ReadToken()
		if err != nil {
			return err
		}
		f := t.Member(tok.String())
		if f == nil || d.PeekKind() == 'n' {
			if err := d.SkipValue(); err != nil {
				return err
			}
			continue
		}
		if err := d.value(f.Settable(sv), f.Type); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

func (d decoder) value(v reflect.Value, t *shape.Type) error {
	switch t.Kind {
	case shape.Structure:
		return d.structure(v, t)
	case shape.List:
		return d.list(v, t)
	case shape.Map:
		return d.mapping(v, t)
	}
	tok, err := d.ReadToken()
	if err != nil {
		return err
	}
	return setScalar(v, t.Kind, tok)
}

func (d decoder) list(v reflect.Value, t *shape.Type) error {
	if err := d.begin('[', "a List"); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 4))
	for d.PeekKind() != ']' {
		v.Grow(1)
		v.SetLen(v.Len() + 1)
		if err := d.value(v.Index(v.Len()-1), t.Elem); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

func (d decoder) mapping(v reflect.Value, t *shape.Type) error {
	if err := d.begin('{', "a Map"); err != nil {
		return err
	}
	v.Set(reflect.MakeMap(v.Type()))
	for d.PeekKind() != '}' {
		tok, err := d.ReadToken()
		if err != nil {
			return err
		}
		key := reflect.ValueOf(tok.String()).Convert(t.Key.Go)
		elem := reflect.New(t.Elem.Go).Elem()
		if err := d.value(elem, t.Elem); err != nil {
			return err
		}
		v.SetMapIndex(key, elem)
	}
	_, err := d.ReadToken()
	return err
}

func setScalar(v reflect.Value, kind shape.Kind, tok jsontext.Token) error {
	switch kind {
	case shape.String:
		if tok.Kind() != '"' {
			return mismatch(tok.Kind(), "a String")
		}
		v.SetString(tok.String())
	case shape.Blob:
		return setBlob(v, tok)
	case shape.Integer:
		return setInteger(v, tok)
	case shape.Float:
		return setFloat(v, tok)
	case shape.Boolean:
		return setBoolean(v, tok)
	case shape.Timestamp:
		return setTime(v, tok)
	}
	return nil
}

func setBlob(v reflect.Value, tok jsontext.Token) error {
	if tok.Kind() != '"' {
		return mismatch(tok.Kind(), "a Blob")
	}
	s := tok.String()
	b := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := base64.StdEncoding.Decode(b, []byte(s))
	if err != nil {
		return wire.SerializationException.Errorf("a Blob is not valid base64: %v", err)
	}
	v.SetBytes(b[:n])
	return nil
}

func setInteger(v reflect.Value, tok jsontext.Token) error {
	if tok.Kind() != '0' {
		return mismatch(tok.Kind(), "an Integer")
	}
	n, err := strconv.ParseInt(tok.String(), 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(tok.String(), 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return wire.SerializationException.Errorf("%s can not be converted to an Integer", tok.String())
		}
		n = int64(f)
	}
	if v.OverflowInt(n) {
		return wire.SerializationException.Errorf("%s is out of the range of an Integer", tok.String())
	}
	v.SetInt(n)
	return nil
}

func setFloat(v reflect.Value, tok jsontext.Token) error {
	switch tok.Kind() {
	case '0':
		f, err := strconv.ParseFloat(tok.String(), 64)
		if err != nil {
			return wire.SerializationException.Errorf("%s is out of the range of a Double", tok.String())
		}
		v.SetFloat(f)
		return nil
	case '"':
		switch tok.String() {
		case "NaN", "Infinity", "-Infinity":
			f, _ := strconv.ParseFloat(tok.String(), 64)
			v.SetFloat(f)
			return nil
		}
	}
	return mismatch(tok.Kind(), "a Double")
}

// setBoolean takes "true" and "false" as text as well: the developer guide's examples send them so.
func setBoolean(v reflect.Value, tok jsontext.Token) error {
	switch tok.Kind() {
	case 't', 'f':
		v.SetBool(tok.Bool())
		return nil
	case '"':
		if b, err := strconv.ParseBool(tok.String()); err == nil {
			v.SetBool(b)
			return nil
		}
	}
	return mismatch(tok.Kind(), "a Boolean")
}

func setTime(v reflect.Value, tok jsontext.Token) error {
	if tok.Kind() == '"' {
		t, err := time.Parse(time.RFC3339Nano, tok.String())
		if err != nil {
			return mismatch('"', "a Timestamp")
		}
		v.Set(reflect.ValueOf(t.UTC()))
		return nil
	}
	if tok.Kind() != '0' {
		return mismatch(tok.Kind(), "a Timestamp")
	}
	sec, err := strconv.ParseFloat(tok.String(), 64)
	if err != nil || math.Abs(sec) > 253402300799 { // the end of year 9999
		return wire.SerializationException.Errorf("%s is out of the range of a Timestamp", tok.String())
	}
	v.Set(reflect.ValueOf(time.UnixMilli(int64(math.Round(sec * 1000))).UTC()))
	return nil
}
