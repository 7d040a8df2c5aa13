package app

import (
	"maps"
	"reflect"
	"time"
)

// Rescale is another parallelism that a running job takes on without a new submission: TaskManagers join, Flink is told, Flink
// restarts the tasks from a checkpoint that was taken just before, TaskManagers without tasks leave. Until Flink is told,
// nothing has happened to the job.
type Rescale struct {
	From, To int32
	Before   map[string]int // parallelism of each vertex of the running job, by id
	After    map[string]int // the same as main() would make it; nil = it was not asked yet
	Joined   bool           // the cluster has what the larger of both needs
	Asked    bool           // Flink was told
}

// SameJob tells whether a job of one configuration is one of another as well, but for its parallelism: what differs is no
// business of Flink's.
func SameJob(old, next *Configuration) bool {
	n := *next
	n.Parallelism.Type, n.Parallelism.Parallelism, n.Parallelism.AutoScaling = old.Parallelism.Type, old.Parallelism.Parallelism, old.Parallelism.AutoScaling
	n.Rollback = old.Rollback
	if n.Code != nil && old.Code != nil && n.Code.SHA256 == old.Code.SHA256 {
		n.Code = old.Code
	}
	return reflect.DeepEqual(*old, n)
}

// Rescales tells whether a running job can take another parallelism, in an otherwise equal configuration, without being submitted
// anew: there have to be checkpoints to go on from.
func (c *Configuration) Rescales() bool { return c.Checkpoint.Enabled && c.Python() == nil }

// Current is CurrentParallelism: what the job has, or will be started with.
func (a *Application) Current() int32 {
	if a.Run != nil && a.Run.Parallelism > 0 {
		return a.Run.Parallelism
	}
	return a.Version.Configuration.Parallelism.Parallelism
}

// Target is the parallelism that the job has when the operation in progress is through.
func (a *Application) Target() int32 {
	switch {
	case a.Operation != nil && a.Operation.Parallelism > 0:
		return a.Operation.Parallelism
	case a.Run != nil && a.Run.Version == a.Version.ID:
		return a.Current()
	}
	return a.Version.Configuration.Parallelism.Parallelism
}

// Carry is the parallelism that an update leads to. One that gives none leaves the job as the service has scaled it, as long as
// it may do so.
func (a *Application) Carry(next Parallelism, given bool) int32 {
	if a.Run == nil || given || next != a.Version.Configuration.Parallelism || !next.AutoScaling {
		return next.Parallelism
	}
	return a.Current()
}

// Workers is how many TaskManagers are wanted now.
func (a *Application) Workers() int {
	p := a.Version.Configuration.Parallelism
	n := p.KPUs(a.Target())
	if op := a.Operation; op != nil && op.Rescale != nil && a.superseded() {
		n = max(n, p.KPUs(op.Rescale.From))
	}
	if a.Cluster != nil {
		n = max(n, len(a.Cluster.Keep))
	}
	return n
}

// superseded tells whether the job is yet to be replaced or rescaled by the operation in progress.
func (a *Application) superseded() bool {
	return a.Run != nil && (a.Run.Version != a.Version.ID || a.Operation.Kind == AutoScale && a.Run.Parallelism != a.Operation.Parallelism)
}

// rescale takes a running job to another parallelism in place. What cannot be done in place is left to a restart with a
// savepoint (Forgo); what fails before Flink is told leaves the job as it was.
func rescale(a *Application, o Observed, now time.Time) Step {
	op, r := a.Operation, a.Operation.Rescale
	late := now.Sub(op.StepFrom) > StartTimeout
	switch {
	case op.Fault != "":
		return cleanUp(a, o)
	case a.Run == nil:
		return Step{Kind: Finish}
	case !a.superseded():
		return rescaled(a, o, now)
	case !o.JobManager, o.Answers && (o.Job == nil || o.Job.Ended()):
		return Step{Kind: Finish, Error: "The job was lost while its parallelism was changed"}
	case r.Asked:
		return takesOn(a, o, late)
	case r.From == r.To: // nothing that the job would know of
		return Step{Kind: Adopt}
	case r.After == nil:
		return within(late, Step{Kind: Draft}, Step{Kind: Forgo, Error: "main() did not tell its job within 5 minutes"})
	case !r.Joined || o.TaskManagers < o.Wanted:
		return Step{Kind: EnsureCluster}
	case o.Slots < int(r.To):
		return within(late, Step{Kind: Wait}, Step{Kind: Finish, Error: "The running job was left alone: TaskManagers did not register within 5 minutes; are there enough memory and cores for them?"})
	}
	return within(late, Step{Kind: Resize}, Step{Kind: Forgo, Error: "Flink could not be told within 5 minutes"})
}

func within(late bool, step, instead Step) Step {
	if late {
		return instead
	}
	return step
}

// takesOn waits until the job runs as Flink was told. One that fails has taken it on as well; one that does neither goes back.
func takesOn(a *Application, o Observed, late bool) Step {
	switch r := a.Operation.Rescale; {
	case o.Job != nil && (o.Job.Exception != "" || o.Job.Up() && maps.Equal(o.Job.Parallelism, r.After)):
		return Step{Kind: Adopt}
	case late:
		return Step{Kind: Revert, Error: "The job did not take on the parallelism within 5 minutes"}
	case o.TaskManagers < o.Wanted:
		return Step{Kind: EnsureCluster}
	}
	return Step{Kind: Wait}
}

// rescaled lets TaskManagers go, and watches the job as after any start, unless nothing has happened to it.
func rescaled(a *Application, o Observed, now time.Time) Step {
	switch r := a.Operation.Rescale; {
	case r.From == r.To:
		return Step{Kind: Finish}
	case o.Idle > 0:
		return Step{Kind: Release}
	}
	return settle(a, o, now)
}
