package iam_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drey/iam"
	model "drey/model/iam"
	"drey/model/sts"
	"drey/store/sql"
	"drey/wire"
)

const (
	account = "123456789012"
	other   = "111122223333"
)

// world is a service on a real store with a clock that the test moves.
type world struct {
	*iam.Service
	t       *testing.T
	dir     string
	db      *sql.DB
	clock   time.Time
	mu      sync.Mutex // guards denials while a test asks from two goroutines
	denials []iam.Denial
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir(), clock: time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)}
	w.open(iam.Enforce)
	t.Cleanup(func() { w.db.Close() })
	return w
}

// open starts the service on the directory; called again it is a restart.
func (w *world) open(mode iam.Mode) {
	w.t.Helper()
	if w.db != nil {
		if err := errors.Join(w.Close(), w.db.Close()); err != nil {
			w.t.Fatal(err)
		}
	}
	var err error
	if w.db, err = sql.Open(filepath.Join(w.dir, "drey.db")); err != nil {
		w.t.Fatal(err)
	}
	w.Service, err = iam.Open(context.Background(), iam.Config{DB: w.db, Dir: w.dir, Mode: mode, Now: func() time.Time { return w.clock },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Denied: func(_ context.Context, d iam.Denial) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.denials = append(w.denials, d)
		}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// as is a context of a request by p.
func (w *world) as(p wire.Principal) context.Context {
	return wire.WithRequest(context.Background(), &wire.Request{ID: "r", Service: "test", Principal: p, Account: p.Account, Region: "us-east-1",
		Time: w.clock, SourceIP: "127.0.0.1", UserAgent: "test", Secure: true})
}

func (w *world) root() context.Context { return w.rootOf(account) }

func (w *world) rootOf(account string) context.Context {
	w.t.Helper()
	root := must(w.RootCredentials(context.Background(), account))
	return w.signed(root.AccessKeyID, "")
}

// signed is a context of a request signed with a key.
func (w *world) signed(key, token string) context.Context {
	w.t.Helper()
	_, p, err := w.Credentials(context.Background(), key, token)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.as(p)
}

// user makes a user with a key and one inline policy ("" = none).
func (w *world) user(name, document string) context.Context {
	w.t.Helper()
	must(w.CreateUser(w.root(), &model.CreateUserInput{UserName: &name}))
	if document != "" {
		must(w.PutUserPolicy(w.root(), &model.PutUserPolicyInput{UserName: &name, PolicyName: new("inline"), PolicyDocument: &document}))
	}
	k := must(w.CreateAccessKey(w.root(), &model.CreateAccessKeyInput{UserName: &name})).AccessKey
	return w.signed(*k.AccessKeyId, "")
}

func (w *world) role(name, trust, document string) *model.Role {
	w.t.Helper()
	r := must(w.CreateRole(w.root(), &model.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})).Role
	if document != "" {
		must(w.PutRolePolicy(w.root(), &model.PutRolePolicyInput{RoleName: &name, PolicyName: new("inline"), PolicyDocument: &document}))
	}
	return r
}

// assume does what the edge does: access, decision, operation.
func (w *world) assume(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	access, err := w.Access(ctx, "AssumeRole", in)
	if err != nil {
		return nil, err
	}
	if err := w.Authorize(ctx, access); err != nil {
		return nil, err
	}
	return w.AssumeRole(ctx, in)
}

func may(ctx context.Context, w *world, action, resource string) error {
	return w.Authorize(ctx, []wire.Access{{Action: action, Resource: resource}})
}

// must is the value of a step that has to succeed; a failure shows its place by the panic's trace.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func wantCode(t *testing.T, err error, code, text string) {
	t.Helper()
	var e *wire.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %s", err, code)
	}
	if e.Code != code || !strings.Contains(e.Message, text) {
		t.Errorf("got %s: %s\nwant %s: … %s …", e.Code, e.Message, code, text)
	}
}

func allowing(actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"allow","Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`
}

func trusting(principal, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]` + condition + `}]}`
}

func decoded(t *testing.T, s *string) string {
	t.Helper()
	d, err := url.QueryUnescape(*s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
