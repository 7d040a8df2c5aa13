package awsxml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"

	"drey/wire/shape"
)

const maxDepth = 64

// node is one element of a parsed document.
type node struct {
	name     string
	attrs    []xml.Attr
	text     []byte
	children []*node
}

// Decode reads the document body into the structure v (settable). Names are compared without their namespace; unknown
// elements are ignored. An empty body leaves v as it is.
func Decode(body []byte, v reflect.Value, t *shape.Type) error {
	root, err := parse(body)
	if err != nil || root == nil {
		return err
	}
	return root.structure(v, t)
}

func parse(body []byte) (*node, error) {
	dec := xml.NewDecoder(bytes.NewReader(body))
	var stack []*node
	var root *node
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			if len(stack) > 0 {
				return nil, errors.New("unexpected end of the document")
			}
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			n := &node{name: tok.Name.Local, attrs: tok.Attr}
			switch {
			case len(stack) >= maxDepth:
				return nil, errors.New("nested too deeply")
			case len(stack) > 0:
				parent := stack[len(stack)-1]
				parent.children = append(parent.children, n)
			case root != nil:
				return nil, errors.New("more than one root element")
			default:
				root = n
			}
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				top := stack[len(stack)-1]
				top.text = append(top.text, tok...)
			}
		}
	}
}

func (n *node) structure(v reflect.Value, t *shape.Type) error {
	for _, f := range t.Fields {
		if f.In != "" {
			continue
		}
		if err := n.member(f, v); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) member(f *shape.Field, sv reflect.Value) error {
	if f.Attr {
		for _, a := range n.attrs {
			if a.Name.Local == localName(f.Name) {
				return SetScalar(f.Settable(sv), f.Type.Kind, a.Value)
			}
		}
		return nil
	}
	for _, child := range n.children {
		if child.name != f.Name {
			continue
		}
		if f.Type.Kind == shape.List && f.Flat {
			if err := child.append(f.Settable(sv), f.Type); err != nil {
				return err
			}
			continue
		}
		if err := child.value(f.Settable(sv), f.Type, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func localName(name string) string {
	if i := bytes.IndexByte([]byte(name), ':'); i >= 0 {
		return name[i+1:]
	}
	return name
}

func (n *node) append(v reflect.Value, t *shape.Type) error {
	elem := reflect.New(t.Elem.Go).Elem()
	if err := n.value(elem, t.Elem, nil); err != nil {
		return err
	}
	v.Set(reflect.Append(v, elem))
	return nil
}

func (n *node) value(v reflect.Value, t *shape.Type, f *shape.Field) error {
	switch t.Kind {
	case shape.Structure:
		return n.structure(v, t)
	case shape.List:
		v.Set(reflect.MakeSlice(v.Type(), 0, len(n.children)))
		for _, child := range n.children {
			if err := child.append(v, t); err != nil {
				return err
			}
		}
		return nil
	case shape.Map:
		return n.mapping(v, t)
	}
	return SetScalar(v, t.Kind, string(n.text))
}

func (n *node) mapping(v reflect.Value, t *shape.Type) error {
	v.Set(reflect.MakeMap(v.Type()))
	for _, entry := range n.children {
		if len(entry.children) != 2 {
			return errors.New("a map entry needs a key and a value")
		}
		elem := reflect.New(t.Elem.Go).Elem()
		if err := entry.children[1].value(elem, t.Elem, nil); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(string(entry.children[0].text)).Convert(t.Key.Go), elem)
	}
	return nil
}
