// Package shape describes generated structures to the codecs: names on the wire, places, constraints. The description
// is read from struct tags once per type. It holds no protocol and never sees a request.
package shape

import (
	"io"
	"reflect"
	"slices"

	"strconv"
	"strings"
	"sync"
	"time"
)

// Kind is what a value is on the wire, whatever the protocol.
type Kind int

// The kinds.
const (
	String Kind = iota
	Integer
	Float
	Boolean
	Timestamp
	Blob
	List
	Map
	Structure
	Stream      // io.ReadCloser: a body that is not read into memory
	EventStream // func: events pushed to the caller
)

// Type describes one Go type of the models.
type Type struct {
	Kind   Kind
	Go     reflect.Type
	Enum   []string // legal values; nil = any
	Elem   *Type    // of lists and map values
	Key    *Type    // of maps
	Fields []*Field // of structures, in wire order
	Root   string   // name of the XML root element, "" = the shape's name; without fields: of an element that answers have all the same
	Unwrap bool     // the root element holds the sole member's text

	byMember map[string]*Field
}

// Field describes a member of a structure.
type Field struct {
	Index    int
	Member   string // name in JSON and CBOR
	Name     string // name in XML, Query, headers and query strings
	Item     string // name of a list's elements in XML; "" = "member"
	In       string // "", "header", "headers", "uri", "querystring", "statusCode"
	Time     string // timestamp format of the model; "" = the protocol's
	NS       string // XML namespace
	Required bool
	Payload  bool // the member is the body
	Flat     bool
	Attr     bool
	Event    bool
	Pointer  bool // scalars are pointers so that absence shows
	Type     *Type

	self, elem, key constraint
}

type constraint struct {
	min, max   string
	minN, maxN float64
	pattern    string
}

var (
	mu    sync.Mutex
	types sync.Map // reflect.Type → *Type, complete ones only

	timeType   = reflect.TypeFor[time.Time]()
	readCloser = reflect.TypeFor[io.ReadCloser]()
)

// Of describes the type of v, a structure of the models or a pointer to one.
func Of(v any) *Type {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if known, ok := types.Load(t); ok {
		return known.(*Type)
	}
	mu.Lock()
	defer mu.Unlock()
	fresh := map[reflect.Type]*Type{}
	described := describe(t, fresh)
	for t, d := range fresh {
		types.Store(t, d)
	}
	return described
}

// Member finds a member by its JSON name; nil if the structure has none of it.
func (t *Type) Member(name string) *Field { return t.byMember[name] }

// MemberOf is Member for a name that is a part of a larger text.
func (t *Type) MemberOf(name []byte) *Field { return t.byMember[string(name)] }

// Payload is the member that makes the whole body, or nil.
func (t *Type) Payload() *Field {
	for _, f := range t.Fields {
		if f.Payload {
			return f
		}
	}
	return nil
}

func describe(t reflect.Type, fresh map[reflect.Type]*Type) *Type {
	if known, ok := types.Load(t); ok {
		return known.(*Type)
	}
	if d := fresh[t]; d != nil {
		return d
	}
	d := &Type{Go: t}
	fresh[t] = d
	switch {
	case t == timeType:
		d.Kind = Timestamp
	case t == readCloser:
		d.Kind = Stream
	default:
		d.fill(t, fresh)
	}
	return d
}

func (d *Type) fill(t reflect.Type, fresh map[reflect.Type]*Type) {
	switch t.Kind() {
	case reflect.String:
		d.Kind = String
		if e, ok := reflect.Zero(t).Interface().(interface{ EnumValues() []string }); ok {
			d.Enum = e.EnumValues()
		}
	case reflect.Int32, reflect.Int64:
		d.Kind = Integer
	case reflect.Float64:
		d.Kind = Float
	case reflect.Bool:
		d.Kind = Boolean
	case reflect.Func:
		d.Kind = EventStream
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			d.Kind = Blob
			return
		}
		d.Kind, d.Elem = List, describe(t.Elem(), fresh)
	case reflect.Map:
		d.Kind, d.Key, d.Elem = Map, describe(t.Key(), fresh), describe(t.Elem(), fresh)
	case reflect.Struct:
		d.Kind = Structure
		d.fields(t, fresh)
	default:
		panic("shape: no kind for " + t.String())
	}
}

func (d *Type) fields(t reflect.Type, fresh map[reflect.Type]*Type) {
	d.byMember = map[string]*Field{}
	for i := range t.NumField() {
		sf := t.Field(i)
		if root, ok := sf.Tag.Lookup("root"); ok {
			d.Root, d.Unwrap = strings.CutSuffix(root, ",unwrap")
			continue
		}
		f := newField(i, sf)
		ft := sf.Type
		if ft.Kind() == reflect.Pointer {
			f.Pointer, ft = true, ft.Elem()
		}
		f.Type = describe(ft, fresh)
		d.Fields = append(d.Fields, f)
		d.byMember[f.Member] = f
	}
}

func newField(i int, sf reflect.StructField) *Field {
	opts := strings.Split(sf.Tag.Get("aws"), ",")
	f := &Field{Index: i, Member: opts[0], Name: sf.Tag.Get("name"), Item: sf.Tag.Get("item"), NS: sf.Tag.Get("ns")}
	if f.Name == "" {
		f.Name = f.Member
	}
	for _, opt := range opts[1:] {
		switch name, value, _ := strings.Cut(opt, "="); name {
		case "required":
			f.Required = true
		case "payload":
			f.Payload = true
		case "flat":
			f.Flat = true
		case "attr":
			f.Attr = true
		case "event":
			f.Event = true
		case "in":
			f.In = value
		case "time":
			f.Time = value
		default:
			panic("shape: tag option " + opt)
		}
	}
	f.self, f.elem, f.key = newConstraint(sf.Tag, ""), newConstraint(sf.Tag, "e"), newConstraint(sf.Tag, "k")
	return f
}

func newConstraint(tag reflect.StructTag, prefix string) constraint {
	c := constraint{min: tag.Get(prefix + "min"), max: tag.Get(prefix + "max"), pattern: tag.Get(prefix + "pattern")}
	c.minN, _ = strconv.ParseFloat(c.min, 64)
	c.maxN, _ = strconv.ParseFloat(c.max, 64)
	return c
}

// Value gives the value of member f of the structure sv, and whether it is present. Pointers are followed.
func (f *Field) Value(sv reflect.Value) (reflect.Value, bool) {
	v := sv.Field(f.Index)
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v, false
		}
		return v.Elem(), true
	case reflect.String: // an enumeration
		return v, v.Len() > 0
	case reflect.Slice, reflect.Map, reflect.Func, reflect.Interface:
		return v, !v.IsNil()
	}
	return v, true
}

// Settable gives the value of member f of sv to be set, with its pointer allocated.
func (f *Field) Settable(sv reflect.Value) reflect.Value {
	v := sv.Field(f.Index)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return v.Elem()
	}
	return v
}

// SortedKeys gives the keys of the map v in order, so that answers are stable.
func SortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}
