package reconcile

import (
	"context"
	"fmt"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/flink"
)

// looksPerMinute is how often in a minute of the rule a job is looked at for scaling.
const looksPerMinute = 12

// observeScaling sees what a decision about scaling needs, every few seconds while a job is up and may be scaled. Where it cannot
// be seen nothing is scaled.
func (l *loop) observeScaling(ctx context.Context, a *app.Application, s *sight, job *flink.Job) {
	now := l.Now()
	if a.Operation != nil || !a.Version.Configuration.Parallelism.AutoScaling || now.Sub(l.scaling.looked) < l.Config.Scaling.Minute/looksPerMinute {
		return
	}
	l.scaling.looked = now
	if err := l.lookAtScaling(ctx, a, s, job); err != nil && ctx.Err() == nil {
		l.Log.Warn("look at scaling", "application", a.Name, "error", err)
		s.Scaling = nil
	}
}

func (l *loop) lookAtScaling(ctx context.Context, a *app.Application, s *sight, job *flink.Job) error {
	now, rule := l.Now(), l.Config.Scaling
	policy, err := l.policy(ctx, a)
	if err != nil {
		return err
	}
	if l.scaling.job != a.Run.JobID {
		l.scaling.job, l.scaling.tally, l.scaling.flow = a.Run.JobID, app.Tally{}, nil
	}
	if policy.Name == app.Throughput && now.Sub(l.scaling.tally.At) >= rule.Minute {
		vertices, err := s.flink.Tally(ctx, job, int(a.Current()))
		if err != nil {
			return err
		}
		l.scaling.count(app.Tally{At: now, Vertices: vertices})
	}
	load, err := l.Telemetry.CPU(ctx, a)
	if err != nil {
		return err
	}
	s.Scaling = &app.Scaling{Rule: rule, Policy: policy, Load: load, Flow: l.scaling.flow}
	s.Limits = a.Limits(policy, l.MaxKPUs, job.MaxParallelism())
	return nil
}

const maxFlow = 20 // minutes

// scaling is what the loop remembers of its looks.
type scaling struct {
	looked time.Time
	job    string
	tally  app.Tally
	flow   []app.Flow
	said   int32     // the parallelism that a dry run has named last …
	saidAt time.Time // … and when
}

// count takes what a job has done until now. What was seen before its tasks began anew says nothing of them.
func (s *scaling) count(t app.Tally) {
	flow, ok := t.Since(s.tally)
	s.tally = t
	if !ok {
		s.flow = nil
		return
	}
	s.flow = append(s.flow[max(0, len(s.flow)-maxFlow):], flow)
}

// policy reads the tags of an application. They were checked when they were set.
func (l *loop) policy(ctx context.Context, a *app.Application) (p app.Policy, err error) {
	var tags map[string]string
	err = l.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		tags, err = tx.Tags(a.ARN)
		return err
	})
	if err != nil {
		return p, err
	}
	return app.ReadPolicy(tags)
}

// scale begins an operation of the service's own, and tells so. One that somebody's change forestalls is not told.
func (l *loop) scale(ctx context.Context, a *app.Application, step app.Step) error {
	policy, err := l.policy(ctx, a)
	if err != nil {
		return err
	}
	now := l.Now().UTC()
	rescales := l.Rescales(a.Version.Configuration.Runtime) && !policy.Restart
	begun := false
	err = l.store(ctx, a, func(tx *appdb.Tx, a *app.Application) error {
		if a.Run == nil || a.Operation != nil {
			return errChanged
		}
		a.AutoScale(step.Parallelism, step.Error, appdb.NewID(), rescales, now)
		begun = true
		return nil
	})
	if err == nil && begun {
		l.Telemetry.Note(ctx, a, fmt.Sprintf("Scaling from parallelism %d to %d: %s", a.Current(), step.Parallelism, step.Error))
	}
	return err
}

// suggest says what a dry run would do, once for each parallelism and hour.
func (l *loop) suggest(ctx context.Context, a *app.Application, step app.Step) error {
	now := l.Now()
	if l.scaling.said == step.Parallelism && now.Sub(l.scaling.saidAt) < tellAgain {
		return nil
	}
	l.scaling.said, l.scaling.saidAt = step.Parallelism, now
	l.Telemetry.Note(ctx, a, fmt.Sprintf("Without %s this would scale from parallelism %d to %d: %s", app.TagDryRun, a.Current(), step.Parallelism, step.Error))
	return nil
}
