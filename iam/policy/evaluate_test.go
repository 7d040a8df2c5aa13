package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"drey/iam/policy"
)

const account = "123456789012"

var (
	user    = policy.Caller{Kind: policy.User, Account: account, ARN: "arn:aws:iam::123456789012:user/ann", ID: "AIDAAAAAAAAAAAAAAAAAA"}
	root    = policy.Caller{Kind: policy.Root, Account: account, ARN: "arn:aws:iam::123456789012:root", ID: account}
	session = policy.Caller{Kind: policy.RoleSession, Account: account, ARN: "arn:aws:sts::123456789012:assumed-role/r/s",
		Role: "arn:aws:iam::123456789012:role/team/r", ID: "AROAAAAAAAAAAAAAAAAAA:s"}
	service = policy.Caller{Kind: policy.Service, Service: "kinesisanalytics.amazonaws.com"}
)

func statement(effect, action, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"s1","Effect":%q,"Action":%q,"Resource":%q}]}`, effect, action, resource)
}

// "IAM JSON policy elements": Action, NotAction, Resource, NotResource.
func TestActionAndResource(t *testing.T) {
	const stream = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	tests := []struct {
		name, elements, action, resource string
		want                             bool
	}{
		{"ActionCase", `"Action":"KINESIS:putrecord","Resource":"*"`, "kinesis:PutRecord", stream, true},
		{"ActionWildcard", `"Action":"kinesis:Put*","Resource":"*"`, "kinesis:PutRecords", stream, true},
		{"ActionQuestion", `"Action":"kinesis:PutRecord?","Resource":"*"`, "kinesis:PutRecord", stream, false},
		{"ActionPrefixOnly", `"Action":"kinesis:Put","Resource":"*"`, "kinesis:PutRecord", stream, false},
		{"NotAction", `"NotAction":"iam:*","Resource":"*"`, "kinesis:PutRecord", stream, true},
		{"NotActionNamed", `"NotAction":["iam:*","kinesis:Put*"],"Resource":"*"`, "kinesis:PutRecord", stream, false},
		{"ResourceCase", `"Action":"*","Resource":"arn:aws:kinesis:us-east-1:123456789012:stream/Orders"`, "kinesis:PutRecord", stream, false},
		{"ResourceStarCrossesColon", `"Action":"*","Resource":"arn:aws:kinesis:*"`, "kinesis:PutRecord", stream, true},
		{"ResourceStarCrossesSlash", `"Action":"*","Resource":"arn:aws:s3:::b/*"`, "s3:GetObject", "arn:aws:s3:::b/x/y", true},
		{"ResourceBucketIsNotItsObjects", `"Action":"*","Resource":"arn:aws:s3:::b/*"`, "s3:ListBucket", "arn:aws:s3:::b", false},
		{"ResourceVariable", `"Action":"*","Resource":"arn:aws:s3:::b/${aws:username}/*"`, "s3:GetObject", "arn:aws:s3:::b/ann/x", true},
		{"ResourceVariableOfOther", `"Action":"*","Resource":"arn:aws:s3:::b/${aws:username}/*"`, "s3:GetObject", "arn:aws:s3:::b/bob/x", false},
		{"ResourceVariableAbsent", `"Action":"*","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/t}/*"`, "s3:GetObject", "arn:aws:s3:::b//x", false},
		{"NotResource", `"Action":"*","NotResource":"arn:aws:s3:::b/*"`, "s3:GetObject", "arn:aws:s3:::c/x", true},
		{"NotResourceNamed", `"Action":"*","NotResource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]`, "s3:GetObject", "arn:aws:s3:::b/x", false},
		{"NoResourceOfRequest", `"Action":"*","Resource":"arn:aws:s3:::b"`, "s3:ListAllMyBuckets", "*", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := `{"Version":"2012-10-17","Statement":{"Effect":"Allow",` + tt.elements + `}}`
			r := &policy.Request{Action: tt.action, Resource: tt.resource, Caller: user, Keys: keysOf("aws:username", "ann")}
			if got := identity(t, doc).Evaluate(r).Allowed; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// "AWS JSON policy elements: Principal" and "NotPrincipal", on a resource of the caller's account unless said.
func TestPrincipal(t *testing.T) {
	tests := []struct {
		name, principal string
		caller          policy.Caller
		want            bool
	}{
		{"Everyone", `"Principal":"*"`, user, true},
		{"EveryoneAnonymous", `"Principal":"*"`, policy.Caller{}, true},
		{"EveryoneAWS", `"Principal":{"AWS":"*"}`, session, true},
		{"User", `"Principal":{"AWS":"arn:aws:iam::123456789012:user/ann"}`, user, true},
		{"OtherUser", `"Principal":{"AWS":"arn:aws:iam::123456789012:user/Ann"}`, user, false},
		{"UserID", `"Principal":{"AWS":"AIDAAAAAAAAAAAAAAAAAA"}`, user, true},
		{"AccountDelegatesOnly", `"Principal":{"AWS":"123456789012"}`, user, false},
		{"AccountIsRoot", `"Principal":{"AWS":"arn:aws:iam::123456789012:root"}`, root, true},
		{"Role", `"Principal":{"AWS":"arn:aws:iam::123456789012:role/team/r"}`, session, true},
		{"RoleID", `"Principal":{"AWS":"AROAAAAAAAAAAAAAAAAAA"}`, session, true},
		{"Session", `"Principal":{"AWS":["arn:aws:iam::123456789012:user/x","arn:aws:sts::123456789012:assumed-role/r/s"]}`, session, true},
		{"Service", `"Principal":{"Service":"kinesisanalytics.amazonaws.com"}`, service, true},
		{"OtherService", `"Principal":{"Service":"ec2.amazonaws.com"}`, service, false},
		{"ServiceIsNotAUser", `"Principal":{"Service":"kinesisanalytics.amazonaws.com"}`, user, false},
		{"Federated", `"Principal":{"Federated":"accounts.google.com"}`, user, false},
		{"CanonicalUser", `"Principal":{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}`, user, false},
		{"NotPrincipal", `"NotPrincipal":{"AWS":"arn:aws:iam::123456789012:user/bob"}`, user, true},
		{"NotPrincipalNamed", `"NotPrincipal":{"AWS":"arn:aws:iam::123456789012:user/ann"}`, user, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustParse(t, `{"Statement":{"Effect":"Allow",`+tt.principal+`,"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}`, policy.Resource)
			ps := &policy.Policies{Resource: &policy.Attached{Name: "bucket policy", Policy: p}}
			r := &policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/x", ResourceAccount: account, Caller: tt.caller}
			if tt.caller.Kind == policy.Root {
				ps.Trust = true // else root needs no policy
			}
			if got := ps.Evaluate(r).Allowed; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// "Policy evaluation logic": each row is a combination of policies for s3:GetObject on one object.
func TestEvaluationLogic(t *testing.T) {
	const (
		no     = ""
		allow  = "Allow"
		deny   = "Deny"
		other  = "111122223333"
		byUser = `{"AWS":"arn:aws:iam::123456789012:user/ann"}`
		byAcct = `{"AWS":"123456789012"}`
		byRole = `{"AWS":"arn:aws:iam::123456789012:role/team/r"}`
		bySess = `{"AWS":"arn:aws:sts::123456789012:assumed-role/r/s"}`
	)
	empty := statement("Allow", "none:None", "*")
	tests := []struct {
		name                                  string
		caller                                policy.Caller
		owner                                 string
		identity, boundary, session, resource string // effect; "-" = a policy that says nothing on the action
		principal                             string
		want                                  bool
		by                                    policy.Type
	}{
		{"NothingAttached", user, account, no, no, no, no, "", false, policy.IdentityBased},
		{"IdentityAllows", user, account, allow, no, no, no, "", true, policy.IdentityBased},
		{"IdentityDenies", user, account, deny, no, no, allow, byUser, false, policy.IdentityBased},
		{"BoundaryLimits", user, account, allow, "-", no, no, "", false, policy.PermissionBoundary},
		{"BoundaryAndIdentity", user, account, allow, allow, no, no, "", true, policy.IdentityBased},
		{"BoundaryAlone", user, account, no, allow, no, no, "", false, policy.IdentityBased},
		{"SessionLimits", session, account, allow, no, "-", no, "", false, policy.SessionPolicy},
		{"SessionDenies", session, account, allow, no, deny, no, "", false, policy.SessionPolicy},
		{"SessionAndIdentity", session, account, allow, allow, allow, no, "", true, policy.IdentityBased},
		{"ResourceAloneForUser", user, account, no, no, no, allow, byUser, true, policy.ResourceBased},
		{"ResourceForUserPassesBoundary", user, account, no, "-", no, allow, byUser, true, policy.ResourceBased},
		{"ResourceForRoleBounded", session, account, no, "-", no, allow, byRole, false, policy.PermissionBoundary},
		{"ResourceForRoleSessionPolicy", session, account, no, no, "-", allow, byRole, false, policy.SessionPolicy},
		{"ResourceForSessionPassesLimits", session, account, no, "-", "-", allow, bySess, true, policy.ResourceBased},
		{"ResourceForAccountDelegates", user, account, no, no, no, allow, byAcct, false, policy.IdentityBased},
		{"ResourceDenies", user, account, allow, no, no, deny, `"*"`, false, policy.ResourceBased},
		{"RootIsAllowed", root, account, no, no, no, no, "", true, policy.IdentityBased},
		{"RootIsDeniedByResource", root, account, no, no, no, deny, `"*"`, false, policy.ResourceBased},
		{"CrossIdentityAlone", user, other, allow, no, no, no, "", false, policy.ResourceBased},
		{"CrossResourceAlone", user, other, no, no, no, allow, byUser, false, policy.IdentityBased},
		{"CrossBoth", user, other, allow, no, no, allow, byAcct, true, policy.IdentityBased},
		{"CrossBothSessionLimits", session, other, allow, no, "-", allow, bySess, false, policy.SessionPolicy},
		{"CrossRoot", root, other, no, no, no, no, "", false, policy.ResourceBased},
		{"CrossRootGranted", root, other, no, no, no, allow, byAcct, true, policy.ResourceBased},
		{"Anonymous", policy.Caller{}, other, no, no, no, no, "", false, policy.ResourceBased},
	}
	attach := func(name, effect string) *policy.Attached {
		switch effect {
		case no:
			return nil
		case "-":
			return &policy.Attached{Name: name, Policy: mustParse(t, empty, policy.Identity)}
		}
		return &policy.Attached{Name: name, Policy: mustParse(t, statement(effect, "s3:GetObject", "arn:aws:s3:::b/*"), policy.Identity)}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ps := &policy.Policies{Boundary: attach("boundary", tt.boundary), Session: attach("session", tt.session)}
			if a := attach("identity", tt.identity); a != nil {
				ps.Identity = []policy.Attached{*a}
			}
			if tt.resource != no {
				doc := fmt.Sprintf(`{"Statement":{"Sid":"s1","Effect":%q,"Principal":%s,"Action":"s3:*","Resource":"*"}}`, tt.resource, tt.principal)
				ps.Resource = &policy.Attached{Name: "bucket policy", Policy: mustParse(t, doc, policy.Resource)}
			}
			r := &policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/x", ResourceAccount: tt.owner, Caller: tt.caller}
			d := ps.Evaluate(r)
			if d.Allowed != tt.want || d.Type != tt.by {
				t.Fatalf("got %+v, want allowed=%v by %s", d, tt.want, tt.by)
			}
			if d.Explicit && (d.Sid != "s1" || d.Index != 1 || d.Policy == "") {
				t.Errorf("an explicit deny must name its statement: %+v", d)
			}
			if !d.Allowed && !d.Explicit && !json.Valid([]byte(d.Missing)) {
				t.Errorf("no suggestion: %+v", d)
			}
		})
	}
}

// "How to use trust policies with IAM roles": the trust policy must allow; where it names only the account, the
// caller's own policies must allow too.
func TestTrustPolicy(t *testing.T) {
	tests := []struct {
		name, principal string
		caller          policy.Caller
		identity        bool
		keys            policy.Keys
		want            bool
	}{
		{"Service", `{"Service":"kinesisanalytics.amazonaws.com"}`, service, false, keysOf("aws:SourceAccount", account), true},
		{"ServiceForOtherAccount", `{"Service":"kinesisanalytics.amazonaws.com"}`, service, false, keysOf("aws:SourceAccount", "111122223333"), false},
		{"UserNamed", `{"AWS":"arn:aws:iam::123456789012:user/ann"}`, user, false, keysOf("aws:SourceAccount", account), true},
		{"AccountWithoutIdentity", `{"AWS":"123456789012"}`, user, false, keysOf("aws:SourceAccount", account), false},
		{"AccountWithIdentity", `{"AWS":"123456789012"}`, user, true, keysOf("aws:SourceAccount", account), true},
		{"IdentityWithoutTrust", `{"Service":"ec2.amazonaws.com"}`, user, true, keysOf("aws:SourceAccount", account), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + tt.principal + `,"Action":"sts:AssumeRole",
				"Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}}]}`
			ps := &policy.Policies{Trust: true, Resource: &policy.Attached{Name: "trust policy", Policy: mustParse(t, doc, policy.Trust)}}
			if tt.identity {
				ps.Identity = identity(t, statement("Allow", "sts:AssumeRole", "*")).Identity
			}
			r := &policy.Request{Action: "sts:AssumeRole", Resource: "arn:aws:iam::123456789012:role/r", ResourceAccount: account, Caller: tt.caller, Keys: tt.keys}
			if got := ps.Evaluate(r).Allowed; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// generate makes a random policy from a small vocabulary, so that statements often meet the request.
func generate(rnd *rand.Rand, effects ...string) string {
	pick := func(s ...string) string { return s[rnd.IntN(len(s))] }
	n := 1 + rnd.IntN(3)
	list := make([]string, n)
	for i := range list {
		cond := pick(``, ``, `,"Condition":{"StringEquals":{"aws:username":"ann"}}`, `,"Condition":{"Bool":{"aws:SecureTransport":"true"}}`)
		list[i] = fmt.Sprintf(`{"Effect":%q,%q:%q,%q:%q%s}`, pick(effects...),
			pick("Action", "Action", "NotAction"), pick("*", "s3:*", "s3:Get*", "kinesis:PutRecord", "s3:GetObject"),
			pick("Resource", "Resource", "NotResource"), pick("*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/x", "arn:aws:s3:::c", "arn:aws:s3:::${aws:username}/?"), cond)
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(list, ",") + `]}`
}

func randomRequest(rnd *rand.Rand) *policy.Request {
	pick := func(s ...string) string { return s[rnd.IntN(len(s))] }
	r := &policy.Request{Action: pick("s3:GetObject", "s3:PutObject", "kinesis:PutRecord"), Keys: policy.Keys{},
		Resource: pick("arn:aws:s3:::b/x", "arn:aws:s3:::ann/*", "arn:aws:s3:::b/${aws:username}", "*"), Caller: user}
	if rnd.IntN(2) == 0 {
		r.Caller = session
	}
	if rnd.IntN(2) == 0 {
		r.Keys.Set("aws:username", pick("ann", "*"))
	}
	return r
}

// A statement that denies the request decides it, whatever else is attached; and no added policy with Deny statements
// alone ever turns a denial into an allow.
func TestDenyAlwaysWins(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		before := identity(t, generate(rnd, "Allow", "Deny"), generate(rnd, "Allow"))
		r := randomRequest(rnd)
		was := before.Evaluate(r)

		denied := *before
		denied.Identity = append(denied.Identity[:2:2], policy.Attached{Name: "deny", Policy: mustParse(t, statement("Deny", r.Action, "*"), policy.Identity)})
		if d := denied.Evaluate(r); d.Allowed || !d.Explicit {
			t.Fatalf("denied request %+v: %+v", r, d)
		}
		more := *before
		more.Identity = append(more.Identity[:2:2], policy.Attached{Name: "more", Policy: mustParse(t, generate(rnd, "Deny"), policy.Identity)})
		if !was.Allowed && more.Evaluate(r).Allowed {
			t.Fatalf("adding a deny allowed %+v", r)
		}
		limited := *before
		limited.Boundary = &policy.Attached{Name: "boundary", Policy: mustParse(t, generate(rnd, "Allow", "Deny"), policy.Identity)}
		if !was.Allowed && limited.Evaluate(r).Allowed {
			t.Fatalf("a boundary allowed %+v", r)
		}
	}
}

// The suggested statement, added as it is, allows exactly the request.
func TestMissingStatementAllows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	suggested := 0
	for range 3000 {
		ps := identity(t, generate(rnd, "Allow", "Deny"))
		r := randomRequest(rnd)
		d := ps.Evaluate(r)
		if d.Allowed || d.Explicit {
			continue
		}
		suggested++
		added := identity(t, `{"Version":"2012-10-17","Statement":[`+d.Missing+`]}`)
		if !added.Evaluate(r).Allowed {
			t.Fatalf("%s does not allow %+v", d.Missing, r)
		}
		if other := (&policy.Request{Action: r.Action, Resource: "arn:aws:s3:::b/other", Caller: user}); r.Resource != "*" && added.Evaluate(other).Allowed {
			t.Fatalf("%s allows more than %+v", d.Missing, r)
		}
	}
	if suggested < 100 {
		t.Fatalf("only %d implicit denials: the generator is useless", suggested)
	}
}

// Whatever parses can be evaluated, and an explicit deny never allows.
func FuzzParse(f *testing.F) {
	f.Add(statement("Allow", "s3:*", "arn:aws:s3:::${aws:username, 'x'}/*"), uint8(0))
	f.Add(condition(`"ForAnyValue:StringLikeIfExists":{"a:b":["x*",1,true]},"NumericLessThan":{"a:c":"1e9"},"DateLessThan":{"a:d":"2020"},"IpAddress":{"a:e":"::/0"}`), uint8(0))
	f.Add(`{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":["123456789012"]},"NotAction":"sts:*","NotResource":"*"}}`, uint8(1))
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"Service":"a.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:*:*:*:*"}}}}`, uint8(2))
	f.Fuzz(func(t *testing.T, document string, kind uint8) {
		p, err := policy.Parse(document, policy.Kind(kind%3))
		if err != nil {
			return
		}
		r := &policy.Request{Action: "sts:AssumeRole", Resource: "arn:aws:s3:::b/x", Caller: session,
			Keys: keysOf("a:b", "xy", "a:c", "3", "a:d", "2019", "a:e", "::1", "aws:SourceArn", "arn:aws:s3:::b")}
		a := policy.Attached{Name: "p", Policy: p}
		for _, ps := range []policy.Policies{{Identity: []policy.Attached{a}}, {Resource: &a}, {Resource: &a, Trust: true}, {Session: &a, Boundary: &a}} {
			if d := ps.Evaluate(r); d.Allowed && d.Explicit {
				t.Fatalf("%+v", d)
			}
		}
	})
}
