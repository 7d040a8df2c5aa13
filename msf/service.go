// Package msf is the kinesisanalyticsv2 API: it checks what an owner asks, stores it as the wanted state with an operation
// in progress, and wakes the keeper. It must never act on a cluster: what happens to JVMs and jobs is the keeper's work.
package msf

import (
	"context"
	"errors"
	"io"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/flink"
	msf "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// Keeper keeps applications as they are stored.
type Keeper interface {
	Poke(app.Key)
	// Health tells whether the application's job is up; it may wait a few seconds to know.
	Health(context.Context, app.Key) app.Health
	// Checkpoint gives the path of the newest completed checkpoint of the application's job; "" = it has none.
	Checkpoint(a *app.Application) string
	PokeSnapshots()
	JobPlan(ctx context.Context, a *app.Application) string
}

// Roles checks service execution roles.
type Roles interface {
	// CheckServiceRole answers an error if the service may not assume the role for the application.
	CheckServiceRole(ctx context.Context, account, roleARN, servicePrincipal, applicationARN string) error
}

// Objects reads application code with the rights of a role.
type Objects interface {
	OpenCode(ctx context.Context, account, roleARN, applicationARN, bucket, key, version string) (io.ReadCloser, error)
}

// ServicePrincipal is who assumes service execution roles.
const ServicePrincipal = "kinesisanalytics.amazonaws.com"

// Config is what the service needs.
type Config struct {
	DB      *appdb.DB
	Keeper  Keeper
	Roles   Roles
	Objects Objects
	CodeDir string                  // staged code lies here, named by its SHA-256
	Runtime func(name string) error // tells why applications cannot run on a runtime; nil = they can
	Python  func(name string) error // tells why Python applications cannot run on a runtime
	// Java tells what a runtime loads.
	Java func(runtime string) flink.Java
	// Compatible tells why state of one runtime cannot be restored on another; nil = it can.
	Compatible func(from, to string) error
	// Dashboard opens a session for the caller and gives the URL of the application's Flink dashboard.
	Dashboard func(ctx context.Context, key app.Key, life time.Duration) (url string, err error)
	// Rescales tells whether a runtime can rescale a running job in place; nil = none can.
	Rescales func(runtime string) bool
	MaxKPUs  int // of one application
	Now      func() time.Time
}

// Service implements the API.
type Service struct{ Config }

// Open makes the service.
func Open(c Config) *Service { return &Service{c} }

func (s *Service) arn(r *wire.Request, name string) string {
	return "arn:aws:kinesisanalytics:" + r.Region + ":" + r.Account + ":application/" + name
}

func key(ctx context.Context, name *string) app.Key {
	r := wire.FromContext(ctx)
	return app.Key{Account: r.Account, Region: r.Region, Name: *name}
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Second) }

// notFound is the answer for a missing application.
func notFound(key app.Key) error {
	return msf.ResourceNotFoundException.Errorf("Application %s does not exist in the account %s and region %s", key.Name, key.Account, key.Region)
}

// noApplication is the same answer where an operation declares no ResourceNotFoundException.
func noApplication(key app.Key) error {
	return msf.InvalidArgumentException.Errorf("Application %s does not exist in the account %s and region %s", key.Name, key.Account, key.Region)
}

// update changes an application in one transaction and wakes the keeper.
func (s *Service) update(ctx context.Context, key app.Key, change func(*appdb.Tx, *app.Application) error) (*app.Application, error) {
	a, err := s.DB.Update(ctx, key, change)
	if errors.Is(err, appdb.ErrNotFound) {
		return nil, notFound(key)
	}
	if err != nil {
		return nil, err
	}
	s.Keeper.Poke(key)
	return a, nil
}

func (s *Service) load(ctx context.Context, key app.Key) (*app.Application, error) {
	a, err := s.DB.Application(ctx, key)
	if errors.Is(err, appdb.ErrNotFound) {
		return nil, notFound(key)
	}
	return a, err
}

// verbs are how AWS words a refusal for the application's state.
var verbs = map[app.Request]string{
	app.ToStart: "started", app.ToStop: "Stopped", app.ToForceStop: "Stopped", app.ToUpdate: "updated", app.ToDelete: "deleted",
	app.ToRollback: "rolled back", app.ToPresign: "viewed", app.ToMaintain: "reconfigured",
}

func allow(a *app.Application, r app.Request) error {
	if a.Status().Allows(r) {
		return nil
	}
	return msf.ResourceInUseException.Errorf("Application cannot be %s in '%s' state", verbs[r], a.Status())
}

// begin opens an operation.
func (s *Service) begin(a *app.Application, kind app.Kind) *app.Operation {
	now := s.Now().UTC()
	a.Operation = &app.Operation{ID: appdb.NewID(), Kind: kind, Status: app.InProgress, Start: now, StepFrom: now}
	return a.Operation
}
