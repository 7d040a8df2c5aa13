package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// suggestion is a statement with its members in the usual order.
type suggestion struct {
	Effect    string
	Principal any `json:",omitempty"`
	Action    string
	Resource  string `json:",omitempty"`
}

// missing is the implicit deny for want of an allow in a policy of the given sort.
func missing(sort Type, r *Request, trust bool) Decision {
	s := suggestion{Effect: "Allow", Action: r.Action, Resource: literal(r.Resource)}
	if trust {
		s.Resource = ""
	}
	if sort == ResourceBased {
		s.Principal = principalOf(&r.Caller)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(fmt.Sprintf("policy: a statement of strings cannot be encoded: %v", err))
	}
	return Decision{Type: sort, Missing: strings.TrimSpace(b.String())}
}

// literal writes a resource so that it matches only itself in a policy of version 2012-10-17. The resource "*" of
// actions without resource stays.
func literal(resource string) string {
	if resource == "*" {
		return resource
	}
	return strings.NewReplacer("*", "${*}", "?", "${?}", "${", "${$}{").Replace(resource)
}

// principalOf names the caller as a Principal element does; a session is named by its role.
func principalOf(c *Caller) any {
	switch c.Kind {
	case Anonymous:
		return "*"
	case Service:
		return map[string]string{"Service": c.Service}
	case RoleSession:
		return map[string]string{"AWS": c.Role}
	default:
		return map[string]string{"AWS": c.ARN}
	}
}
