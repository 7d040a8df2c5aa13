package policy

import (
	"slices"
	"strings"
)

// Request is what is asked.
type Request struct {
	Action          string // "kinesis:PutRecord"
	Resource        string // ARN or "*"
	ResourceAccount string // owner of the resource; "" = the caller's account
	Caller          Caller
	Keys            Keys
	Context         func() Keys // makes Keys when a policy asks for one; nil: Keys is complete
}

// keys are made once: most policies ask for none.
func (r *Request) keys() Keys {
	if r.Keys == nil && r.Context != nil {
		r.Keys = r.Context()
	}
	return r.Keys
}

// Type names the sorts of policies as AWS's denial messages do.
type Type string

const (
	IdentityBased      Type = "identity-based policy"
	PermissionBoundary Type = "permissions boundary"
	SessionPolicy      Type = "session policy"
	ResourceBased      Type = "resource-based policy"
)

// Attached is a policy under the name that people know it by.
type Attached struct {
	Name string
	*Policy
}

// Policies are all policies that count for a caller and a resource.
type Policies struct {
	Identity []Attached
	Boundary *Attached // nil = none
	Session  *Attached // nil = none
	Resource *Attached // nil = none
	Trust    bool      // Resource is a role's trust policy: it must allow, in the same account too
}

// Decision says yes or no and why.
type Decision struct {
	Allowed  bool
	Explicit bool   // a Deny statement matched
	Type     Type   // of the deciding policy; for an implicit deny, the sort of policy in which an allow is missing
	Policy   string // name of the deciding policy, "" for an implicit deny and for the root user
	Sid      string // of the deciding statement
	Index    int    // of the deciding statement, from 1; 0 if there is none
	Missing  string // for an implicit deny: a statement (JSON) that allows the request when added to a policy of Type
}

// Evaluate decides by "Policy evaluation logic": an explicit deny wins; the rest needs an allow.
//
// In one account an identity policy or a resource policy suffices. A resource policy that names the user or the session
// itself grants alone; one that names the role is bounded by boundary and session policy; one that names the account
// only lets the account's own policies decide. Across accounts both sides must allow.
func (p *Policies) Evaluate(r *Request) Decision {
	if d, ok := p.deny(r); ok {
		return d
	}
	own := r.ResourceAccount == "" || r.ResourceAccount == r.Caller.Account
	granted, grant := p.grant(r)
	switch {
	case r.Caller.Kind == Root && own && !p.Trust:
		return Decision{Allowed: true, Type: IdentityBased}
	case granted == noMatch && (!own || p.Trust || r.Caller.Kind == Anonymous || r.Caller.Kind == Service):
		return missing(ResourceBased, r, p.Trust)
	case r.Caller.Kind == Anonymous || r.Caller.Kind == Service || r.Caller.Kind == Root:
		return grant
	case own && granted == exactMatch:
		return grant
	}
	d := grant
	if !own || granted < roleMatch {
		ok := false
		if d, ok = allow(p.Identity, IdentityBased, r); !ok {
			return d
		}
	}
	return p.bounded(r, d)
}

// bounded lets d pass only if boundary and session policy allow the request too.
func (p *Policies) bounded(r *Request, d Decision) Decision {
	for _, limit := range []struct {
		policy *Attached
		sort   Type
	}{{p.Boundary, PermissionBoundary}, {p.Session, SessionPolicy}} {
		if limit.policy == nil {
			continue
		}
		if no, ok := allow([]Attached{*limit.policy}, limit.sort, r); !ok {
			return no
		}
	}
	return d
}

// deny finds the first Deny statement that matches.
func (p *Policies) deny(r *Request) (Decision, bool) {
	for _, a := range p.all() {
		for i := range a.statements {
			s := &a.statements[i]
			if s.deny && s.matches(r) && (!s.hasPrincipal || s.matchPrincipal(&r.Caller) != noMatch) {
				return Decision{Explicit: true, Type: a.sort, Policy: a.Name, Sid: s.sid, Index: s.index}, true
			}
		}
	}
	return Decision{}, false
}

type sorted struct {
	Attached
	sort Type
}

func (p *Policies) all() []sorted {
	list := make([]sorted, 0, len(p.Identity)+3)
	for _, a := range p.Identity {
		list = append(list, sorted{a, IdentityBased})
	}
	if p.Boundary != nil {
		list = append(list, sorted{*p.Boundary, PermissionBoundary})
	}
	if p.Session != nil {
		list = append(list, sorted{*p.Session, SessionPolicy})
	}
	if p.Resource != nil {
		list = append(list, sorted{*p.Resource, ResourceBased})
	}
	return list
}

// grant finds the closest Allow of the resource policy.
func (p *Policies) grant(r *Request) (match, Decision) {
	best, by := noMatch, Decision{}
	if p.Resource == nil {
		return best, by
	}
	for i := range p.Resource.statements {
		s := &p.Resource.statements[i]
		if s.deny || !s.matches(r) {
			continue
		}
		if m := s.matchPrincipal(&r.Caller); m > best {
			best = m
			by = Decision{Allowed: true, Type: ResourceBased, Policy: p.Resource.Name, Sid: s.sid, Index: s.index}
		}
	}
	return best, by
}

// allow finds the first Allow in policies that have no Principal.
func allow(list []Attached, sort Type, r *Request) (Decision, bool) {
	for _, a := range list {
		for i := range a.statements {
			s := &a.statements[i]
			if !s.deny && s.matches(r) {
				return Decision{Allowed: true, Type: sort, Policy: a.Name, Sid: s.sid, Index: s.index}, true
			}
		}
	}
	return missing(sort, r, false), false
}

// matches compares everything but the principal.
func (s *statement) matches(r *Request) bool {
	if s.matchAction(r.Action) == s.notAction {
		return false
	}
	if s.hasResource && s.matchResource(r) == s.notResource {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r.keys()) {
			return false
		}
	}
	return true
}

func (s *statement) matchAction(action string) bool {
	a := runes(strings.ToLower(action))
	return slices.ContainsFunc(s.actions, func(p pattern) bool { return glob(p.fixed, a) })
}

func (s *statement) matchResource(r *Request) bool {
	res := runes(r.Resource)
	return slices.ContainsFunc(s.resources, func(p pattern) bool {
		if p.fixed != nil {
			return glob(p.fixed, res)
		}
		want, ok := p.resolve(r.keys())
		return ok && glob(want, res)
	})
}
