package policy

import (
	"regexp"
	"strings"
)

// Caller is who asks. Exactly the members of its kind are set.
type Caller struct {
	Kind    CallerKind
	Account string
	ARN     string // of the user, the session, or the root user
	Role    string // ARN of the role of a session
	ID      string // AIDA…, AROA…:session, or the account for root
	Service string // "kinesisanalytics.amazonaws.com"
}

// CallerKind is a kind of principal ("AWS JSON policy elements: Principal").
type CallerKind int

const (
	Anonymous CallerKind = iota
	Root
	User
	RoleSession
	Service
)

// principal is one entry of a Principal element.
type principal struct {
	kind  string // a key of principalKinds
	value string
}

// match tells how closely a principal entry names the caller. The kinds of grant differ: see Policies.Evaluate.
type match int

const (
	noMatch      match = iota
	accountMatch       // names the caller's account, which then decides by its own policies
	roleMatch          // names the role of the session, or everyone
	exactMatch         // names this user or session
)

var (
	accountID    = regexp.MustCompile(`^[0-9]{12}$`)
	accountRoot  = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):root$`)
	principalARN = regexp.MustCompile(`^arn:aws[a-z-]*:(iam::[0-9]{12}:(user|role)/[^*?]+|sts::[0-9]{12}:(assumed-role|federated-user)/[^*?]+|iam::cloudfront:user/[^*?]+)$`)
	uniqueID     = regexp.MustCompile(`^A[A-Z]{3}[A-Z0-9]{12,124}$`)
	serviceName  = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com(\.cn)?|amazon\.com|aws)$`)
	anyPrincipal = principal{kind: "AWS", value: "*"}
)

// principalKinds checks the values of each kind of principal.
var principalKinds = map[string]func(string) bool{
	"AWS": func(v string) bool {
		return v == "*" || accountID.MatchString(v) || accountRoot.MatchString(v) || principalARN.MatchString(v) || uniqueID.MatchString(v)
	},
	"Service":       serviceName.MatchString,
	"Federated":     func(v string) bool { return v != "" },
	"CanonicalUser": func(v string) bool { return v != "" },
}

func (s *statement) parsePrincipal(v any, kind Kind, _ bool) error {
	if kind == Identity {
		return syntaxf("Policy document should not specify a principal.")
	}
	s.hasPrincipal = true
	if v == "*" {
		s.principals = []principal{anyPrincipal}
		return nil
	}
	o, ok := v.(object)
	if !ok || len(o) == 0 {
		return syntaxf("Invalid principal in policy")
	}
	for _, m := range o {
		valid := principalKinds[m.name]
		if valid == nil {
			return syntaxf("Invalid principal in policy: \"%s\"", m.name)
		}
		list, ok := texts(m.value)
		if !ok || len(list) == 0 {
			return syntaxf("Invalid principal in policy: \"%s\"", m.name)
		}
		for _, e := range list {
			if !valid(e) {
				return syntaxf("Invalid principal in policy: \"%s\":\"%s\"", m.name, e)
			}
			s.principals = append(s.principals, principal{m.name, e})
		}
	}
	return nil
}

func (s *statement) parseNotPrincipal(v any, kind Kind, variables bool) error {
	s.notPrincipal = true
	return s.parsePrincipal(v, kind, variables)
}

// matchPrincipal gives the closest match among the entries; NotPrincipal matches everyone it does not name.
func (s *statement) matchPrincipal(c *Caller) match {
	best := noMatch
	for _, p := range s.principals {
		best = max(best, p.match(c))
	}
	if !s.notPrincipal {
		return best
	}
	if best == noMatch {
		return everyone(c)
	}
	return noMatch
}

// everyone is the strength of "*": it names each user, but of a session only the role, so that session policies and
// boundaries still count.
func everyone(c *Caller) match {
	if c.Kind == RoleSession {
		return roleMatch
	}
	return exactMatch
}

// match compares exactly: a Principal has no wildcards but "*". Federated and canonical users cannot sign in here and
// match nobody.
func (p principal) match(c *Caller) match {
	switch {
	case p == anyPrincipal:
		return everyone(c)
	case p.kind == "Service":
		if c.Kind == Service && p.value == c.Service {
			return exactMatch
		}
	case p.kind != "AWS" || c.Kind == Service || c.Kind == Anonymous:
		return noMatch
	case p.value == c.ARN || p.value == c.ID && c.Kind == User:
		return exactMatch
	case p.value == c.Account || accountOf(p.value) == c.Account:
		if c.Kind == Root {
			return exactMatch
		}
		return accountMatch
	case c.Kind == RoleSession && (p.value == c.Role || strings.HasPrefix(c.ID, p.value+":")):
		return roleMatch
	}
	return noMatch
}

// accountOf gives the account of arn:aws:iam::<account>:root; "" for other principals.
func accountOf(arn string) string {
	if m := accountRoot.FindStringSubmatch(arn); m != nil {
		return m[1]
	}
	return ""
}
