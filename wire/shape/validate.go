package shape

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"drey/wire"
)

// maxShown is how much of an offending value a message repeats.
const maxShown = 1024

// Validate checks v, a pointer to an input of the models, against the constraints of its model. The answer lists every
// violation in AWS's words and carries code.
func Validate(v any, code wire.ErrorCode) error {
	var c checker
	c.structure(reflect.ValueOf(v).Elem(), Of(v))
	if len(c.found) == 0 {
		return nil
	}
	noun := "errors"
	if len(c.found) == 1 {
		noun = "error"
	}
	return code.Errorf("%d validation %s detected: %s", len(c.found), noun, strings.Join(c.found, "; "))
}

// checker is where it is in a value, and what it found. The place becomes text only in a message: most requests are valid.
type checker struct {
	path  []step
	found []string
}

// step leads from a value into it.
type step struct {
	member string // of a structure
	item   int    // of a list, from 1
	part   string // of a map, as messages call it
}

func (c *checker) fail(shown, rule string) {
	var at strings.Builder
	for i, s := range c.path {
		if i > 0 {
			at.WriteByte('.')
		}
		switch {
		case s.item > 0:
			at.WriteString(strconv.Itoa(s.item) + ".member")
		case s.part != "":
			at.WriteString(s.part)
		default:
			at.WriteString(lowerFirst(s.member))
		}
	}
	if shown != "" {
		shown += " "
	}
	c.found = append(c.found, fmt.Sprintf("Value %sat '%s' failed to satisfy constraint: %s", shown, at.String(), rule))
}

func (c *checker) structure(sv reflect.Value, t *Type) {
	c.path = append(c.path, step{})
	last := len(c.path) - 1
	for _, f := range t.Fields {
		c.path[last].member = f.Member
		v, present := f.Value(sv)
		if !present {
			if f.Required && !f.Event {
				c.fail("null", "Member must not be null")
			}
			continue
		}
		c.value(v, f.Type, &f.self, f)
	}
	c.path = c.path[:last]
}

func (c *checker) value(v reflect.Value, t *Type, rule *constraint, f *Field) {
	switch t.Kind {
	case Structure:
		c.structure(v, t)
	case List:
		c.length(v.Len(), rule, t, v)
		c.path = append(c.path, step{})
		last := len(c.path) - 1
		for i := range v.Len() {
			c.path[last].item = i + 1
			c.value(v.Index(i), t.Elem, &f.elem, f)
		}
		c.path = c.path[:last]
	case Map:
		c.length(v.Len(), rule, t, v)
		last := len(c.path)
		for it := v.MapRange(); it.Next(); {
			c.path = append(c.path[:last], step{part: "key"})
			c.value(it.Key(), t.Key, &f.key, f)
			c.path[last].part = it.Key().String() + ".member"
			c.value(it.Value(), t.Elem, &f.elem, f)
		}
		c.path = c.path[:last]
	case Blob:
		c.length(v.Len(), rule, t, v)
	case String:
		c.text(v, t, rule)
	case Integer:
		if rule.bounded() {
			c.number(float64(v.Int()), strconv.FormatInt(v.Int(), 10), rule)
		}
	case Float:
		if rule.bounded() {
			c.number(v.Float(), strconv.FormatFloat(v.Float(), 'g', -1, 64), rule)
		}
	}
}

func (r *constraint) bounded() bool { return r.min != "" || r.max != "" }

func (c *checker) text(v reflect.Value, t *Type, rule *constraint) {
	s := v.String()
	if t.Enum != nil {
		if !slices.Contains(t.Enum, s) {
			c.fail(quote(s), "Member must satisfy enum value set: ["+strings.Join(t.Enum, ", ")+"]")
		}
		return
	}
	if rule.bounded() {
		c.length(utf8.RuneCountInString(s), rule, t, v)
	}
	if rule.pattern != "" && !matches(rule.pattern, s) {
		c.fail(quote(s), "Member must satisfy regular expression pattern: "+rule.pattern)
	}
}

func (c *checker) length(n int, rule *constraint, t *Type, v reflect.Value) {
	if rule.min != "" && float64(n) < rule.minN {
		c.fail(shown(v, t), "Member must have length greater than or equal to "+rule.min)
	}
	if rule.max != "" && float64(n) > rule.maxN {
		c.fail(shown(v, t), "Member must have length less than or equal to "+rule.max)
	}
}

// shown is how a message repeats a value of the wrong length; "" = not at all: structures may hold anything.
func shown(v reflect.Value, t *Type) string {
	if t.Elem != nil && t.Elem.Kind >= List {
		return ""
	}
	switch t.Kind {
	case Blob:
		return fmt.Sprintf("'java.nio.HeapByteBuffer[pos=0 lim=%d cap=%[1]d]'", v.Len())
	case String:
		return quote(v.String())
	}
	return quote(fmt.Sprint(v.Interface()))
}

func (c *checker) number(n float64, shown string, rule *constraint) {
	if rule.min != "" && n < rule.minN {
		c.fail("'"+shown+"'", "Member must have value greater than or equal to "+rule.min)
	}
	if rule.max != "" && n > rule.maxN {
		c.fail("'"+shown+"'", "Member must have value less than or equal to "+rule.max)
	}
}

var patterns sync.Map // pattern → *regexp.Regexp

func matches(pattern, s string) bool {
	re, ok := patterns.Load(pattern)
	if !ok {
		compiled, err := wire.CompilePattern(pattern)
		if err != nil {
			panic("shape: the generator let through the pattern " + pattern)
		}
		re, _ = patterns.LoadOrStore(pattern, compiled)
	}
	return re.(interface{ MatchString(string) bool }).MatchString(s)
}

func quote(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "..."
	}
	return "'" + s + "'"
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
