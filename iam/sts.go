package iam

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"drey/iam/policy"
	model "drey/model/sts"
	"drey/wire"
)

// Limits of sessions ("AssumeRole" and "GetSessionToken" of the STS API reference).
const (
	chainedSession     = time.Hour
	sessionPolicySize  = 2048
	rootTokenSession   = time.Hour
	defaultRoleSession = time.Hour
	defaultUserSession = 12 * time.Hour
)

func principal(ctx context.Context) wire.Principal { return wire.FromContext(ctx).Principal }

// GetCallerIdentity tells who signed the request; it needs no permission.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *model.GetCallerIdentityInput) (*model.GetCallerIdentityOutput, error) {
	p := principal(ctx)
	return &model.GetCallerIdentityOutput{UserId: &p.UserID, Account: &p.Account, Arn: &p.ARN}, nil
}

// GetAccessKeyInfo tells the account of a key.
func (s *Service) GetAccessKeyInfo(ctx context.Context, in *model.GetAccessKeyInfoInput) (*model.GetAccessKeyInfoOutput, error) {
	var owner string
	err := s.db.Read(ctx, func(tx *stdsql.Tx) error {
		k, err := keys.find(ctx, tx, *in.AccessKeyId)
		if err != nil {
			return err
		}
		if k != nil {
			owner = k.Account
			return nil
		}
		t, err := sessions.find(ctx, tx, *in.AccessKeyId)
		if t != nil {
			owner = t.Account
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if owner == "" {
		return nil, model.Model.Validation.Errorf("Invalid Access Key Id: %s", *in.AccessKeyId)
	}
	return &model.GetAccessKeyInfoOutput{Account: &owner}, nil
}

// GetSessionToken gives temporary credentials of the calling user or root.
func (s *Service) GetSessionToken(ctx context.Context, in *model.GetSessionTokenInput) (*model.GetSessionTokenOutput, error) {
	p := principal(ctx)
	if p.Session != nil || p.ARN == "" {
		return nil, denied("Cannot call GetSessionToken with session credentials")
	}
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	}
	duration := seconds(in.DurationSeconds, defaultUserSession)
	if kindOf(p) == rootCaller {
		duration = min(duration, rootTokenSession)
	}
	c, err := s.issue(ctx, &session{Account: p.Account, ARN: p.ARN, UserID: p.UserID}, duration)
	if err != nil {
		return nil, err
	}
	return &model.GetSessionTokenOutput{Credentials: c.shape()}, nil
}

func seconds(n *int32, d time.Duration) time.Duration {
	if n == nil {
		return d
	}
	return time.Duration(*n) * time.Second
}

func (c *Session) shape() *model.Credentials {
	return &model.Credentials{AccessKeyId: &c.AccessKeyID, SecretAccessKey: &c.SecretAccessKey, SessionToken: &c.SessionToken, Expiration: &c.Expiration}
}

// AssumeRole gives temporary credentials of a role. That the caller may have them was decided by the trust policy
// before (see the table of accesses).
func (s *Service) AssumeRole(ctx context.Context, in *model.AssumeRoleInput) (*model.AssumeRoleOutput, error) {
	p := principal(ctx)
	if kindOf(p) == rootCaller {
		return nil, denied("Roles may not be assumed by root accounts.")
	}
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	}
	if len(in.ProvidedContexts) > 0 {
		return nil, model.Model.Validation.Errorf("ProvidedContexts is not supported.")
	}
	r, err := s.roleByARN(ctx, *in.RoleArn)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, denied("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", p.ARN, *in.RoleArn)
	}
	duration := seconds(in.DurationSeconds, defaultRoleSession)
	if duration > time.Duration(r.MaxSession)*time.Second {
		return nil, model.Model.Validation.Errorf("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if p.Session != nil && p.Session.RoleARN != "" && duration > chainedSession {
		return nil, model.Model.Validation.Errorf("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	t := s.roleSession(r, *in.RoleSessionName)
	t.SourceIdentity = or(in.SourceIdentity, "")
	if t.Policy, err = s.sessionPolicy(ctx, r.Account, in); err != nil {
		return nil, err
	}
	if err := s.inherit(ctx, t, in); err != nil {
		return nil, err
	}
	c, err := s.issue(ctx, t, duration)
	if err != nil {
		return nil, err
	}
	out := &model.AssumeRoleOutput{Credentials: c.shape(), SourceIdentity: in.SourceIdentity,
		AssumedRoleUser: &model.AssumedRoleUser{Arn: &t.ARN, AssumedRoleId: &t.UserID}}
	if t.Policy != "" {
		out.PackedPolicySize = new(int32(min(100, 1+size(t.Policy)*100/sessionPolicySize)))
	}
	return out, nil
}

// roleSession is a new session of a role, not yet issued.
func (s *Service) roleSession(r *role, name string) *session {
	return &session{Account: r.Account, RoleARN: r.ARN, RoleID: r.ID, Name: name, UserID: r.ID + ":" + name,
		ARN: "arn:aws:sts::" + r.Account + ":assumed-role/" + r.Name + "/" + name}
}

// inherit sets the session tags: those of the caller's session that are transitive, then those of the request.
func (s *Service) inherit(ctx context.Context, t *session, in *model.AssumeRoleInput) error {
	p := principal(ctx)
	tags := map[string]string{}
	if p.Session != nil {
		caller, err := s.credential(ctx, p.AccessKeyID)
		if err != nil {
			return err
		}
		for _, k := range caller.transitive {
			tags[k] = p.Session.Tags[k]
			t.Transitive = append(t.Transitive, k)
		}
		if caller.sourceIdentity != "" && t.SourceIdentity == "" {
			t.SourceIdentity = caller.sourceIdentity
		}
	}
	for _, tag := range in.Tags {
		for k := range tags {
			if strings.EqualFold(k, *tag.Key) {
				return invalidParameter("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
			}
		}
		tags[*tag.Key] = *tag.Value
	}
	for _, k := range in.TransitiveTagKeys {
		if _, ok := tags[k]; !ok {
			return invalidParameter("The specified transitive tag key must be included in the requested tags.")
		}
		if !slices.Contains(t.Transitive, k) {
			t.Transitive = append(t.Transitive, k)
		}
	}
	t.Tags = tags
	return nil
}

func invalidParameter(text string) error {
	return wire.ErrorCode{Code: "InvalidParameterValue", Status: 400}.Errorf("%s", text)
}

// sessionPolicy joins the inline and managed session policies of a request to one document; "" if there are none.
func (s *Service) sessionPolicy(ctx context.Context, account string, in *model.AssumeRoleInput) (string, error) {
	var documents []string
	if in.Policy != nil {
		documents = append(documents, *in.Policy)
	}
	err := s.db.Read(ctx, func(tx *stdsql.Tx) error {
		for _, a := range in.PolicyArns {
			p, err := findPolicy(ctx, tx, account, or(a.Arn, ""))
			if err != nil {
				return err
			}
			documents = append(documents, p.document())
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	for _, d := range documents {
		if _, err := s.parse(d, policy.Identity); err != nil {
			return "", malformed(err)
		}
	}
	if in.Policy != nil && size(*in.Policy) > sessionPolicySize {
		return "", model.PackedPolicyTooLargeException.Errorf("Packed size of session tags and policies consumes %d%% of allotted space.", size(*in.Policy)*100/sessionPolicySize)
	}
	if len(documents) < 2 {
		return strings.Join(documents, ""), nil
	}
	return joinPolicies(documents)
}

// joinPolicies writes the statements of several valid documents into one. Statement ids are dropped, for they are
// unique only within each.
func joinPolicies(documents []string) (string, error) {
	var joined []any
	for _, d := range documents {
		var doc struct{ Statement any }
		if err := json.Unmarshal([]byte(d), &doc); err != nil {
			return "", err
		}
		list, ok := doc.Statement.([]any)
		if !ok {
			list = []any{doc.Statement}
		}
		for _, s := range list {
			delete(s.(map[string]any), "Sid")
		}
		joined = append(joined, list...)
	}
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": joined})
	return string(b), err
}
