package iam

import (
	"context"
	"crypto/subtle"
	stdsql "database/sql"
	"fmt"
	"log/slog"
	"strings"
	"time"

	model "drey/model/iam"
	"drey/wire"
)

// Errors of authentication and authorisation, as Query and REST-XML services name them. The JSON services say
// AccessDeniedException, UnrecognizedClientException and ExpiredTokenException, all with status 400: who answers for
// them replaces Code and Status of the *wire.Error and keeps the message.
var (
	AccessDenied         = wire.ErrorCode{Code: "AccessDenied", Status: 403}
	InvalidClientTokenID = wire.ErrorCode{Code: "InvalidClientTokenId", Status: 403}
	ExpiredToken         = wire.ErrorCode{Code: "ExpiredToken", Status: 403}
)

const (
	invalidTokenText = "The security token included in the request is invalid."
	expiredTokenText = "The security token included in the request is expired"
)

func denied(format string, args ...any) error { return AccessDenied.Errorf(format, args...) }

// kind of caller, read off its principal.
type kind int

const (
	anonymous kind = iota
	rootCaller
	userCaller
	roleCaller
)

func kindOf(p wire.Principal) kind {
	switch {
	case p.ARN == "":
		return anonymous
	case p.Session != nil && p.Session.RoleARN != "":
		return roleCaller
	case strings.HasSuffix(p.ARN, ":root"):
		return rootCaller
	default:
		return userCaller
	}
}

// credential is an access key ready for use.
type credential struct {
	secret         string
	token          string // "" for long-term keys
	principal      wire.Principal
	expires        time.Time
	transitive     []string
	sourceIdentity string
}

// Credentials is a wire.Credentials: it finds the secret of an access key. Unknown and inactive keys and wrong tokens
// are InvalidClientTokenId, sessions past their time are ExpiredToken.
func (s *Service) Credentials(ctx context.Context, accessKeyID, sessionToken string) (string, wire.Principal, error) {
	c, err := s.credential(ctx, accessKeyID)
	if err != nil {
		return "", wire.Principal{}, err
	}
	if subtle.ConstantTimeCompare([]byte(c.token), []byte(sessionToken)) != 1 {
		return "", wire.Principal{}, InvalidClientTokenID.Errorf(invalidTokenText)
	}
	if c.token != "" {
		if !s.now().Before(c.expires) {
			return "", wire.Principal{}, ExpiredToken.Errorf(expiredTokenText)
		}
		if _, err := s.compiled(ctx, c.principal); err != nil { // the user or role is gone
			return "", wire.Principal{}, err
		}
	}
	return c.secret, c.principal, nil
}

// credential reads a key or a session, once until the next change.
func (s *Service) credential(ctx context.Context, id string) (credential, error) {
	return s.secrets.get(id, func() (credential, error) {
		var k *accessKey
		var t *session
		var u *user
		err := s.db.Read(ctx, func(tx *stdsql.Tx) (err error) {
			if k, err = keys.find(ctx, tx, id); err != nil {
				return err
			}
			if k == nil {
				t, err = sessions.find(ctx, tx, id)
				return err
			}
			if k.User != "" {
				u, err = getUser(ctx, tx, k.Account, k.User)
			}
			return err
		})
		switch {
		case err != nil:
			return credential{}, err
		case t != nil:
			return s.temporary(t)
		case k == nil || k.Status != string(model.StatusTypeActive):
			return credential{}, InvalidClientTokenID.Errorf(invalidTokenText)
		}
		secret, err := s.seal.open(k.ID, k.Secret)
		p := wire.Principal{Account: k.Account, ARN: "arn:aws:iam::" + k.Account + ":root", UserID: k.Account, AccessKeyID: k.ID}
		if u != nil {
			p.ARN, p.UserID = u.ARN, u.ID
		}
		return credential{secret: secret, principal: p}, err
	})
}

func (s *Service) temporary(t *session) (credential, error) {
	c, err := s.reopen(t)
	if err != nil {
		return credential{}, err
	}
	return credential{secret: c.SecretAccessKey, token: c.SessionToken, expires: c.Expiration, transitive: t.Transitive, sourceIdentity: t.SourceIdentity,
		principal: wire.Principal{Account: t.Account, ARN: t.ARN, UserID: t.UserID, AccessKeyID: t.ID, Session: &wire.Session{
			RoleARN: t.RoleARN, RoleID: t.RoleID, SessionName: t.Name, Policy: t.Policy, Tags: t.Tags,
			Issued: time.Unix(t.Issued, 0).UTC(), Expires: c.Expiration}}}, nil
}

// Root is a long-term key of an account's root user. Printing it shows no secret.
type Root struct{ AccessKeyID, SecretAccessKey string }

// String names the key by its public id.
func (r Root) String() string { return "root key " + r.AccessKeyID }

// GoString hides the secret from %#v.
func (r Root) GoString() string { return r.String() }

// LogValue hides the secret from slog.
func (r Root) LogValue() slog.Value { return slog.StringValue(r.AccessKeyID) }

// RootCredentials gives the root key of an account, made at the first call (in any process) and then always the same,
// unless somebody deleted or deactivated it.
func (s *Service) RootCredentials(ctx context.Context, account string) (Root, error) {
	var out Root
	err := s.write(ctx, func(tx *stdsql.Tx) error {
		ref, err := accounts.get(ctx, tx, account, "root")
		if err != nil {
			return err
		}
		if ref != nil {
			k, err := keys.get(ctx, tx, account, ref.ID)
			if err != nil {
				return err
			}
			if k != nil && k.Status == string(model.StatusTypeActive) {
				secret, err := s.seal.open(k.ID, k.Secret)
				out = Root{k.ID, secret}
				return err
			}
		}
		k, secret := s.newKey(account, "")
		out = Root{k.ID, secret}
		if err := accounts.put(ctx, tx, account, "root", &rootKey{ID: k.ID}); err != nil {
			return err
		}
		return keys.put(ctx, tx, account, k.ID, k)
	})
	if err != nil {
		return Root{}, fmt.Errorf("root credentials of %s: %w", account, err)
	}
	return out, nil
}

// usedEvery is how often the last use of a key is written down.
const usedEvery = 15 * time.Minute

// touch notes that a long-term key was used. A failure is logged: it must not fail the request.
func (s *Service) touch(ctx context.Context, r *wire.Request) {
	if r.Principal.AccessKeyID == "" || r.Principal.Session != nil {
		return
	}
	now := s.now().UTC().Truncate(time.Second)
	if last, ok := s.used.Load(r.Principal.AccessKeyID); ok && now.Sub(last.(time.Time)) < usedEvery {
		return
	}
	s.used.Store(r.Principal.AccessKeyID, now)
	err := s.db.Write(ctx, func(tx *stdsql.Tx) error {
		k, err := keys.get(ctx, tx, r.Principal.Account, r.Principal.AccessKeyID)
		if err != nil || k == nil {
			return err
		}
		k.Used, k.Service, k.Region = now, r.Service, r.Region
		return keys.put(ctx, tx, k.Account, k.ID, k)
	})
	if err != nil {
		s.log.Warn("last use of an access key was not written", "key", r.Principal.AccessKeyID, "error", err)
	}
}
