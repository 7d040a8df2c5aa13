package policy

import "strings"

// Keys is the context of a request: condition keys in lower case with their values.
type Keys map[string][]string

// Set puts the values of a key, whatever its case. No values mean that the key is absent.
func (k Keys) Set(name string, values ...string) {
	if len(values) == 0 {
		delete(k, strings.ToLower(name))
		return
	}
	k[strings.ToLower(name)] = values
}

// condition is one key under one operator.
type condition struct {
	operator
	key      string // lower case
	quantity quantifier
	ifExists bool
	operands []operand
}

type quantifier int

const (
	single quantifier = iota
	forAllValues
	forAnyValue
)

var quantifiers = map[string]quantifier{"forallvalues": forAllValues, "foranyvalue": forAnyValue}

// operand is a compiled value of the policy: does the value of the request match it?
type operand func(value string, keys Keys) bool

// operator is a row of "IAM JSON policy elements: Condition operators".
type operator struct {
	negated bool // true if no operand may match
	compile func(text string, variables bool) (operand, error)
}

var operators = map[string]operator{
	"stringequals":              {false, stringEquals},
	"stringnotequals":           {true, stringEquals},
	"stringequalsignorecase":    {false, stringEqualsIgnoreCase},
	"stringnotequalsignorecase": {true, stringEqualsIgnoreCase},
	"stringlike":                {false, stringLike},
	"stringnotlike":             {true, stringLike},
	"numericequals":             {false, numeric(func(c int) bool { return c == 0 })},
	"numericnotequals":          {true, numeric(func(c int) bool { return c == 0 })},
	"numericlessthan":           {false, numeric(func(c int) bool { return c < 0 })},
	"numericlessthanequals":     {false, numeric(func(c int) bool { return c <= 0 })},
	"numericgreaterthan":        {false, numeric(func(c int) bool { return c > 0 })},
	"numericgreaterthanequals":  {false, numeric(func(c int) bool { return c >= 0 })},
	"dateequals":                {false, date(func(c int) bool { return c == 0 })},
	"datenotequals":             {true, date(func(c int) bool { return c == 0 })},
	"datelessthan":              {false, date(func(c int) bool { return c < 0 })},
	"datelessthanequals":        {false, date(func(c int) bool { return c <= 0 })},
	"dategreaterthan":           {false, date(func(c int) bool { return c > 0 })},
	"dategreaterthanequals":     {false, date(func(c int) bool { return c >= 0 })},
	"bool":                      {false, boolean},
	"binaryequals":              {false, binaryEquals},
	"ipaddress":                 {false, ipAddress},
	"notipaddress":              {true, ipAddress},
	"arnequals":                 {false, arnLike},
	"arnlike":                   {false, arnLike},
	"arnnotequals":              {true, arnLike},
	"arnnotlike":                {true, arnLike},
}

func (s *statement) parseCondition(v any, _ Kind, variables bool) error {
	o, ok := v.(object)
	if !ok {
		return syntaxf("Syntax errors in policy. The element Condition must be an object.")
	}
	for _, m := range o {
		keys, ok := m.value.(object)
		if !ok {
			return syntaxf("Syntax errors in policy. The condition operator %s must hold an object.", m.name)
		}
		for _, k := range keys {
			c, err := parseOperator(m.name)
			if err != nil {
				return err
			}
			if !strings.Contains(k.name, ":") {
				return syntaxf("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
			}
			c.key = strings.ToLower(k.name)
			if err := c.parseValues(m.name, k.value, variables); err != nil {
				return err
			}
			s.conditions = append(s.conditions, c)
		}
		if _, err := parseOperator(m.name); err != nil {
			return err
		}
	}
	return nil
}

// parseOperator reads a name such as ForAnyValue:StringLikeIfExists.
func parseOperator(name string) (condition, error) {
	var c condition
	rest := strings.ToLower(name)
	if prefix, base, ok := strings.Cut(rest, ":"); ok {
		if c.quantity = quantifiers[prefix]; c.quantity == single {
			return c, syntaxf("Syntax errors in policy. Invalid Condition type : %s.", name)
		}
		rest = base
	}
	if rest == "null" && c.quantity == single {
		return c, nil
	}
	rest, c.ifExists = strings.CutSuffix(rest, "ifexists")
	var known bool
	if c.operator, known = operators[rest]; !known {
		return c, syntaxf("Syntax errors in policy. Invalid Condition type : %s.", name)
	}
	return c, nil
}

func (c *condition) parseValues(operator string, v any, variables bool) error {
	list, ok := scalars(v)
	if !ok {
		return syntaxf("Syntax errors in policy. The values of %s must be strings, numbers or booleans.", operator)
	}
	compile := c.compile
	if compile == nil {
		compile = boolean // Null
	}
	for _, text := range list {
		op, err := compile(text, variables)
		if err != nil {
			return syntaxf("Syntax errors in policy. Invalid value for condition %s: %s", operator, err)
		}
		c.operands = append(c.operands, op)
	}
	return nil
}

// holds decides by "Condition operators" and "Set operators for multivalued context keys". A key without values is an
// absent key.
func (c *condition) holds(keys Keys) bool {
	values := keys[c.key]
	if c.compile == nil {
		absent := "false"
		if len(values) == 0 {
			absent = "true"
		}
		return c.any(absent, keys)
	}
	if len(values) == 0 {
		return c.ifExists || c.quantity == forAllValues || c.quantity == single && c.negated
	}
	matched := 0
	for _, v := range values {
		if c.any(v, keys) {
			matched++
		}
	}
	if c.negated && c.quantity != single {
		matched = len(values) - matched
	}
	switch {
	case c.quantity == forAllValues:
		return matched == len(values)
	case c.quantity == single && c.negated:
		return matched == 0
	default:
		return matched > 0
	}
}

func (c *condition) any(value string, keys Keys) bool {
	for _, op := range c.operands {
		if op(value, keys) {
			return true
		}
	}
	return false
}
