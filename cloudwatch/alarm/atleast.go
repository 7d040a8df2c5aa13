package alarm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// atLeast is the function AT_LEAST(M, STATE_CONDITION, (alarm1, alarm2, …)) of "Composite alarms": M of the alarms, or M percent of
// them, are in a state, or are not.
type atLeast struct {
	least   int
	percent bool
	alarms  []condition
}

func (c atLeast) holds(state func(string) State) bool {
	n := 0
	for _, a := range c.alarms {
		if a.holds(state) {
			n++
		}
	}
	if c.percent {
		return 100*n >= c.least*len(c.alarms)
	}
	return n >= c.least
}

// atLeast reads the arguments, behind the name of the function.
func (p *ruleParser) atLeast() (condition, error) {
	if !p.symbol("(") {
		return nil, errors.New("an opening parenthesis is missing")
	}
	c, err := p.threshold()
	if err != nil {
		return nil, err
	}
	negated := p.accept("NOT")
	state := State(p.peek())
	if !p.accept(string(Alarm)) && !p.accept(string(OK)) && !p.accept(string(InsufficientData)) {
		return nil, fmt.Errorf("AT_LEAST needs a state, and not %q", state)
	}
	if !p.symbol(",") || !p.symbol("(") {
		return nil, errors.New("AT_LEAST needs a list of alarms in parentheses")
	}
	for more := true; more; more = p.symbol(",") {
		if p.elements++; p.elements > maxElements {
			return nil, fmt.Errorf("more than %d elements", maxElements)
		}
		name, err := p.reference("(),")
		if err != nil {
			return nil, err
		}
		var one condition = inState{state, p.mention(name)}
		if negated {
			one = inverse{one}
		}
		c.alarms = append(c.alarms, one)
	}
	for range 2 { // of the list, and of the function
		if !p.symbol(")") {
			return nil, errors.New("a closing parenthesis is missing")
		}
	}
	if !c.percent && c.least > len(c.alarms) {
		return nil, fmt.Errorf("AT_LEAST wants %d alarms of %d", c.least, len(c.alarms))
	}
	return c, nil
}

// threshold reads a number, or a percentage, and the comma behind it.
func (p *ruleParser) threshold() (c atLeast, err error) {
	text, rest, found := strings.Cut(p.rest, ",")
	if !found {
		return c, errors.New("AT_LEAST needs a number, a state, and a list of alarms")
	}
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	c.percent = percent
	c.least, err = strconv.Atoi(number)
	if err != nil || c.least < 1 || c.percent && c.least > 100 {
		return c, fmt.Errorf("AT_LEAST needs a number of alarms from 1, or a percentage up to 100%%, and not %q", strings.TrimSpace(text))
	}
	p.rest = rest
	return c, nil
}
