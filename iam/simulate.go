package iam

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"strings"
	"time"

	"drey/iam/policy"
	model "drey/model/iam"
)

// simulation is the common part of all decisions of one call.
type simulation struct {
	policies policy.Policies
	caller   policy.Caller
	owner    string
	keys     policy.Keys
}

// SimulatePrincipalPolicy decides actions as if the user or role asked for them, with the context of the request alone.
// Positions of statements and missing context values are not reported.
func (s *Service) SimulatePrincipalPolicy(ctx context.Context, in *model.SimulatePrincipalPolicyInput) (*model.SimulatePrincipalPolicyOutput, error) {
	if len(in.PolicyExclusionList) > 0 || in.ResourceHandlingOption != nil {
		return nil, model.InvalidInputException.Errorf("PolicyExclusionList and ResourceHandlingOption are not supported.")
	}
	sim, err := s.simulation(ctx, in)
	if err != nil {
		return nil, err
	}
	resources := in.ResourceArns
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	var list []model.EvaluationResult
	at := map[string]string{} // place in the answer, as pages need it
	for _, action := range in.ActionNames {
		if !strings.Contains(action, ":") || strings.ContainsAny(action, "*?") {
			return nil, model.InvalidInputException.Errorf("Invalid Action Name: %s", action)
		}
		for _, resource := range resources {
			key := action + "\n" + resource
			if at[key] != "" {
				continue // asked twice
			}
			at[key] = fmt.Sprintf("%06d", len(list))
			list = append(list, sim.result(action, resource))
		}
	}
	part, truncated, next, err := page(list, in.Marker, in.MaxItems, func(r model.EvaluationResult) string { return at[*r.EvalActionName+"\n"+*r.EvalResourceName] })
	return &model.SimulatePrincipalPolicyOutput{EvaluationResults: part, IsTruncated: truncated, Marker: next}, err
}

func (s *Service) simulation(ctx context.Context, in *model.SimulatePrincipalPolicyInput) (*simulation, error) {
	source := *in.PolicySourceArn
	id, err := s.sourceIdentity(ctx, source)
	if err != nil {
		return nil, err
	}
	var base *compiled
	err = s.db.Read(ctx, func(tx *stdsql.Tx) (err error) {
		base, err = s.compile(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	sim := &simulation{policies: policy.Policies{Identity: base.policies, Boundary: base.boundary}, owner: or(in.ResourceOwner, ""), keys: policy.Keys{}}
	if strings.HasPrefix(sim.owner, "arn:") {
		sim.owner = accountOf(sim.owner)
	}
	sim.caller = simulatedCaller(or(in.CallerArn, source), id)
	if err := s.addInputs(&sim.policies, in); err != nil {
		return nil, err
	}
	sim.keys.Set("aws:CurrentTime", s.now().UTC().Format(time.RFC3339))
	sim.keys.Set("aws:PrincipalArn", source)
	sim.keys.Set("aws:PrincipalAccount", id.Account)
	for k, v := range id.Tags {
		sim.keys.Set("aws:PrincipalTag/"+k, v)
	}
	if sim.caller.Kind == policy.User {
		sim.keys.Set("aws:username", id.Name)
		sim.keys.Set("aws:userid", id.ID)
	}
	for _, e := range in.ContextEntries {
		sim.keys.Set(or(e.ContextKeyName, ""), e.ContextKeyValues...)
	}
	return sim, nil
}

// sourceIdentity is the user or role whose policies are tried.
func (s *Service) sourceIdentity(ctx context.Context, source string) (*identity, error) {
	k := userCaller
	if strings.Contains(source, ":role/") {
		k = roleCaller
	} else if !strings.Contains(source, ":user/") {
		return nil, model.InvalidInputException.Errorf("Invalid Entity Arn: %s does not clearly define entity type and name.", source)
	}
	var id *identity
	err := s.db.Read(ctx, func(tx *stdsql.Tx) (err error) {
		id, err = findIdentity(ctx, tx, k, source)
		return err
	})
	if err != nil {
		return nil, err
	}
	if id == nil || id.Account != account(ctx) {
		return nil, model.NoSuchEntityException.Errorf("%s cannot be found.", source)
	}
	return id, nil
}

func simulatedCaller(arn string, id *identity) policy.Caller {
	if strings.Contains(arn, ":role/") {
		return policy.Caller{Kind: policy.RoleSession, Account: accountOf(arn), Role: arn, ID: id.ID + ":simulation",
			ARN: "arn:aws:sts::" + accountOf(arn) + ":assumed-role/" + nameOf(arn) + "/simulation"}
	}
	return policy.Caller{Kind: policy.User, Account: accountOf(arn), ARN: arn, ID: id.ID}
}

// addInputs adds the policies that the request brings along.
func (s *Service) addInputs(ps *policy.Policies, in *model.SimulatePrincipalPolicyInput) error {
	for i, d := range in.PolicyInputList {
		p, err := s.parse(d, policy.Identity)
		if err != nil {
			return malformed(err)
		}
		ps.Identity = append(ps.Identity[:len(ps.Identity):len(ps.Identity)], policy.Attached{Name: fmt.Sprintf("PolicyInputList.%d", i+1), Policy: p})
	}
	if n := len(in.PermissionsBoundaryPolicyInputList); n > 1 {
		return model.InvalidInputException.Errorf("Only one permissions boundary can be given.")
	} else if n == 1 {
		p, err := s.parse(in.PermissionsBoundaryPolicyInputList[0], policy.Identity)
		if err != nil {
			return malformed(err)
		}
		ps.Boundary = &policy.Attached{Name: "PermissionsBoundaryPolicyInputList.1", Policy: p}
	}
	if in.ResourcePolicy == nil {
		return nil
	}
	p, err := s.parse(*in.ResourcePolicy, policy.Resource)
	if err != nil {
		return malformed(err)
	}
	ps.Resource = &policy.Attached{Name: "ResourcePolicy", Policy: p}
	return nil
}

func (sim *simulation) result(action, resource string) model.EvaluationResult {
	d := sim.policies.Evaluate(&policy.Request{Action: action, Resource: resource, ResourceAccount: sim.owner, Caller: sim.caller, Keys: sim.keys})
	r := model.EvaluationResult{EvalActionName: &action, EvalResourceName: &resource, EvalDecision: model.PolicyEvaluationDecisionTypeImplicitDeny}
	switch {
	case d.Allowed:
		r.EvalDecision = model.PolicyEvaluationDecisionTypeAllowed
	case d.Explicit:
		r.EvalDecision = model.PolicyEvaluationDecisionTypeExplicitDeny
	}
	if d.Policy != "" {
		r.MatchedStatements = []model.Statement{{SourcePolicyId: new(d.Policy), SourcePolicyType: sourceType(d)}}
	}
	if sim.policies.Boundary != nil {
		r.PermissionsBoundaryDecisionDetail = &model.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: new(d.Type != policy.PermissionBoundary)}
	}
	return r
}

func sourceType(d policy.Decision) model.PolicySourceType {
	switch {
	case d.Type == policy.ResourceBased:
		return model.PolicySourceTypeResource
	case strings.HasPrefix(d.Policy, "arn:aws:iam::aws:"):
		return model.PolicySourceTypeAwsManaged
	case strings.HasPrefix(d.Policy, "arn:"):
		return model.PolicySourceTypeUserManaged
	default:
		return model.PolicySourceTypeNone
	}
}
