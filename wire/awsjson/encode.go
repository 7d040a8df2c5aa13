package awsjson

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/segmentio/asm/base64"

	"drey/wire/shape"
)

// Encode writes v, a pointer to an output or event of the models. Absent members are left out.
func Encode(v any) []byte {
	return appendStructure(nil, reflect.ValueOf(v).Elem(), shape.Of(v))
}

func appendStructure(b []byte, sv reflect.Value, t *shape.Type) []byte {
	b = append(b, '{')
	first := true
	for _, f := range t.Fields {
		v, present := f.Value(sv)
		if !present || f.Type.Kind == shape.EventStream || f.Type.Kind == shape.Stream {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, f.Member...)
		b = append(b, '"', ':')
		b = appendValue(b, v, f.Type)
	}
	return append(b, '}')
}

func appendValue(b []byte, v reflect.Value, t *shape.Type) []byte {
	switch t.Kind {
	case shape.Structure:
		return appendStructure(b, v, t)
	case shape.List:
		return appendList(b, v, t)
	case shape.Map:
		return appendMap(b, v, t)
	case shape.String:
		return AppendString(b, v.String())
	case shape.Blob:
		return appendBlob(b, v.Bytes())
	case shape.Integer:
		return strconv.AppendInt(b, v.Int(), 10)
	case shape.Float:
		return appendFloat(b, v.Float())
	case shape.Boolean:
		return strconv.AppendBool(b, v.Bool())
	case shape.Timestamp:
		return appendTime(b, v.Interface().(time.Time))
	}
	panic("awsjson: no encoding for " + t.Go.String())
}

func appendBlob(b, blob []byte) []byte {
	n := base64.StdEncoding.EncodedLen(len(blob))
	b = append(slices.Grow(b, n+2), '"')
	base64.StdEncoding.Encode(b[len(b):len(b)+n], blob)
	return append(b[:len(b)+n], '"')
}

func appendList(b []byte, v reflect.Value, t *shape.Type) []byte {
	b = append(b, '[')
	start := len(b)
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		if b = appendValue(b, v.Index(i), t.Elem); i == 0 { // the others will be as long
			b = slices.Grow(b, (len(b)-start+1)*v.Len())
		}
	}
	return append(b, ']')
}

func appendMap(b []byte, v reflect.Value, t *shape.Type) []byte {
	b = append(b, '{')
	first := true
	for _, key := range shape.SortedKeys(v) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = AppendString(b, key.String())
		b = append(b, ':')
		b = appendValue(b, v.MapIndex(key), t.Elem)
	}
	return append(b, '}')
}

// AppendString appends s as a JSON string.
func AppendString(b []byte, s string) []byte {
	if isPlain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	quoted, err := jsontext.AppendQuote(b, s)
	if err != nil { // invalid UTF-8 was replaced
		return quoted
	}
	return quoted
}

// isPlain tells whether s stands in JSON as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

func appendTime(b []byte, t time.Time) []byte {
	return strconv.AppendFloat(b, float64(t.UnixMilli())/1000, 'f', -1, 64)
}
