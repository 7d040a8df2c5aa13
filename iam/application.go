package iam

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"strings"
	"time"

	"drey/wire"
)

// AnalyticsService is the service principal that assumes the execution roles of applications.
const AnalyticsService = "kinesisanalytics.amazonaws.com"

// refreshBefore is how long before their expiry an application gets new credentials.
const refreshBefore = 15 * time.Minute

// ApplicationToken gives the token by which an application fetches credentials of its execution role. It is the same
// at each call and after a restart; with another role it stays, and the credentials change.
func (s *Service) ApplicationToken(ctx context.Context, account, applicationARN, roleARN string) (token string, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		a, err := applications.get(ctx, tx, account, applicationARN)
		if err != nil {
			return err
		}
		if a != nil {
			if token, err = s.seal.open(applicationARN, a.Token); err != nil {
				return err
			}
		} else {
			b := make([]byte, 32)
			rand.Read(b)
			token = base64.RawURLEncoding.EncodeToString([]byte(applicationARN)) + "." + base64.RawURLEncoding.EncodeToString(b)
			a = &application{Account: account, ARN: applicationARN, Token: s.seal.close(applicationARN, token)}
		}
		if a.RoleARN != roleARN {
			a.RoleARN, a.Session = roleARN, ""
		}
		return applications.put(ctx, tx, account, applicationARN, a)
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// ForgetApplication ends the right of a deleted application to fetch credentials and ends its newest session.
func (s *Service) ForgetApplication(ctx context.Context, account, applicationARN string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		a, err := applications.get(ctx, tx, account, applicationARN)
		if err != nil || a == nil {
			return err
		}
		if a.Session != "" {
			if err := sessions.delete(ctx, tx, accountOf(a.RoleARN), a.Session); err != nil {
				return err
			}
		}
		return applications.delete(ctx, tx, account, applicationARN)
	})
}

// application finds who a token belongs to. It names the application by its ARN, and then has to be equal.
func (s *Service) application(ctx context.Context, token string) (a *application, t *session, err error) {
	name, _, _ := strings.Cut(token, ".")
	arn, err := base64.RawURLEncoding.DecodeString(name)
	if err != nil {
		return nil, nil, InvalidClientTokenID.Errorf(invalidTokenText)
	}
	err = s.db.Read(ctx, func(tx *sql.Tx) error {
		if a, err = applications.get(ctx, tx, accountOf(string(arn)), string(arn)); err != nil || a == nil || a.Session == "" {
			return err
		}
		t, err = sessions.get(ctx, tx, accountOf(a.RoleARN), a.Session)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if a == nil {
		return nil, nil, InvalidClientTokenID.Errorf(invalidTokenText)
	}
	want, err := s.seal.open(a.ARN, a.Token)
	if err != nil {
		return nil, nil, err
	}
	if subtle.ConstantTimeCompare([]byte(want), []byte(token)) != 1 {
		return nil, nil, InvalidClientTokenID.Errorf(invalidTokenText)
	}
	return a, t, nil
}

// Application tells whose token this is: account and ARN of the application.
func (s *Service) Application(ctx context.Context, token string) (account, applicationARN string, err error) {
	a, _, err := s.application(ctx, token)
	if err != nil {
		return "", "", err
	}
	return a.Account, a.ARN, nil
}

// ApplicationCredentials gives the credentials of an application's execution role. They live one hour; the same are
// given until 15 minutes before they expire. The role must exist and, for new ones, trust the service: else the error is
// an AccessDenied *wire.Error. An unknown token is InvalidClientTokenId.
func (s *Service) ApplicationCredentials(ctx context.Context, token string) (*Session, error) {
	a, t, err := s.application(ctx, token)
	if err != nil {
		return nil, err
	}
	if t != nil && time.Unix(t.Expires, 0).Sub(s.now()) > refreshBefore {
		r, err := s.roleByARN(ctx, a.RoleARN)
		if err != nil {
			return nil, err
		}
		if r != nil && r.ID == t.RoleID {
			return s.reopen(t)
		}
	}
	c, err := s.AssumeServiceRole(ctx, a.Account, a.RoleARN, AnalyticsService, a.ARN)
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		now, err := applications.get(ctx, tx, a.Account, a.ARN)
		if err != nil {
			return err
		}
		if now == nil || now.RoleARN != a.RoleARN {
			return wire.ErrorCode{Code: "ServiceUnavailable", Status: 503, Fault: true}.Errorf("The application has changed. Try again.")
		}
		now.Session = c.AccessKeyID
		return applications.put(ctx, tx, a.Account, a.ARN, now)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}
