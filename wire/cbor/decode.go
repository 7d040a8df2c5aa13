package cbor

import (
	"errors"
	"math"
	"reflect"
	"time"
	"unicode/utf8"

	"drey/wire"
	"drey/wire/shape"
)

// Decode reads body into v, a pointer to an input of the models. Unknown members are ignored. An empty body is an empty
// structure. A refusal is a SerializationException. Blobs of v are parts of body.
func Decode(body []byte, v any, times Times) error {
	if len(body) == 0 {
		return nil
	}
	r := &reader{b: body, times: times, room: shape.RoomFor(len(body))}
	h, err := r.head()
	if err != nil {
		return err
	}
	if err := r.structure(h, reflect.ValueOf(v).Elem(), shape.Of(v)); err != nil {
		return err
	}
	if len(r.b) > 0 {
		return malformed("content after the end")
	}
	return nil
}

var majors = [...]string{"NUMBER_VALUE", "NUMBER_VALUE", "BYTES_VALUE", "STRING_VALUE", "START_ARRAY", "START_OBJECT", "TAG_VALUE", "SIMPLE_VALUE"}

func mismatch(h head, want string) error {
	return wire.SerializationException.Errorf("%s can not be converted to %s", majors[h.major], want)
}

func (h head) isNull() bool { return h.major == majorSimple && (h.info == 22 || h.info == 23) }

func (r *reader) structure(h head, sv reflect.Value, t *shape.Type) error {
	if h.major != majorMap {
		return mismatch(h, "a Structure")
	}
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	for n := uint64(0); ; n++ {
		done, err := r.atBreak(h, n)
		if err != nil || done {
			return err
		}
		name, err := r.key()
		if err != nil {
			return err
		}
		f := t.MemberOf(name)
		if f == nil {
			if err := r.skip(); err != nil {
				return err
			}
			continue
		}
		vh, err := r.head()
		if err != nil {
			return err
		}
		if vh.isNull() {
			continue
		}
		if err := r.member(vh, sv, f); err != nil {
			return err
		}
	}
}

func (r *reader) member(h head, sv reflect.Value, f *shape.Field) error {
	switch f.Type.Kind {
	case shape.List:
		return r.list(h, f.Settable(sv), f.Type, f.Most())
	case shape.Map:
		return r.mapping(h, f.Settable(sv), f.Type, f.Most())
	case shape.Structure:
		if err := r.room.Take(1, f.Type); err != nil {
			return err
		}
	}
	return r.value(h, f.Settable(sv), f.Type)
}

func (r *reader) key() ([]byte, error) {
	h, err := r.head()
	if err != nil {
		return nil, err
	}
	if h.major != majorText {
		return nil, mismatch(h, "a String")
	}
	return r.bytes(h)
}

func (r *reader) value(h head, v reflect.Value, t *shape.Type) error {
	switch t.Kind {
	case shape.Structure:
		return r.structure(h, v, t)
	case shape.List:
		return r.list(h, v, t, unbounded)
	case shape.Map:
		return r.mapping(h, v, t, unbounded)
	case shape.String:
		return r.text(h, v)
	case shape.Blob:
		return r.blob(h, v)
	case shape.Timestamp:
		return r.time(h, v)
	}
	return scalar(h, v, t.Kind)
}

// unbounded is for lists and maps within others: only the room bounds them.
const unbounded = math.MaxInt - 1

// list reads up to one element more than most, and skips the rest.
func (r *reader) list(h head, v reflect.Value, t *shape.Type, most int) error {
	if h.major != majorArray {
		return mismatch(h, "a List")
	}
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for n := uint64(0); ; n++ {
		done, err := r.atBreak(h, n)
		if err != nil || done {
			return err
		}
		if v.Len() > most {
			if err := r.skip(); err != nil {
				return err
			}
			continue
		}
		eh, err := r.head()
		if err != nil {
			return err
		}
		if err := r.grow(v, t); err != nil {
			return err
		}
		v.SetLen(v.Len() + 1)
		if err := r.value(eh, v.Index(v.Len()-1), t.Elem); err != nil {
			return err
		}
	}
}

// grow makes place for an element.
func (r *reader) grow(v reflect.Value, t *shape.Type) error {
	if v.Len() < v.Cap() {
		return nil
	}
	n := max(v.Len(), 4)
	if err := r.room.Take(n, t.Elem); err != nil {
		return err
	}
	v.Grow(n)
	return nil
}

// mapping reads up to one entry more than most, and skips the rest.
func (r *reader) mapping(h head, v reflect.Value, t *shape.Type, most int) error {
	if h.major != majorMap {
		return mismatch(h, "a Map")
	}
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	v.Set(reflect.MakeMap(v.Type()))
	for n := uint64(0); ; n++ {
		done, err := r.atBreak(h, n)
		if err != nil || done {
			return err
		}
		name, err := r.key()
		if err != nil {
			return err
		}
		if v.Len() > most {
			if err := r.skip(); err != nil {
				return err
			}
			continue
		}
		eh, err := r.head()
		if err != nil {
			return err
		}
		if err := errors.Join(r.room.Take(1, t.Key), r.room.Take(1, t.Elem)); err != nil {
			return err
		}
		elem := reflect.New(t.Elem.Go).Elem()
		if err := r.value(eh, elem, t.Elem); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(string(name)).Convert(t.Key.Go), elem)
	}
}

func (r *reader) text(h head, v reflect.Value) error {
	if h.major != majorText {
		return mismatch(h, "a String")
	}
	s, err := r.bytes(h)
	if err != nil {
		return err
	}
	if !utf8.Valid(s) {
		return malformed("a string that is not UTF-8")
	}
	v.SetString(string(s))
	return nil
}

func (r *reader) blob(h head, v reflect.Value) error {
	if h.major != majorBytes {
		return mismatch(h, "a Blob")
	}
	s, err := r.bytes(h)
	if err != nil {
		return err
	}
	v.SetBytes(s[:len(s):len(s)])
	return nil
}

func (r *reader) time(h head, v reflect.Value) error {
	if h.major == majorTag {
		if h.arg != 1 {
			return mismatch(h, "a Timestamp")
		}
		inner, err := r.head()
		if err != nil {
			return err
		}
		h = inner
	}
	n, ok := h.float()
	if !ok {
		return mismatch(h, "a Timestamp")
	}
	if r.times == Seconds {
		n *= 1000
	}
	if math.IsNaN(n) || math.Abs(n) > 253402300799999 {
		return wire.SerializationException.Errorf("a Timestamp is out of range")
	}
	v.Set(reflect.ValueOf(time.UnixMilli(int64(math.Round(n))).UTC()))
	return nil
}

func scalar(h head, v reflect.Value, kind shape.Kind) error {
	switch kind {
	case shape.Boolean:
		if h.major != majorSimple || h.info != 20 && h.info != 21 {
			return mismatch(h, "a Boolean")
		}
		v.SetBool(h.info == 21)
	case shape.Float:
		f, ok := h.float()
		if !ok {
			return mismatch(h, "a Double")
		}
		v.SetFloat(f)
	case shape.Integer:
		n, ok := h.integer()
		if !ok || v.OverflowInt(n) {
			return mismatch(h, "an Integer")
		}
		v.SetInt(n)
	}
	return nil
}

func (h head) integer() (int64, bool) {
	switch h.major {
	case majorUint:
		return int64(h.arg), h.arg <= math.MaxInt64
	case majorNegative:
		return -1 - int64(h.arg), h.arg <= math.MaxInt64
	}
	f, ok := h.float()
	return int64(f), ok && f == math.Trunc(f) && math.Abs(f) <= 1<<53
}
