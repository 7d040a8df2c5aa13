package insights

import (
	"strings"

	"github.com/tidwall/gjson"
)

// structured makes a map or list of a JSON object or array; of anything else nothing ("JSON functions").
func structured(text string) Value {
	text = strings.TrimSpace(text)
	if text == "" || text[0] != '{' && text[0] != '[' || !gjson.Valid(text) {
		return Value{}
	}
	return Value{kind: structure, s: text}
}

func jsonStringify(args []Value) Value {
	if args[0].kind != structure {
		return Value{}
	}
	return textValue(args[0].s)
}

// within looks into the maps and lists that a query has made: a.b.0 is in a, or in a.b.
func (r *row) within(path string) (Value, bool) {
	if len(r.vars) == 0 {
		return Value{}, false
	}
	for i := 0; i < len(path); i++ {
		if path[i] != '.' {
			continue
		}
		if v, ok := r.bound(path[:i]); ok && v.kind == structure {
			found, _ := walk(gjson.Parse(v.s), path[i+1:], element)
			return found, true
		}
	}
	return Value{}, false
}

// element makes a Value of what is in a map or list, which may be one itself.
func element(v gjson.Result) (Value, bool) {
	if v.IsObject() || v.IsArray() {
		return Value{kind: structure, s: v.Raw}, true
	}
	return leaf(v)
}

// path reads what follows a name to lead into a map or list: [1], and `user.id` in backticks behind a dot. plain = nothing does.
func (p *parser) path(t token) (path string, plain bool) {
	path, plain = t.text, true
	for p.pos < len(p.query) {
		switch c := p.query[p.pos]; {
		case c == '[':
			end := p.run(p.pos+1, func(r rune) bool { return r >= '0' && r <= '9' })
			if end == p.pos+1 || end == len(p.query) || p.query[end] != ']' {
				return path, plain
			}
			path, p.pos = path+"."+p.query[p.pos+1:end], end+1
		case c == '`' && strings.HasSuffix(path, "."):
			text, end := p.quoted(p.pos, '`')
			path, p.pos = path+text, end
		case c == '.' && !plain:
			end := p.run(p.pos+1, func(r rune) bool { return nameStart(r) || r == '.' || r >= '0' && r <= '9' })
			path, p.pos = path+p.query[p.pos:end], end
		default:
			return path, plain
		}
		plain = false
	}
	return path, plain
}
