package policy

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// maxDepth is deeper than any valid document: Condition > operator > key > list.
const maxDepth = 12

// object keeps the members of a JSON object in their order. A name occurs once.
type object []member

type member struct {
	name  string
	value any // string, json.Number, bool, nil, []any or object
}

func (o object) get(name string) (any, bool) {
	for _, m := range o {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

var errDuplicate = errors.New("duplicate member")

// decode reads one JSON value and nothing after it. Numbers keep their spelling; duplicate members are refused, for
// otherwise one of them would be silently lost.
func decode(document string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(document))
	dec.UseNumber()
	v, err := decodeValue(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("data after the document")
	}
	return v, nil
}

func decodeValue(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return decodeObject(dec, depth)
	case json.Delim('['):
		return decodeList(dec, depth)
	}
	return t, nil
}

func decodeObject(dec *json.Decoder, depth int) (any, error) {
	o := object{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name := t.(string)
		if _, ok := o.get(name); ok {
			return nil, errDuplicate
		}
		v, err := decodeValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		o = append(o, member{name, v})
	}
	_, err := dec.Token()
	return o, err
}

func decodeList(dec *json.Decoder, depth int) (any, error) {
	l := []any{}
	for dec.More() {
		v, err := decodeValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	_, err := dec.Token()
	return l, err
}

// texts reads a string or a list of strings.
func texts(v any) ([]string, bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			out = append(out, s)
		}
		return out, true
	}
	return nil, false
}

// scalars reads a string, number or boolean, or a list of them, as text.
func scalars(v any) ([]string, bool) {
	l, ok := v.([]any)
	if !ok {
		l = []any{v}
	}
	out := make([]string, 0, len(l))
	for _, e := range l {
		switch e := e.(type) {
		case string:
			out = append(out, e)
		case json.Number:
			out = append(out, e.String())
		case bool:
			if e {
				out = append(out, "true")
			} else {
				out = append(out, "false")
			}
		default:
			return nil, false
		}
	}
	return out, true
}
