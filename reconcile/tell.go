package reconcile

import (
	"context"
	"strings"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/flink"
)

// codeApplication is the errorCode of records about what an application did (facts: developer guide, "Analyze logs").
const codeApplication = "CodeError.InvalidApplicationCode"

const (
	tellAgain = time.Hour // after which the log is told once more what still goes wrong
	maxTold   = 100
)

// told remembers what the log of one run has been told, and when.
type told struct {
	job  string
	when map[string]time.Time
}

// tell writes a service record, unless the log has been told the same of this run lately: what goes wrong is tried again for
// ever, and mostly goes wrong in the same way.
func (l *loop) tell(ctx context.Context, a *app.Application, message string) {
	now, job := l.Now(), ""
	if a.Run != nil {
		job = a.Run.JobID
	}
	if l.told.job != job || len(l.told.when) >= maxTold {
		l.told = told{job, map[string]time.Time{}}
	}
	if last, ok := l.told.when[message]; ok && now.Sub(last) < tellAgain {
		return
	}
	if l.told.when == nil {
		l.told.when = map[string]time.Time{}
	}
	l.told.when[message] = now
	l.Telemetry.Record(ctx, a, codeApplication, message)
}

// fail ends the operation in progress with err. Without one the log is told why the application is not kept as it should be,
// and the next look tries again.
func (l *loop) fail(ctx context.Context, a *app.Application, err error) error {
	if ctx.Err() != nil {
		return err
	}
	if a.Operation == nil {
		l.tell(ctx, a, flink.Failure(err))
		return err
	}
	kind := app.Fail
	if op := a.Operation; op.Rescale != nil && op.Fault == "" {
		kind = app.Finish // the running job is none the worse for it
	}
	return l.note(ctx, a, app.Step{Kind: kind, Error: flink.Failure(err)})
}

// reportFailure tells the log about a root exception, once.
func (l *loop) reportFailure(ctx context.Context, a *app.Application, exception string) error {
	l.Log.Warn("the job fails and is restarted", "application", a.Name, "exception", firstLine(exception))
	l.tell(ctx, a, exception)
	return l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		if a.Run != nil {
			a.Run.LastError = exception
		}
		return nil
	})
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
