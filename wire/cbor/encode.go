package cbor

import (
	"encoding/binary"
	"math"
	"reflect"
	"time"

	"drey/wire/shape"
)

// Encode writes v, a pointer to an output of the models. Absent members are left out.
func Encode(v any, times Times) []byte {
	w := writer{times: times}
	w.structure(reflect.ValueOf(v).Elem(), shape.Of(v))
	return w.b
}

// EncodeStrings writes a map of texts: the body of an error.
func EncodeStrings(pairs ...string) []byte {
	var w writer
	w.head(majorMap, uint64(len(pairs)/2))
	for _, s := range pairs {
		w.text(s)
	}
	return w.b
}

type writer struct {
	b     []byte
	times Times
}

func (w *writer) head(major byte, arg uint64) {
	m := major << 5
	switch {
	case arg < 24:
		w.b = append(w.b, m|byte(arg))
	case arg <= math.MaxUint8:
		w.b = append(w.b, m|24, byte(arg))
	case arg <= math.MaxUint16:
		w.b = binary.BigEndian.AppendUint16(append(w.b, m|25), uint16(arg))
	case arg <= math.MaxUint32:
		w.b = binary.BigEndian.AppendUint32(append(w.b, m|26), uint32(arg))
	default:
		w.b = binary.BigEndian.AppendUint64(append(w.b, m|27), arg)
	}
}

func (w *writer) text(s string) {
	w.head(majorText, uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) integer(n int64) {
	if n < 0 {
		w.head(majorNegative, uint64(-1-n))
		return
	}
	w.head(majorUint, uint64(n))
}

func (w *writer) float(f float64) {
	w.b = binary.BigEndian.AppendUint64(append(w.b, majorSimple<<5|27), math.Float64bits(f))
}

func (w *writer) structure(sv reflect.Value, t *shape.Type) {
	count := uint64(0)
	for _, f := range t.Fields {
		if _, present := f.Value(sv); present && f.Type.Kind < shape.Stream {
			count++
		}
	}
	w.head(majorMap, count)
	for _, f := range t.Fields {
		if v, present := f.Value(sv); present && f.Type.Kind < shape.Stream {
			w.text(f.Member)
			w.value(v, f.Type)
		}
	}
}

func (w *writer) value(v reflect.Value, t *shape.Type) {
	switch t.Kind {
	case shape.Structure:
		w.structure(v, t)
	case shape.List:
		w.head(majorArray, uint64(v.Len()))
		for i := range v.Len() {
			w.value(v.Index(i), t.Elem)
		}
	case shape.Map:
		w.head(majorMap, uint64(v.Len()))
		for _, key := range shape.SortedKeys(v) {
			w.text(key.String())
			w.value(v.MapIndex(key), t.Elem)
		}
	case shape.String:
		w.text(v.String())
	case shape.Blob:
		w.head(majorBytes, uint64(v.Len()))
		w.b = append(w.b, v.Bytes()...)
	case shape.Integer:
		w.integer(v.Int())
	case shape.Float:
		w.float(v.Float())
	case shape.Boolean:
		w.b = append(w.b, majorSimple<<5|20)
		if v.Bool() {
			w.b[len(w.b)-1]++
		}
	case shape.Timestamp:
		w.time(v.Interface().(time.Time))
	}
}

func (w *writer) time(t time.Time) {
	w.head(majorTag, 1)
	switch ms := t.UnixMilli(); {
	case w.times == Millis:
		w.integer(ms)
	case ms%1000 == 0:
		w.integer(ms / 1000)
	default:
		w.float(float64(ms) / 1000)
	}
}
