package shape

import (
	"fmt"
	"reflect"
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
	c.structure(reflect.ValueOf(v).Elem(), Of(v), "")
	if len(c.found) == 0 {
		return nil
	}
	noun := "errors"
	if len(c.found) == 1 {
		noun = "error"
	}
	return code.Errorf("%d validation %s detected: %s", len(c.found), noun, strings.Join(c.found, "; "))
}

type checker struct{ found []string }

func (c *checker) fail(shown, path, rule string) {
	c.found = append(c.found, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", shown, path, rule))
}

func (c *checker) structure(sv reflect.Value, t *Type, path string) {
	for _, f := range t.Fields {
		at := path + lowerFirst(f.Member)
		v, present := f.Value(sv)
		if !present {
			if f.Required && !f.Event {
				c.fail("null", at, "Member must not be null")
			}
			continue
		}
		c.value(v, f.Type, &f.self, f, at)
	}
}

func (c *checker) value(v reflect.Value, t *Type, rule *constraint, f *Field, at string) {
	switch t.Kind {
	case Structure:
		c.structure(v, t, at+".")
	case List:
		c.length(v.Len(), rule, func() string { return quote(fmt.Sprint(v.Interface())) }, at)
		for i := range v.Len() {
			c.value(v.Index(i), t.Elem, &f.elem, f, fmt.Sprintf("%s.%d.member", at, i+1))
		}
	case Map:
		c.length(v.Len(), rule, func() string { return quote(fmt.Sprint(v.Interface())) }, at)
		for it := v.MapRange(); it.Next(); {
			c.value(it.Key(), t.Key, &f.key, f, at+".key")
			c.value(it.Value(), t.Elem, &f.elem, f, at+"."+it.Key().String()+".member")
		}
	case Blob:
		n := v.Len()
		c.length(n, rule, func() string {
			return fmt.Sprintf("'java.nio.HeapByteBuffer[pos=0 lim=%d cap=%d]'", n, n)
		}, at)
	case String:
		c.text(v.String(), t, rule, at)
	case Integer:
		c.number(float64(v.Int()), strconv.FormatInt(v.Int(), 10), rule, at)
	case Float:
		c.number(v.Float(), strconv.FormatFloat(v.Float(), 'g', -1, 64), rule, at)
	}
}

func (c *checker) text(s string, t *Type, rule *constraint, at string) {
	if t.Enum != nil {
		for _, e := range t.Enum {
			if e == s {
				return
			}
		}
		c.fail(quote(s), at, "Member must satisfy enum value set: ["+strings.Join(t.Enum, ", ")+"]")
		return
	}
	c.length(utf8.RuneCountInString(s), rule, func() string { return quote(s) }, at)
	if rule.pattern != "" && !matches(rule.pattern, s) {
		c.fail(quote(s), at, "Member must satisfy regular expression pattern: "+rule.pattern)
	}
}

func (c *checker) length(n int, rule *constraint, shown func() string, at string) {
	if rule.min != "" && float64(n) < rule.minN {
		c.fail(shown(), at, "Member must have length greater than or equal to "+rule.min)
	}
	if rule.max != "" && float64(n) > rule.maxN {
		c.fail(shown(), at, "Member must have length less than or equal to "+rule.max)
	}
}

func (c *checker) number(n float64, shown string, rule *constraint, at string) {
	if rule.min != "" && n < rule.minN {
		c.fail("'"+shown+"'", at, "Member must have value greater than or equal to "+rule.min)
	}
	if rule.max != "" && n > rule.maxN {
		c.fail("'"+shown+"'", at, "Member must have value less than or equal to "+rule.max)
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
