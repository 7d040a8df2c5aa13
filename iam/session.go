package iam

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"drey/iam/policy"
)

// keepExpired is how long an expired session is answered with ExpiredToken; then its key is unknown.
const keepExpired = 24 * time.Hour

// Session is a set of temporary credentials, given out once. Printing or logging it shows no secret.
type Session struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
	RoleARN         string // "" for GetSessionToken
	ARN             string // arn:aws:sts::<account>:assumed-role/<role>/<session>
}

// String names the session by its public key id.
func (c Session) String() string { return "session " + c.AccessKeyID }

// GoString hides the secrets from %#v.
func (c Session) GoString() string { return c.String() }

// LogValue hides the secrets from slog.
func (c Session) LogValue() slog.Value { return slog.StringValue(c.AccessKeyID) }

// Document is the answer of a container credentials endpoint ("Container credential provider" of the AWS SDKs and
// Tools Reference Guide): AccessKeyId, SecretAccessKey, Token, Expiration, RoleArn. It holds secrets.
func (c Session) Document() []byte {
	b, err := json.Marshal(struct{ AccessKeyId, SecretAccessKey, Token, Expiration, RoleArn string }{
		c.AccessKeyID, c.SecretAccessKey, c.SessionToken, c.Expiration.UTC().Format(time.RFC3339), c.RoleARN})
	if err != nil {
		panic(fmt.Sprintf("iam: strings cannot be encoded: %v", err))
	}
	return b
}

// issue makes the credentials of t, stores them sealed and drops sessions that expired long ago. It does not empty the
// caches: a new session changes nothing that was known.
func (s *Service) issue(ctx context.Context, t *session, duration time.Duration) (*Session, error) {
	now := s.now()
	c := &Session{AccessKeyID: newID(sessionKey), SecretAccessKey: newSecret(), SessionToken: newToken(), RoleARN: t.RoleARN, ARN: t.ARN,
		Expiration: now.Add(duration).UTC().Truncate(time.Second)}
	t.ID, t.Issued, t.Expires = c.AccessKeyID, now.Unix(), c.Expiration.Unix()
	t.Secret, t.Token = s.seal.close(t.ID, c.SecretAccessKey), s.seal.close(t.ID+"/token", c.SessionToken)
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM iam_sessions WHERE json_extract(doc, '$.Expires') < ?`, now.Add(-keepExpired).Unix())
		if err != nil {
			return fmt.Errorf("drop expired sessions: %w", err)
		}
		return sessions.put(ctx, tx, t.Account, t.ID, t)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// reopen gives the credentials of a stored session again.
func (s *Service) reopen(t *session) (*Session, error) {
	secret, err := s.seal.open(t.ID, t.Secret)
	if err != nil {
		return nil, err
	}
	token, err := s.seal.open(t.ID+"/token", t.Token)
	if err != nil {
		return nil, err
	}
	return &Session{AccessKeyID: t.ID, SecretAccessKey: secret, SessionToken: token, RoleARN: t.RoleARN, ARN: t.ARN, Expiration: time.Unix(t.Expires, 0).UTC()}, nil
}

// CheckServiceRole tells whether a service may assume a role on behalf of a resource: nil, or an AccessDenied *wire.Error
// that names the statement which the role's trust policy lacks.
func (s *Service) CheckServiceRole(ctx context.Context, account, roleARN, servicePrincipal, sourceARN string) error {
	_, err := s.serviceRole(ctx, account, roleARN, servicePrincipal, sourceARN)
	return err
}

// AssumeServiceRole gives a service credentials of a role for one hour, if the role's trust policy allows it. sourceARN
// is the resource it acts for: aws:SourceArn; its account is aws:SourceAccount, and its last part names the session.
func (s *Service) AssumeServiceRole(ctx context.Context, account, roleARN, servicePrincipal, sourceARN string) (*Session, error) {
	r, err := s.serviceRole(ctx, account, roleARN, servicePrincipal, sourceARN)
	if err != nil {
		return nil, err
	}
	return s.issue(ctx, s.roleSession(r, sessionName(sourceARN)), defaultRoleSession)
}

// sessionName makes a role session name of the last part of an ARN.
func sessionName(sourceARN string) string {
	name := strings.Map(func(r rune) rune {
		if r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_+=,.@-", r)) {
			return r
		}
		return '-'
	}, nameOf(sourceARN))
	return name[:min(len(name), 64)]
}

// serviceRole is the role, if the service may assume it.
func (s *Service) serviceRole(ctx context.Context, account, roleARN, service, sourceARN string) (*role, error) {
	r, err := s.roleByARN(ctx, roleARN)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, denied("User: %s is not authorized to perform: sts:AssumeRole on resource: %s because the role does not exist", service, roleARN)
	}
	trust, err := s.parse(r.Trust, policy.Trust)
	if err != nil {
		return nil, fmt.Errorf("trust policy of %s: %w", roleARN, err)
	}
	req := &policy.Request{Action: "sts:AssumeRole", Resource: roleARN, ResourceAccount: r.Account,
		Caller: policy.Caller{Kind: policy.Service, Service: service}, Keys: policy.Keys{}}
	now := s.now().UTC()
	req.Keys.Set("aws:SourceArn", sourceARN)
	req.Keys.Set("aws:SourceAccount", account)
	req.Keys.Set("aws:PrincipalIsAWSService", "true")
	req.Keys.Set("aws:PrincipalServiceName", service)
	req.Keys.Set("aws:SecureTransport", "true")
	req.Keys.Set("aws:CurrentTime", now.Format(time.RFC3339))
	req.Keys.Set("aws:EpochTime", fmt.Sprint(now.Unix()))
	req.Keys.Set("aws:ResourceAccount", r.Account)
	for k, v := range r.Tags {
		req.Keys.Set("aws:ResourceTag/"+k, v)
	}
	ps := &policy.Policies{Trust: true, Resource: &policy.Attached{Name: "trust policy of " + r.Name, Policy: trust}}
	if d := ps.Evaluate(req); !d.Allowed {
		return nil, AccessDenied.Errorf("%s", explain(service, req, d, "the trust policy of role "+r.Name))
	}
	return r, nil
}
