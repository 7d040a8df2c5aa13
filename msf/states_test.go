package msf_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"drey/app"
	"drey/app/appdb"
	model "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// stands is what makes an application be in a state. Nothing scales or patches one: AUTOSCALING and MAINTENANCE never come.
var stands = map[app.Status]func(*app.Application){
	app.Ready:         func(*app.Application) {},
	app.Starting:      inProgress(app.Start, false),
	app.Running:       func(a *app.Application) { a.Run = &app.Run{Version: a.Version.ID, Reached: time.Unix(1, 0)} },
	app.Stopping:      inProgress(app.Stop, true),
	app.ForceStopping: inProgress(app.ForceStop, true),
	app.UpdatingState: inProgress(app.Update, true),
	app.RollingBack:   inProgress(app.Rollback, true),
	app.Deleting:      inProgress(app.Delete, true),
}

// inProgress has an operation under way, of an application whose job of another version runs or not.
func inProgress(kind app.Kind, runs bool) func(*app.Application) {
	return func(a *app.Application) {
		a.Operation = &app.Operation{ID: "op", Kind: kind, Status: app.InProgress}
		if runs {
			a.Run = &app.Run{Version: a.Version.ID + 1, Reached: time.Unix(1, 0)}
		}
	}
}

// asked is which request each operation makes of an application, and how it refuses a state.
var asked = []struct {
	op      string
	request app.Request
	refusal wire.ErrorCode
	change  func(any)
}{
	{"StartApplication", app.ToStart, model.ResourceInUseException, asItIs},
	{"StopApplication", app.ToStop, model.ResourceInUseException, asItIs},
	{"StopApplication", app.ToForceStop, model.ResourceInUseException, on(func(in *model.StopApplicationInput) { in.Force = new(true) })},
	{"UpdateApplication", app.ToUpdate, model.ResourceInUseException, asItIs},
	{"AddApplicationCloudWatchLoggingOption", app.ToUpdate, model.ResourceInUseException, asItIs},
	{"DeleteApplicationCloudWatchLoggingOption", app.ToUpdate, model.ResourceInUseException, asItIs},
	{"AddApplicationVpcConfiguration", app.ToUpdate, model.ResourceInUseException, asItIs},
	{"DeleteApplicationVpcConfiguration", app.ToUpdate, model.ResourceInUseException, asItIs},
	{"CreateApplicationSnapshot", app.ToSnapshot, model.InvalidRequestException, asItIs},
	{"RollbackApplication", app.ToRollback, model.ResourceInUseException, asItIs},
	{"CreateApplicationPresignedUrl", app.ToPresign, model.ResourceInUseException, asItIs},
	{"UpdateApplicationMaintenanceConfiguration", app.ToMaintain, model.ResourceInUseException, asItIs},
	{"DeleteApplication", app.ToDelete, model.ResourceInUseException, asItIs},
}

// TestEveryOperationInEveryState asks each operation in each state. What the state allows may be refused for other reasons.
func TestEveryOperationInEveryState(t *testing.T) {
	w := newWorld(t)
	requests := map[app.Request]bool{}
	for i, q := range asked {
		requests[q.request] = true
		for status, stand := range stands {
			name := fmt.Sprintf("%s-%d", status, i)
			created := w.create(name)
			_, err := w.DB.Update(w.ctx(), app.Key{Account: account, Region: "us-east-1", Name: name}, func(_ *appdb.Tx, a *app.Application) error {
				stand(a)
				return nil
			})
			w.must(err)
			if got := w.describe(name).ApplicationStatus; string(got) != string(status) {
				t.Fatalf("the application is %s, expected %s", got, status)
			}
			in := w.request(q.op, name, created.CreateTimestamp)
			q.change(in)
			err = w.call(q.op, in)
			if refused := errors.Is(err, q.refusal); refused == status.Allows(q.request) {
				t.Errorf("%s in %s: %v", q.request, status, err)
			}
			w.erase(name)
		}
	}
	if len(requests) != len(app.Requests()) {
		t.Errorf("%d kinds of requests were made, there are %d", len(requests), len(app.Requests()))
	}
}

// request is a good one of an operation on an application.
func (w *world) request(op, name string, created *time.Time) any {
	in := requests()[op]
	v := reflect.ValueOf(in).Elem()
	v.FieldByName("ApplicationName").Set(reflect.ValueOf(&name))
	if d, ok := in.(*model.DeleteApplicationInput); ok {
		d.CreateTimestamp = created
	}
	return in
}

// erase makes room for others.
func (w *world) erase(name string) {
	w.Helper()
	k := app.Key{Account: account, Region: "us-east-1", Name: name}
	w.must(w.DB.Write(w.ctx(), func(tx *appdb.Tx) error {
		a, err := tx.Application(k)
		if errors.Is(err, appdb.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.Erase(a)
	}))
}
