package insights

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Event is a log event as a query sees it.
type Event struct {
	Time, Ingested int64 // milliseconds since the epoch
	Message        string
	Source         *Source
	Block          uint64 // with Index: its place in the stream
	Index          uint32
}

// Source is the log stream that an event is in.
type Source struct {
	ID     int64  // orders streams
	Log    string // <account>:<log group>
	Stream string
}

// compare orders events by time and then by place.
func (e *Event) compare(o *Event) int {
	return cmp.Or(cmp.Compare(e.Time, o.Time), cmp.Compare(e.Ingested, o.Ingested), cmp.Compare(e.Source.ID, o.Source.ID),
		cmp.Compare(e.Block, o.Block), cmp.Compare(e.Index, o.Index))
}

type binding struct {
	name  string
	value Value
}

// row is what flows through a phase.
type row struct {
	event  Event
	made   bool // by stats: there is no event
	seq    int  // place in the answer of the phase before
	json   jsonState
	vars   []binding // the last one of a name counts
	order  []Value   // what sort asked for
	totals []Value   // of the aggregates, inside stats
	run    *Run
	texts  int  // bytes that functions have made
	excess bool // they have made, or would have to make, more than maxTexts
}

type jsonState uint8

const (
	unknown jsonState = iota
	valid
	invalid
)

func (r *row) set(name string, v Value) { r.vars = append(r.vars, binding{name, v}) }

func (r *row) bound(name string) (Value, bool) {
	for i := len(r.vars) - 1; i >= 0; i-- {
		if r.vars[i].name == name {
			return r.vars[i].value, true
		}
	}
	return Value{}, false
}

// get looks for an ephemeral field, then for one that every event has, then into the message.
func (r *row) get(name string) Value {
	if v, ok := r.bound(name); ok {
		return v
	}
	if v, ok := r.within(name); ok {
		return v
	}
	if r.made {
		return Value{}
	}
	if name[0] != '@' {
		return r.discovered(name)
	}
	switch name {
	case "@timestamp":
		return momentValue(float64(r.event.Time))
	case "@ingestionTime":
		return momentValue(float64(r.event.Ingested))
	case "@message":
		return textValue(r.event.Message)
	case "@logStream":
		return textValue(r.event.Source.Stream)
	case "@log":
		return textValue(r.event.Source.Log)
	case "@ptr":
		return textValue(r.run.pointer(&r.event))
	}
	if strings.HasPrefix(name, "@@") { // documented for discovered fields that begin with @
		return r.discovered(name[1:])
	}
	v, _ := r.bound(name[1:]) // the guide parses (?<user2>…) and uses @user2
	return v
}

// discovered looks for a field of a JSON message; a.b.0.c leads into objects and arrays.
func (r *row) discovered(path string) Value {
	if r.json == unknown {
		r.json = invalid
		if m := strings.TrimLeft(r.event.Message, " \t\r\n"); m != "" && m[0] == '{' && gjson.Valid(m) {
			r.json = valid
		}
	}
	if r.json == invalid {
		return Value{}
	}
	v, _ := walk(gjson.Parse(r.event.Message), path, leaf)
	return v
}

// walk finds a path in an object or array, and makes a Value of what is there. Names in it may have dots themselves.
func walk(v gjson.Result, path string, value func(gjson.Result) (Value, bool)) (Value, bool) {
	if !v.IsObject() && !v.IsArray() {
		return Value{}, false
	}
	if found := member(v, path); found.Exists() {
		return value(found)
	}
	for i := 0; i < len(path); i++ {
		if path[i] != '.' {
			continue
		}
		if inner := member(v, path[:i]); inner.Exists() {
			if found, ok := walk(inner, path[i+1:], value); ok {
				return found, true
			}
		}
	}
	return Value{}, false
}

func member(v gjson.Result, name string) (found gjson.Result) {
	if v.IsArray() && (strings.Trim(name, "0123456789") != "" || (len(name) > 1 && name[0] == '0')) {
		return found
	}
	return v.Get(gjson.Escape(name))
}

// leaf makes a Value of a scalar. Objects, arrays and null are no fields.
func leaf(v gjson.Result) (Value, bool) {
	switch v.Type {
	case gjson.String:
		return textValue(v.Str), true
	case gjson.Number:
		return Value{kind: number, s: v.Raw, n: v.Num}, true
	case gjson.True, gjson.False:
		return truth(v.Type == gjson.True), true
	}
	return Value{}, false
}

// keep makes a row that does not hold on to the block of events it came from.
func (r *row) keep() *row {
	c := *r
	c.event.Message = strings.Clone(r.event.Message)
	c.vars, c.order = make([]binding, len(r.vars)), cloneValues(r.order)
	for i, b := range r.vars {
		c.vars[i] = binding{b.name, cloneValue(b.value)}
	}
	return &c
}

// size is what a kept row weighs, roughly.
func (r *row) size() int {
	n := entryBytes + len(r.event.Message)
	for _, b := range r.vars {
		n += 64 + len(b.value.s)
	}
	for _, v := range r.order {
		n += 32 + len(v.s)
	}
	return n
}

func cloneValue(v Value) Value {
	v.s = strings.Clone(v.s)
	return v
}

func cloneValues(list []Value) []Value {
	out := make([]Value, len(list))
	for i, v := range list {
		out[i] = cloneValue(v)
	}
	return out
}

// Discover lists the fields of a JSON message by their paths, down to maxDepth; of another one there are none.
func Discover(message string) []Field {
	r := row{event: Event{Message: message}}
	if r.discovered("x"); r.json == invalid {
		return nil
	}
	var list []Field
	flatten(gjson.Parse(message), "", 0, &list)
	return list
}

// flatten leaves out what is nested deeper than maxDepth: the paths in a long message of nothing but brackets would fill the memory.
func flatten(v gjson.Result, path string, depth int, list *[]Field) {
	if depth > maxDepth {
		return
	}
	index := 0
	v.ForEach(func(k, inner gjson.Result) bool {
		name := k.Str
		if v.IsArray() {
			name = strconv.Itoa(index)
			index++
		}
		if path != "" {
			name = path + "." + name
		} else if strings.HasPrefix(name, "@") {
			name = "@" + name
		}
		if inner.IsObject() || inner.IsArray() {
			flatten(inner, name, depth+1, list)
		} else if value, ok := leaf(inner); ok {
			*list = append(*list, Field{name, value.String()})
		}
		return true
	})
}
