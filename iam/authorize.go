package iam

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drey/iam/policy"
	model "drey/model/iam"
	"drey/wire"
)

// Denial is a decision against a caller.
type Denial struct {
	Time      time.Time
	RequestID string
	Principal string // ARN; "anonymous" for unsigned requests
	Action    string
	Resource  string
	Message   string // what the caller was told
	Policy    string // name of the policy with the explicit deny; "" = nothing allows it
	Sid       string // of the statement with the explicit deny
	Missing   string // statement (JSON) that would allow it; "" if a policy denies it explicitly
	Passed    bool   // mode audit: the request went on
}

// compiled is what an identity brings into a decision.
type compiled struct {
	policies []policy.Attached
	boundary *policy.Attached
	tags     map[string]string
}

// Authorize is a wire.Authorizer. Every access must be allowed; the first that is not decides the answer, an AccessDenied
// *wire.Error in mode enforce. In mode audit the request passes and Config.Denied is told.
func (s *Service) Authorize(ctx context.Context, access []wire.Access) error {
	r := wire.FromContext(ctx)
	if r == nil {
		return errors.New("iam: a request is to be authorised outside an operation")
	}
	s.touch(ctx, r)
	if len(access) == 0 {
		return nil
	}
	if p := r.Principal; p.Session != nil && p.Session.RoleARN == "" && r.Service == "iam" {
		return InvalidClientTokenID.Errorf(invalidTokenText) // GetSessionToken: no calls of IAM without MFA
	}
	id, err := s.compiled(ctx, r.Principal)
	if err != nil {
		return err
	}
	for _, a := range access {
		if err := s.decide(ctx, r, id, a); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) decide(ctx context.Context, r *wire.Request, id *compiled, a wire.Access) error {
	ps, err := s.policiesFor(r.Principal, id, a)
	if err != nil {
		return err
	}
	req, err := s.request(ctx, r, id, a)
	if err != nil {
		return err
	}
	d := ps.Evaluate(req)
	if d.Allowed || ownsBucketPolicy(req) {
		return nil
	}
	who := r.Principal.ARN
	if who == "" {
		who = "anonymous"
	}
	text := explain(who, req, d, place(r.Principal, d.Type, ps.Trust))
	denial := Denial{Time: s.now(), RequestID: r.ID, Principal: who, Action: a.Action, Resource: a.Resource, Message: text, Missing: d.Missing,
		Passed: s.mode == Audit}
	if d.Explicit {
		denial.Policy, denial.Sid = d.Policy, d.Sid
	}
	s.denied(ctx, denial)
	if s.mode == Audit {
		return nil
	}
	return AccessDenied.Errorf("%s", text)
}

// ownsBucketPolicy: the root user can always repair a bucket policy that locks everybody out.
func ownsBucketPolicy(r *policy.Request) bool {
	return r.Caller.Kind == policy.Root && (r.ResourceAccount == "" || r.ResourceAccount == r.Caller.Account) &&
		slices.Contains([]string{"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}, r.Action)
}

// explain words a denial as AWS does ("Troubleshoot access denied error messages"), and then says what would help.
func explain(who string, r *policy.Request, d policy.Decision, place string) string {
	text := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s ", who, r.Action, r.Resource)
	if !d.Explicit {
		return text + fmt.Sprintf("because no %s allows the %s action. This statement in %s would allow it: %s", d.Type, r.Action, place, d.Missing)
	}
	article := "a"
	if d.Type == policy.IdentityBased {
		article = "an"
	}
	text += fmt.Sprintf("with an explicit deny in %s %s: %s, statement %d", article, d.Type, d.Policy, d.Index)
	if d.Sid != "" {
		text += " (" + d.Sid + ")"
	}
	return text
}

// place says where the missing statement belongs.
func place(p wire.Principal, t policy.Type, trust bool) string {
	switch {
	case t == policy.ResourceBased && trust:
		return "the trust policy of the role"
	case t == policy.ResourceBased:
		return "the policy of the resource"
	case t == policy.PermissionBoundary:
		return "the permissions boundary"
	case t == policy.SessionPolicy:
		return "the session policy"
	case kindOf(p) == roleCaller:
		return "a policy of role " + nameOf(p.Session.RoleARN)
	default:
		return "a policy of user " + nameOf(p.ARN)
	}
}

// trustActions are decided by the trust policy of the role that is their resource.
var trustActions = map[string]bool{"sts:AssumeRole": true, "sts:TagSession": true, "sts:SetSourceIdentity": true}

// policiesFor collects what counts for one access.
func (s *Service) policiesFor(p wire.Principal, id *compiled, a wire.Access) (*policy.Policies, error) {
	ps := &policy.Policies{Identity: id.policies, Boundary: id.boundary, Trust: trustActions[a.Action]}
	if p.Session != nil && p.Session.Policy != "" {
		c, err := s.parse(p.Session.Policy, policy.Identity)
		if err != nil {
			return nil, fmt.Errorf("session policy of %s: %w", p.ARN, err)
		}
		ps.Session = &policy.Attached{Name: "session policy", Policy: c}
	}
	if a.ResourcePolicy == "" {
		return ps, nil
	}
	grammar := policy.Resource
	if ps.Trust {
		grammar = policy.Trust
	}
	c, err := s.parse(a.ResourcePolicy, grammar)
	if err != nil {
		return nil, fmt.Errorf("policy of %s: %w", a.Resource, err)
	}
	ps.Resource = &policy.Attached{Name: "policy of " + a.Resource, Policy: c}
	return ps, nil
}

// request describes an access.
func (s *Service) request(ctx context.Context, r *wire.Request, id *compiled, a wire.Access) (*policy.Request, error) {
	p := r.Principal
	var sourceIdentity string
	if p.Session != nil && p.AccessKeyID != "" {
		c, err := s.credential(ctx, p.AccessKeyID)
		if err != nil {
			return nil, err
		}
		sourceIdentity = c.sourceIdentity
	}
	return &policy.Request{
		Action: a.Action, Resource: a.Resource, ResourceAccount: a.ResourceAccount, Caller: callerOf(p),
		Context: func() policy.Keys { return s.keys(r, id, a, sourceIdentity) },
	}, nil
}

// keys are all condition keys of an access ("AWS global condition context keys").
func (s *Service) keys(r *wire.Request, id *compiled, a wire.Access, sourceIdentity string) policy.Keys {
	p, keys := r.Principal, policy.Keys{}
	at := r.Time
	if at.IsZero() {
		at = s.now()
	}
	set := func(key, value string) {
		if value != "" {
			keys.Set(key, value)
		}
	}
	set("aws:PrincipalType", principalTypes[kindOf(p)])
	set("aws:PrincipalAccount", p.Account)
	set("aws:userid", p.UserID)
	set("aws:SourceIp", r.SourceIP)
	set("aws:SecureTransport", fmt.Sprint(r.Secure))
	set("aws:CurrentTime", at.UTC().Format(time.RFC3339))
	set("aws:EpochTime", fmt.Sprint(at.Unix()))
	set("aws:RequestedRegion", r.Region)
	set("aws:UserAgent", r.UserAgent)
	set("aws:PrincipalIsAWSService", "false")
	set("aws:ResourceAccount", cmp.Or(a.ResourceAccount, p.Account))
	switch kindOf(p) {
	case roleCaller:
		set("aws:PrincipalArn", p.Session.RoleARN)
	case userCaller:
		set("aws:PrincipalArn", p.ARN)
		set("aws:username", nameOf(p.ARN))
	default:
		set("aws:PrincipalArn", p.ARN)
	}
	for k, v := range id.tags {
		set("aws:PrincipalTag/"+k, v)
	}
	if p.Session != nil { // session tags go before the tags of the role
		keys.Set("aws:TokenIssueTime", p.Session.Issued.UTC().Format(time.RFC3339))
		for k, v := range p.Session.Tags {
			keys.Set("aws:PrincipalTag/"+k, v)
		}
		set("aws:SourceIdentity", sourceIdentity)
	}
	for k, v := range a.Conditions {
		keys.Set(k, v...)
	}
	return keys
}

var principalTypes = map[kind]string{anonymous: "Anonymous", rootCaller: "Account", userCaller: "User", roleCaller: "AssumedRole"}

func callerOf(p wire.Principal) policy.Caller {
	c := policy.Caller{Account: p.Account, ARN: p.ARN, ID: p.UserID}
	switch kindOf(p) {
	case rootCaller:
		c.Kind = policy.Root
	case userCaller:
		c.Kind = policy.User
	case roleCaller:
		c.Kind, c.Role = policy.RoleSession, p.Session.RoleARN
	}
	return c
}

// compiled gives the policies of a principal, compiled once until the next change. A principal whose user or role was
// deleted (or made anew under the same name) has credentials no longer.
func (s *Service) compiled(ctx context.Context, p wire.Principal) (*compiled, error) {
	k := kindOf(p)
	if k == anonymous || k == rootCaller {
		return &compiled{}, nil
	}
	arn, unique := p.ARN, p.UserID
	if k == roleCaller {
		arn, unique = p.Session.RoleARN, p.Session.RoleID
	}
	return s.identities.get(arn+" "+unique, func() (*compiled, error) {
		var c *compiled
		err := s.db.Read(ctx, func(tx *stdsql.Tx) error {
			id, err := findIdentity(ctx, tx, k, arn)
			if err != nil {
				return err
			}
			if id == nil || id.ID != unique {
				return InvalidClientTokenID.Errorf(invalidTokenText)
			}
			c, err = s.compile(ctx, tx, id)
			return err
		})
		return c, err
	})
}

// findIdentity reads a user or role by ARN; nil if it does not exist.
func findIdentity(ctx context.Context, tx *stdsql.Tx, k kind, arn string) (*identity, error) {
	key := strings.ToLower(nameOf(arn))
	if k == roleCaller {
		r, err := roles.get(ctx, tx, accountOf(arn), key)
		if r == nil || r.ARN != arn {
			return nil, err
		}
		return &r.identity, nil
	}
	u, err := users.get(ctx, tx, accountOf(arn), key)
	if u == nil || u.ARN != arn {
		return nil, err
	}
	return &u.identity, nil
}

func (s *Service) compile(ctx context.Context, tx *stdsql.Tx, id *identity) (*compiled, error) {
	c := &compiled{tags: id.Tags}
	add := func(name, document string) error {
		p, err := s.parse(document, policy.Identity)
		if err != nil {
			return fmt.Errorf("policy %s of %s: %w", name, id.ARN, err)
		}
		c.policies = append(c.policies, policy.Attached{Name: name, Policy: p})
		return nil
	}
	for _, name := range sortedKeys(id.Inline) {
		if err := add(name, id.Inline[name]); err != nil {
			return nil, err
		}
	}
	for _, arn := range id.Attached {
		p, err := findPolicy(ctx, tx, id.Account, arn)
		if err != nil {
			return nil, err
		}
		if err := add(arn, p.document()); err != nil {
			return nil, err
		}
	}
	if id.Boundary == "" {
		return c, nil
	}
	b, err := findPolicy(ctx, tx, id.Account, id.Boundary)
	if err != nil {
		return nil, err
	}
	p, err := s.parse(b.document(), policy.Identity)
	if err != nil {
		return nil, fmt.Errorf("boundary of %s: %w", id.ARN, err)
	}
	c.boundary = &policy.Attached{Name: id.Boundary, Policy: p}
	return c, nil
}

func isNoEntity(err error) bool { return errors.Is(err, model.NoSuchEntityException) }
