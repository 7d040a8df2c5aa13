package logs

import (
	"context"
	stdsql "database/sql"
	"errors"

	model "drey/model/logs"
	"drey/wire"
)

// maxAccountPolicies is how many resource policies without a resource an account may have in a region (PutResourcePolicy of the API
// reference).
const maxAccountPolicies = 10

// resourcePolicy is a row of logs_resource_policies. Such a policy lets services of AWS write to log groups, and nobody else ("Supported
// principals" of PutResourcePolicy): no service that writes here asks for one, so they are kept and described, and decide nothing.
type resourcePolicy struct {
	name, arn, document, revision string // arn "" = of the account
	updated                       int64  // ms
}

func (r resourcePolicy) scope() model.PolicyScope {
	if r.arn != "" {
		return model.PolicyScopeRESOURCE
	}
	return model.PolicyScopeACCOUNT
}

func (r resourcePolicy) model() model.ResourcePolicy {
	out := model.ResourcePolicy{PolicyDocument: &r.document, LastUpdatedTime: &r.updated, PolicyScope: r.scope()}
	if r.name != "" {
		out.PolicyName = &r.name
	}
	if r.arn != "" {
		out.ResourceArn, out.RevisionId = &r.arn, &r.revision
	}
	return out
}

// key tells policies of a scope apart.
func (r resourcePolicy) key() string {
	if r.arn != "" {
		return r.arn
	}
	return r.name
}

// policyKey checks what names a policy.
func policyKey(ctx context.Context, name, arn, revision *string) (resourcePolicy, error) {
	r := resourcePolicy{}
	if name != nil {
		r.name = *name
	}
	if arn != nil {
		r.arn = *arn
		p, _, err := parseGroupARN(r.arn)
		if err != nil {
			return r, err
		}
		if p != placeOf(ctx) {
			return r, model.InvalidParameterException.Errorf("The log group %s is of another account or region.", r.arn)
		}
		return r, nil
	}
	switch {
	case r.name == "":
		return r, model.InvalidParameterException.Errorf("Either policyName or resourceArn must be specified.")
	case revision != nil:
		return r, model.InvalidParameterException.Errorf("expectedRevisionId can only be specified with resourceArn.")
	}
	return r, nil
}

// PutResourcePolicy makes or replaces a resource policy of the account, or of a log group. One of a log group is replaced only by who names
// its revision.
func (s *Service) PutResourcePolicy(ctx context.Context, in *model.PutResourcePolicyInput) (*model.PutResourcePolicyOutput, error) {
	r, err := policyKey(ctx, in.PolicyName, in.ResourceArn, in.ExpectedRevisionId)
	if err != nil {
		return nil, err
	}
	if in.PolicyDocument == nil {
		return nil, model.InvalidParameterException.Errorf("policyDocument must be specified.")
	}
	if s.validatePolicy != nil {
		if err := s.validatePolicy(*in.PolicyDocument); err != nil {
			e, _ := wire.AsError(err)
			return nil, model.InvalidParameterException.Errorf("%s", e.Message)
		}
	}
	r.document, r.updated, r.revision = *in.PolicyDocument, s.now().UnixMilli(), newID()
	if err := s.db.Write(ctx, func(tx *stdsql.Tx) error { return r.put(ctx, tx, in.ExpectedRevisionId) }); err != nil {
		return nil, err
	}
	policy := r.model()
	return &model.PutResourcePolicyOutput{ResourcePolicy: &policy, RevisionId: policy.RevisionId}, nil
}

func (r resourcePolicy) put(ctx context.Context, tx *stdsql.Tx, expected *string) error {
	p := placeOf(ctx)
	old, err := r.find(ctx, tx)
	if err != nil && !errors.Is(err, errNoPolicy) {
		return err
	}
	if r.arn != "" {
		var revision *string
		if err == nil {
			revision = &old.revision
		}
		if err := sameRevision(revision, expected); err != nil {
			return err
		}
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE logs_resource_policies SET name = ?, document = ?, updated = ?, revision = ? WHERE account = ? AND region = ? AND scope = ? AND key = ?`,
			r.name, r.document, r.updated, r.revision, p.account, p.region, string(r.scope()), r.key())
		return err
	}
	var owner *int64
	if r.arn != "" {
		_, name, err := parseGroupARN(r.arn)
		if err != nil {
			return err
		}
		g, err := findGroup(ctx, tx, p, name)
		if err != nil {
			return err
		}
		owner = &g.id
	}
	done, err := tx.ExecContext(ctx, `INSERT INTO logs_resource_policies SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?
		WHERE ?3 = 'RESOURCE' OR (SELECT COUNT(*) FROM logs_resource_policies WHERE account = ?1 AND region = ?2 AND scope = 'ACCOUNT') < ?`,
		p.account, p.region, string(r.scope()), r.key(), owner, r.name, r.document, r.updated, r.revision, maxAccountPolicies)
	return orMissing(done, err, model.LimitExceededException.Errorf("Resource limit exceeded: an account can have at most %d resource policies.", maxAccountPolicies))
}

// sameRevision compares the revision that is there, nil = none, with the one that the caller knows.
func sameRevision(is, expected *string) error {
	switch {
	case is == nil && expected == nil:
		return nil
	case expected == nil:
		return model.InvalidParameterException.Errorf("expectedRevisionId must be specified: the resource has a policy.")
	case is == nil || *is != *expected:
		return model.OperationAbortedException.Errorf("The resource policy has another revision than %s.", *expected)
	}
	return nil
}

var errNoPolicy = model.ResourceNotFoundException.Errorf("The specified resource policy does not exist.")

// find gives the stored policy with the key, or errNoPolicy.
func (r resourcePolicy) find(ctx context.Context, tx *stdsql.Tx) (resourcePolicy, error) {
	p := placeOf(ctx)
	row := tx.QueryRowContext(ctx, `SELECT `+policyColumns+` FROM logs_resource_policies WHERE account = ? AND region = ? AND scope = ? AND key = ?`, p.account, p.region, string(r.scope()), r.key())
	found, err := scanPolicy(row.Scan)
	if errors.Is(err, stdsql.ErrNoRows) {
		return found, errNoPolicy
	}
	return found, err
}

// DeleteResourcePolicy deletes a resource policy. One of a log group is deleted only by who names its revision.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *model.DeleteResourcePolicyInput) (*model.DeleteResourcePolicyOutput, error) {
	r, err := policyKey(ctx, in.PolicyName, in.ResourceArn, in.ExpectedRevisionId)
	if err != nil {
		return nil, err
	}
	p := placeOf(ctx)
	return &model.DeleteResourcePolicyOutput{}, s.db.Write(ctx, func(tx *stdsql.Tx) error {
		old, err := r.find(ctx, tx)
		if err != nil {
			return err
		}
		if r.arn != "" {
			if err := sameRevision(&old.revision, in.ExpectedRevisionId); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM logs_resource_policies WHERE account = ? AND region = ? AND scope = ? AND key = ?`, p.account, p.region, string(r.scope()), r.key())
		return err
	})
}

// DescribeResourcePolicies lists the policies of the account by name, or those of its log groups by ARN.
func (s *Service) DescribeResourcePolicies(ctx context.Context, in *model.DescribeResourcePoliciesInput) (*model.DescribeResourcePoliciesOutput, error) {
	scope := in.PolicyScope
	switch {
	case scope == "" && in.ResourceArn != nil:
		scope = model.PolicyScopeRESOURCE
	case scope == "":
		scope = model.PolicyScopeACCOUNT
	case scope == model.PolicyScopeACCOUNT && in.ResourceArn != nil:
		return nil, model.InvalidParameterException.Errorf("resourceArn cannot be specified with the policyScope ACCOUNT.")
	}
	from, err := parsePage(in.NextToken, "policies of "+string(scope))
	if err != nil {
		return nil, err
	}
	p, limit := placeOf(ctx), limitOf(in.Limit, 50)
	out := &model.DescribeResourcePoliciesOutput{ResourcePolicies: []model.ResourcePolicy{}}
	last := ""
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT `+policyColumns+` FROM logs_resource_policies
			WHERE account = ? AND region = ? AND scope = ? AND key > ? AND (? IS NULL OR key = ?5) ORDER BY key LIMIT ?`, p.account, p.region, string(scope), from.Name, in.ResourceArn, limit+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scanPolicy(rows.Scan)
			if err != nil {
				return err
			}
			if len(out.ResourcePolicies) == limit {
				out.NextToken = encodeToken(page{List: "policies of " + string(scope), Name: last})
				return nil
			}
			last = r.key()
			out.ResourcePolicies = append(out.ResourcePolicies, r.model())
		}
		return rows.Err()
	})
	return out, err
}

const policyColumns = `scope, key, name, document, updated, revision`

func scanPolicy(scan func(...any) error) (r resourcePolicy, err error) {
	var scope, key string
	if err := scan(&scope, &key, &r.name, &r.document, &r.updated, &r.revision); err != nil {
		return r, err
	}
	if scope == string(model.PolicyScopeRESOURCE) {
		r.arn = key
	}
	return r, nil
}
