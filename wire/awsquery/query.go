// Package awsquery is the AWS Query protocol: parameters as a form, answers in XML.
package awsquery

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"drey/wire"
	"drey/wire/awsxml"
	"drey/wire/shape"
)

const (
	maxDepth = 32
	maxIndex = 100_000
)

var malformed = wire.ErrorCode{Code: "MalformedQueryString", Status: 400}

// params is the tree that the dots in parameter names draw.
type params struct {
	value    string
	set      bool
	children map[string]*params
}

// Decode reads the form of a request into v, a pointer to an input of the models. Unknown parameters are ignored.
func Decode(form url.Values, v any) error {
	root := &params{}
	for name, values := range form {
		if len(values) == 0 {
			continue
		}
		if err := root.put(name, values[0]); err != nil {
			return err
		}
	}
	return root.structure(reflect.ValueOf(v).Elem(), shape.Of(v))
}

func (p *params) put(name, value string) error {
	parts := strings.Split(name, ".")
	if len(parts) > maxDepth {
		return malformed.Errorf("The parameter %s is nested too deeply.", name)
	}
	for _, part := range parts {
		if p.children == nil {
			p.children = map[string]*params{}
		}
		if p.children[part] == nil {
			p.children[part] = &params{}
		}
		p = p.children[part]
	}
	p.value, p.set = value, true
	return nil
}

func (p *params) structure(sv reflect.Value, t *shape.Type) error {
	for _, f := range t.Fields {
		child := p.children[f.Name]
		if child == nil {
			continue
		}
		if err := child.member(f, f.Settable(sv)); err != nil {
			return err
		}
	}
	return nil
}

func (p *params) member(f *shape.Field, v reflect.Value) error {
	switch f.Type.Kind {
	case shape.List:
		items := p
		if !f.Flat {
			items = p.children[itemName(f)]
		}
		return items.list(v, f.Type)
	case shape.Map:
		entries := p
		if !f.Flat {
			entries = p.children["entry"]
		}
		return entries.mapping(v, f.Type)
	}
	return p.scalarOrStructure(v, f.Type)
}

func itemName(f *shape.Field) string {
	if f.Item != "" {
		return f.Item
	}
	return "member"
}

func (p *params) scalarOrStructure(v reflect.Value, t *shape.Type) error {
	switch t.Kind {
	case shape.Structure:
		return p.structure(v, t)
	case shape.List:
		return p.children["member"].list(v, t)
	}
	if err := awsxml.SetScalar(v, t.Kind, p.value); err != nil {
		return wire.ErrorCode{Code: "MalformedInput", Status: 400}.Errorf("%v", err)
	}
	return nil
}

// list takes the elements in the order of their numbers; gaps are closed.
func (p *params) list(v reflect.Value, t *shape.Type) error {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	if p == nil {
		return nil
	}
	indexes, err := p.indexes()
	if err != nil {
		return err
	}
	for _, i := range indexes {
		elem := reflect.New(t.Elem.Go).Elem()
		if err := p.children[strconv.Itoa(i)].scalarOrStructure(elem, t.Elem); err != nil {
			return err
		}
		v.Set(reflect.Append(v, elem))
	}
	return nil
}

func (p *params) indexes() ([]int, error) {
	var indexes []int
	for name := range maps.Keys(p.children) {
		i, err := strconv.Atoi(name)
		if err != nil || i < 1 || i > maxIndex || strconv.Itoa(i) != name {
			return nil, malformed.Errorf("The list index %s is not valid.", name)
		}
		indexes = append(indexes, i)
	}
	slices.Sort(indexes)
	return indexes, nil
}

func (p *params) mapping(v reflect.Value, t *shape.Type) error {
	v.Set(reflect.MakeMap(v.Type()))
	if p == nil {
		return nil
	}
	indexes, err := p.indexes()
	if err != nil {
		return err
	}
	for _, i := range indexes {
		entry := p.children[strconv.Itoa(i)]
		key, value := entry.children["key"], entry.children["value"]
		if key == nil || value == nil {
			return malformed.Errorf("A map entry needs a key and a value.")
		}
		elem := reflect.New(t.Elem.Go).Elem()
		if err := value.scalarOrStructure(elem, t.Elem); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key.value).Convert(t.Key.Go), elem)
	}
	return nil
}

// Encode writes v, a pointer to the output of operation op.
func Encode(v any, op, namespace, requestID string) []byte {
	var w awsxml.Writer
	w.Open(op+"Response", namespace)
	if t := shape.Of(v); len(t.Fields) > 0 || t.Root != "" {
		w.Element(op+"Result", "", reflect.ValueOf(v).Elem(), t)
	}
	w.Open("ResponseMetadata", "")
	w.Text("RequestId", requestID)
	w.Close("ResponseMetadata")
	w.Close(op + "Response")
	return w.Bytes()
}

// EncodeError writes the body of an error.
func EncodeError(e *wire.Error, namespace, requestID string) []byte {
	var w awsxml.Writer
	w.Open("ErrorResponse", namespace)
	w.Open("Error", "")
	if e.Fault {
		w.Text("Type", "Receiver")
	} else {
		w.Text("Type", "Sender")
	}
	w.Text("Code", e.Code)
	w.Text("Message", e.Message)
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		w.Text(name, fmt.Sprint(e.Fields[name]))
	}
	w.Close("Error")
	w.Text("RequestId", requestID)
	w.Close("ErrorResponse")
	return w.Bytes()
}
