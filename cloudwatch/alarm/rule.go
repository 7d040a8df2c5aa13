package alarm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Rule is the expression of a composite alarm.
type Rule struct {
	root   condition
	alarms []string
}

// Alarms are the names or ARNs that the rule mentions, each once.
func (r *Rule) Alarms() []string { return r.alarms }

// Holds decides the rule; state gives that of an alarm by its name or ARN.
func (r *Rule) Holds(state func(alarm string) State) bool { return r.root.holds(state) }

type condition interface {
	holds(state func(string) State) bool
}

type (
	constant bool
	inState  struct {
		state State
		alarm string
	}
	inverse     struct{ condition }
	conjunction []condition
	disjunction []condition
)

func (c constant) holds(func(string) State) bool      { return bool(c) }
func (c inState) holds(state func(string) State) bool { return state(c.alarm) == c.state }
func (c inverse) holds(state func(string) State) bool { return !c.condition.holds(state) }

func (c conjunction) holds(state func(string) State) bool {
	return !slices.ContainsFunc(c, func(x condition) bool { return !x.holds(state) })
}

func (c disjunction) holds(state func(string) State) bool {
	return slices.ContainsFunc(c, func(x condition) bool { return x.holds(state) })
}

// Limits of a rule.
const (
	maxAlarms   = 100
	maxElements = 500 // alarms, constants, pairs of parentheses
)

type ruleParser struct {
	rest     string
	elements int
	rule     *Rule
}

// ParseRule reads an AlarmRule.
func ParseRule(text string) (*Rule, error) {
	p := &ruleParser{rest: text, rule: &Rule{}}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.skip(); p.rest != "" {
		return nil, fmt.Errorf("unexpected %q", p.rest)
	}
	if len(p.rule.alarms) > maxAlarms {
		return nil, fmt.Errorf("more than %d alarms", maxAlarms)
	}
	p.rule.root = root
	return p.rule, nil
}

func (p *ruleParser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// peek is the word at the beginning.
func (p *ruleParser) peek() string {
	p.skip()
	n := strings.IndexFunc(p.rest, func(r rune) bool { return !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || r == '_') })
	if n < 0 {
		n = len(p.rest)
	}
	return p.rest[:n]
}

func (p *ruleParser) accept(word string) bool {
	if p.peek() != word {
		return false
	}
	p.rest = p.rest[len(word):]
	return true
}

func (p *ruleParser) symbol(s string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *ruleParser) or() (condition, error) {
	var list disjunction
	for {
		c, err := p.and()
		if err != nil {
			return nil, err
		}
		if list = append(list, c); !p.accept("OR") {
			return list, nil
		}
	}
}

func (p *ruleParser) and() (condition, error) {
	var list conjunction
	for {
		c, err := p.one()
		if err != nil {
			return nil, err
		}
		if list = append(list, c); !p.accept("AND") {
			return list, nil
		}
	}
}

func (p *ruleParser) one() (condition, error) {
	if p.elements++; p.elements > maxElements {
		return nil, fmt.Errorf("more than %d elements", maxElements)
	}
	if p.symbol("(") {
		c, err := p.or()
		if err == nil && !p.symbol(")") {
			err = errors.New("a closing parenthesis is missing")
		}
		return c, err
	}
	switch word := p.peek(); {
	case p.accept("NOT"):
		c, err := p.one()
		return inverse{c}, err
	case strings.EqualFold(word, "TRUE"), strings.EqualFold(word, "FALSE"):
		p.accept(word)
		return constant(strings.EqualFold(word, "TRUE")), nil
	case p.accept(string(Alarm)), p.accept(string(OK)), p.accept(string(InsufficientData)):
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		return inState{State(word), p.mention(name)}, nil
	case p.accept("AT_LEAST"):
		return p.atLeast()
	case word == "" && p.rest == "":
		return nil, errors.New("the rule ends too early")
	case word == "":
		return nil, fmt.Errorf("unexpected %q", p.rest)
	default:
		return nil, fmt.Errorf("unknown function %s", word)
	}
}

// mention notes that the rule has an alarm.
func (p *ruleParser) mention(name string) string {
	if !slices.Contains(p.rule.alarms, name) {
		p.rule.alarms = append(p.rule.alarms, name)
	}
	return name
}

// name reads the alarm in parentheses.
func (p *ruleParser) name() (string, error) {
	if !p.symbol("(") {
		return "", errors.New("an opening parenthesis is missing")
	}
	name, err := p.reference("()")
	if err == nil && !p.symbol(")") {
		err = errors.New("a closing parenthesis is missing")
	}
	return name, err
}

// reference reads a name or ARN, with or without quotes; without, it ends at a blank or one of some symbols.
func (p *ruleParser) reference(ends string) (string, error) {
	p.skip()
	var name string
	if strings.HasPrefix(p.rest, `"`) {
		var b strings.Builder
		i := 1
		for ; i < len(p.rest) && p.rest[i] != '"'; i++ {
			if p.rest[i] == '\\' && i+1 < len(p.rest) {
				i++
			}
			b.WriteByte(p.rest[i])
		}
		if i >= len(p.rest) {
			return "", errors.New("a quoted name does not end")
		}
		name, p.rest = b.String(), p.rest[i+1:]
	} else {
		n := max(0, strings.IndexAny(p.rest, ends+" \t\r\n\""))
		name, p.rest = p.rest[:n], p.rest[n:]
	}
	if name == "" {
		return "", errors.New("the name of an alarm is missing")
	}
	return name, nil
}
