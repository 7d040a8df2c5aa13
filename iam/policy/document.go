package policy

import (
	"fmt"
	"regexp"
	"strings"
)

// Kind says where a document is attached: each place has its own grammar.
type Kind int

const (
	Identity Kind = iota // users, roles, managed, session policies and boundaries: no Principal, a Resource
	Resource             // attached to a resource (a bucket): a Principal and a Resource
	Trust                // a role's trust policy: a Principal, no Resource
)

// SyntaxError is a document that IAM refuses with MalformedPolicyDocument.
type SyntaxError struct{ Reason string }

func (e *SyntaxError) Error() string { return e.Reason }

func syntaxf(format string, args ...any) error {
	return &SyntaxError{Reason: fmt.Sprintf(format, args...)}
}

// Policy is a compiled document. It is immutable and may be used by many goroutines.
type Policy struct {
	ID         string
	statements []statement
}

const version2012 = "2012-10-17"

// Parse checks and compiles a document. The error is a *SyntaxError.
func Parse(document string, kind Kind) (*Policy, error) {
	v, err := decode(document)
	if err == errDuplicate {
		return nil, syntaxf("Syntax errors in policy. An element occurs twice.")
	}
	if err != nil {
		return nil, syntaxf("The policy is not in the valid JSON format.")
	}
	doc, ok := v.(object)
	if !ok {
		return nil, syntaxf("Syntax errors in policy.")
	}
	p := &Policy{}
	variables := false
	var list any
	for _, m := range doc {
		switch m.name {
		case "Version":
			if m.value != version2012 && m.value != "2008-10-17" {
				return nil, syntaxf("Policy document must be version 2012-10-17 or greater.")
			}
			variables = m.value == version2012
		case "Id":
			if p.ID, ok = m.value.(string); !ok {
				return nil, syntaxf("Syntax errors in policy. The element Id must be a string.")
			}
		case "Statement":
			list = m.value
		default:
			return nil, syntaxf("Syntax errors in policy. The element %q is unknown.", m.name)
		}
	}
	return p, p.parseStatements(list, kind, variables)
}

func (p *Policy) parseStatements(v any, kind Kind, variables bool) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if v == nil || len(list) == 0 {
		return syntaxf("Syntax errors in policy. The element Statement is missing or empty.")
	}
	sids := map[string]bool{}
	for i, e := range list {
		o, ok := e.(object)
		if !ok {
			return syntaxf("Syntax errors in policy. Statement %d is not an object.", i+1)
		}
		s, err := parseStatement(o, kind, variables)
		if err != nil {
			return err
		}
		if s.sid != "" && sids[s.sid] {
			return syntaxf("Statement IDs (SID) in a single policy must be unique.")
		}
		sids[s.sid] = true
		s.index = i + 1
		p.statements = append(p.statements, s)
	}
	return nil
}

// statement is one compiled element of Statement. Nil lists mean that the element is absent.
type statement struct {
	index int // 1 for the first
	sid   string
	deny  bool

	principals   []principal
	notPrincipal bool
	hasPrincipal bool
	actions      []pattern // lower case
	notAction    bool
	resources    []pattern
	notResource  bool
	hasResource  bool
	conditions   []condition
}

// elements is the grammar of a statement ("Grammar of the IAM JSON policy language").
var elements = map[string]func(s *statement, v any, kind Kind, variables bool) error{
	"Sid":          (*statement).parseSid,
	"Effect":       (*statement).parseEffect,
	"Principal":    (*statement).parsePrincipal,
	"NotPrincipal": (*statement).parseNotPrincipal,
	"Action":       (*statement).parseAction,
	"NotAction":    (*statement).parseNotAction,
	"Resource":     (*statement).parseResource,
	"NotResource":  (*statement).parseNotResource,
	"Condition":    (*statement).parseCondition,
}

func parseStatement(o object, kind Kind, variables bool) (statement, error) {
	var s statement
	for _, m := range o {
		parse := elements[m.name]
		if parse == nil {
			return s, syntaxf("Syntax errors in policy. The statement element %q is unknown.", m.name)
		}
		if err := parse(&s, m.value, kind, variables); err != nil {
			return s, err
		}
	}
	return s, s.complete(o, kind)
}

// complete checks which elements are there.
func (s *statement) complete(o object, kind Kind) error {
	for _, name := range []string{"Principal", "Action", "Resource"} {
		_, a := o.get(name)
		if _, b := o.get("Not" + name); a && b {
			return syntaxf("Syntax errors in policy. A statement cannot have both %s and Not%s.", name, name)
		}
	}
	if _, ok := o.get("Effect"); !ok {
		return syntaxf("Missing required field Effect")
	}
	if len(s.actions) == 0 {
		if kind == Trust {
			return syntaxf("Missing required field Action")
		}
		return syntaxf("Policy statement must contain actions.")
	}
	switch {
	case kind == Identity && s.hasPrincipal:
		return syntaxf("Policy document should not specify a principal.")
	case kind != Identity && !s.hasPrincipal:
		return syntaxf("Missing required field Principal")
	case kind == Trust && s.hasResource:
		return syntaxf("Has prohibited field Resource")
	case kind != Trust && len(s.resources) == 0:
		return syntaxf("Policy statement must contain resources.")
	}
	return nil
}

var sidPattern = regexp.MustCompile(`^[0-9A-Za-z]*$`)

func (s *statement) parseSid(v any, kind Kind, _ bool) error {
	sid, ok := v.(string)
	if !ok {
		return syntaxf("Syntax errors in policy. The element Sid must be a string.")
	}
	// Resource policies accept spaces and punctuation ("IAM JSON policy elements: Sid": the service decides).
	if kind == Identity && !sidPattern.MatchString(sid) {
		return syntaxf("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
	}
	s.sid = sid
	return nil
}

func (s *statement) parseEffect(v any, _ Kind, _ bool) error {
	if v != "Allow" && v != "Deny" {
		return syntaxf("Syntax errors in policy. Invalid effect: %v", v)
	}
	s.deny = v == "Deny"
	return nil
}

var actionPattern = regexp.MustCompile(`^(\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+)$`)

func (s *statement) parseAction(v any, kind Kind, _ bool) error {
	list, ok := texts(v)
	if !ok {
		return syntaxf("Syntax errors in policy. The element Action must be a string or a list of strings.")
	}
	for _, a := range list {
		switch {
		case a != "*" && !strings.Contains(a, ":"):
			return syntaxf("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		case !actionPattern.MatchString(a):
			return syntaxf("The action %q is not valid.", a)
		case kind == Trust && !strings.HasPrefix(strings.ToLower(a), "sts:"):
			return syntaxf("AssumeRole policy may only specify STS AssumeRole actions.")
		}
		p, err := parsePattern(strings.ToLower(a), false)
		if err != nil {
			return err
		}
		s.actions = append(s.actions, p)
	}
	return nil
}

func (s *statement) parseNotAction(v any, kind Kind, variables bool) error {
	s.notAction = true
	return s.parseAction(v, kind, variables)
}

func (s *statement) parseResource(v any, _ Kind, variables bool) error {
	list, ok := texts(v)
	if !ok {
		return syntaxf("Syntax errors in policy. The element Resource must be a string or a list of strings.")
	}
	s.hasResource = true
	for _, r := range list {
		if err := checkResource(r, variables); err != nil {
			return err
		}
		p, err := parsePattern(r, variables)
		if err != nil {
			return err
		}
		s.resources = append(s.resources, p)
	}
	return nil
}

func (s *statement) parseNotResource(v any, kind Kind, variables bool) error {
	s.notResource = true
	return s.parseResource(v, kind, variables)
}

// checkResource wants "*" or something that can be an ARN.
func checkResource(r string, variables bool) error {
	if strings.Trim(r, "*") == "" && r != "" || variables && strings.HasPrefix(r, "${") {
		return nil
	}
	parts := strings.SplitN(r, ":", 6)
	if parts[0] != "arn" || len(parts) < 6 && !strings.Contains(parts[len(parts)-1], "*") {
		return syntaxf("Resource %s must be in ARN format or \"*\".", r)
	}
	if p := parts[1]; len(parts) > 2 && !strings.HasPrefix(p, "aws") && !strings.ContainsAny(p, "*?$") {
		return syntaxf("Partition \"%s\" is not valid for resource \"%s\".", p, r)
	}
	return nil
}
