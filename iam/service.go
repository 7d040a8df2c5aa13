package iam

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"drey/iam/policy"
	model "drey/model/iam"
	"drey/model/sts"
	"drey/store/sql"
	"drey/wire"
)

// Mode says what a denial does.
type Mode string

const (
	Enforce Mode = "enforce" // the request fails
	Audit   Mode = "audit"   // the request passes, Config.Denied is told
)

// Config is what a Service needs.
type Config struct {
	DB     *sql.DB
	Dir    string                              // holds iam.key, the key that seals secrets; made with mode 0600 if absent
	Log    *slog.Logger                        // nil = slog.Default
	Now    func() time.Time                    // nil = time.Now
	Mode   Mode                                // "" = Enforce
	Denied func(ctx context.Context, d Denial) // told of each denial, in both modes; may be nil
}

// Service is IAM and STS of all accounts.
type Service struct {
	db     *sql.DB
	log    *slog.Logger
	now    func() time.Time
	mode   Mode
	denied func(context.Context, Denial)
	seal   sealer

	identities memo[*compiled]      // by ARN; emptied by every write
	secrets    memo[credential]     // by access key id; emptied by every write
	documents  memo[*policy.Policy] // by kind and text
	used       sync.Map             // access key id to the time.Time of its last written use
}

var (
	_ model.API = (*Service)(nil)
	_ sts.API   = (*Service)(nil)
)

// Open brings the tables up to date and reads the sealing key.
func Open(ctx context.Context, c Config) (*Service, error) {
	s := &Service{db: c.DB, log: c.Log, now: c.Now, mode: c.Mode, denied: c.Denied}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	switch s.mode {
	case "":
		s.mode = Enforce
	case Enforce, Audit:
	default:
		return nil, fmt.Errorf("iam: unknown mode %q (enforce or audit)", c.Mode)
	}
	if s.denied == nil {
		s.denied = func(context.Context, Denial) {}
	}
	if err := c.DB.Migrate(ctx, "iam", migrations); err != nil {
		return nil, err
	}
	var err error
	if s.seal, err = openSealer(filepath.Join(c.Dir, "iam.key")); err != nil {
		return nil, err
	}
	return s, nil
}

// Close releases nothing but marks the end of use; the database belongs to the caller.
func (s *Service) Close() error { return nil }

// write runs fn in a transaction and then forgets everything cached, whether or not the outcome is known.
func (s *Service) write(ctx context.Context, fn func(tx *stdsql.Tx) error) error {
	err := s.db.Write(ctx, fn)
	s.identities.clear()
	s.secrets.clear()
	return err
}

// parse compiles a stored or given document; equal documents are compiled once.
func (s *Service) parse(document string, kind policy.Kind) (*policy.Policy, error) {
	return s.documents.get(fmt.Sprint(int(kind), document), func() (*policy.Policy, error) {
		return policy.Parse(document, kind)
	})
}

// malformed turns a refused document into IAM's answer and leaves other errors alone.
func malformed(err error) error {
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return model.MalformedPolicyDocumentException.Errorf("%s", syntax.Reason)
	}
	return err
}

// ValidateResourcePolicy checks a policy to be attached to a resource, such as a bucket. The error is a *wire.Error
// with the code MalformedPolicyDocument; its message says what is wrong.
func ValidateResourcePolicy(document string) error {
	_, err := policy.Parse(document, policy.Resource)
	return malformed(err)
}

// invalid is IAM's answer to a parameter that the model cannot refuse.
func invalid(format string, args ...any) error {
	return model.Model.Validation.Errorf(format, args...)
}

// account is whose identities an operation works on.
func account(ctx context.Context) string { return wire.FromContext(ctx).Account }
