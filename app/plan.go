package app

import (
	"fmt"
	"strings"
	"time"
)

// Deadlines of the phases. The one of the start is AWS's (developer guide, "Troubleshoot: application issues"). Flink gives a
// savepoint an hour, and a job that is being stopped with one ends whenever that is complete: nobody may give up before.
const (
	StartTimeout     = 5 * time.Minute
	SavepointTimeout = 65 * time.Minute
	CancelTimeout    = time.Minute
	MinSettleTime    = 10 * time.Second // a consumer may be refused its stream several seconds after its task began
	MaxSettleTime    = time.Minute
)

// Plan names the next step for an application.
func Plan(a *Application, o Observed, now time.Time) Step {
	if a.Operation == nil {
		return keep(a, o, now)
	}
	switch a.Operation.Kind {
	case Start:
		return start(a, o, now)
	case Stop, ForceStop:
		return stop(a, o, now)
	case Update, Rollback, AutoScale:
		if a.Operation.Rescale != nil {
			return rescale(a, o, now)
		}
		return update(a, o, now)
	case Delete:
		return erase(a)
	}
	return Step{Kind: Finish, Error: fmt.Sprintf("the operation %s is not known", a.Operation.Kind)}
}

// keep looks after a running application: processes that died come back, a job that its JobManager lost is resubmitted,
// a bounded job that ended ends the run.
func keep(a *Application, o Observed, now time.Time) Step {
	switch {
	case a.Run == nil && a.Cluster != nil:
		return Step{Kind: StopCluster}
	case a.Run == nil:
		return Step{Kind: Idle}
	case a.Run.DownSince.IsZero() && (!o.JobManager || o.Answers && o.Job == nil):
		return Step{Kind: NoteDown}
	case !o.JobManager || o.TaskManagers < o.Wanted:
		return Step{Kind: EnsureCluster}
	case !o.Answers:
		return Step{Kind: Wait}
	case o.Job == nil:
		return Step{Kind: Submit}
	case o.Job.Ended():
		return Step{Kind: EndRun, Error: o.Job.Exception}
	case o.Job.Exception != "" && o.Job.Exception != a.Run.LastError:
		return Step{Kind: Report, Error: o.Job.Exception}
	case !a.Run.DownSince.IsZero() && o.Job.Up():
		return Step{Kind: NoteUp}
	case a.Unproven() && o.Checkpoint != "" && o.Job.Up():
		return Step{Kind: NoteRan}
	case o.Idle > 0 && o.Job.Up():
		return Step{Kind: Release}
	case o.Scaling != nil && o.Job.Up():
		return autoscale(o, now)
	}
	return Step{Kind: Idle}
}

// Unproven tells whether the version runs without having been seen to: a start that failed may come up later, when Flink has
// restarted the job often enough.
func (a *Application) Unproven() bool {
	return a.Operation == nil && a.Run != nil && a.Run.Version == a.Version.ID && !a.Version.Ran
}

// autoscale begins to scale if the rules say so.
func autoscale(o Observed, now time.Time) Step {
	d := Scale(*o.Scaling, o.Limits, now)
	switch {
	case d.Parallelism == 0:
		return Step{Kind: Idle}
	case o.Scaling.Policy.DryRun:
		return Step{Kind: Suggest, Parallelism: d.Parallelism, Error: d.Reason}
	}
	return Step{Kind: ScaleTo, Parallelism: d.Parallelism, Error: d.Reason}
}

// start drives a fresh run until its job has stayed up.
func start(a *Application, o Observed, now time.Time) Step {
	op := a.Operation
	switch {
	case op.Fault != "":
		return cleanUp(a, o)
	case a.Run == nil:
		return Step{Kind: BeginRun, Restore: op.Wanted}
	case a.Run.Reached.IsZero():
		return launch(a, o, now)
	}
	return settle(a, o, now)
}

// cleanUp ends what a failed operation has left, and rolls it back if that was asked for and a snapshot allows it.
func cleanUp(a *Application, o Observed) Step {
	if a.Cluster != nil {
		return Step{Kind: StopCluster}
	}
	if from, ok := undo(a, o); ok {
		return Step{Kind: RollBack, Error: a.Operation.Fault, Restore: from}
	}
	return Step{Kind: Finish, Error: a.Operation.Fault}
}

// undo tells from which state a system rollback goes on: the one that the failed job began with if it is a checkpoint of
// the version before, otherwise the last successful snapshot (developer guide, "Roll back upgrades"). It is state that the old
// runtime reads: of an upgrade the snapshot that was taken before, and no later one; no checkpoint of another runtime's.
func undo(a *Application, o Observed) (Restore, bool) {
	op := a.Operation
	if op.Fallback == nil {
		return Restore{}, false
	}
	checkpoints := op.Previous == nil || op.Previous.Configuration.Runtime == op.Fallback.Configuration.Runtime
	switch {
	case checkpoints && op.Rescale != nil && o.Checkpoint != "":
		return Restore{Type: op.Wanted.Type, Path: o.Checkpoint, Snapshot: CheckpointName(o.Checkpoint)}, true
	case checkpoints && (op.Rescale != nil || op.Down) && op.Wanted.Path != "":
		return op.Wanted, true
	case o.Undo == nil:
		return Restore{}, false
	}
	return Restore{Type: op.Wanted.Type, Path: o.Undo.Path, Snapshot: o.Undo.Name, SnapshotARN: o.Undo.ARN}, true
}

// launch takes a run to where all its tasks run.
func launch(a *Application, o Observed, now time.Time) Step {
	r := a.Run
	switch {
	case now.Sub(a.Operation.StepFrom) > StartTimeout:
		return Step{Kind: Fail, Error: "Flink job did not start within a total timeout of 5 minutes for application: " + a.ARN + waitingFor(a, o)}
	case a.Cluster != nil && a.Cluster.Fingerprint != o.Fingerprint:
		return Step{Kind: StopCluster}
	case a.Cluster == nil || !r.Placed || !o.JobManager || o.TaskManagers < o.Wanted:
		return Step{Kind: EnsureCluster}
	case !o.Answers:
		return Step{Kind: Wait}
	case r.Submitted.IsZero(), o.Job == nil:
		return Step{Kind: Submit}
	case o.Job.State == "FAILED", o.Job.State == "CANCELED":
		return Step{Kind: Fail, Error: failure(o.Job)}
	case o.Job.Up(), o.Job.State == "FINISHED", o.Job.Exception != "":
		return Step{Kind: Reach} // a bounded job may be over already; one that Flink restarts counts as running, as on AWS
	}
	return Step{Kind: Wait}
}

func failure(j *Job) string {
	if j.Exception != "" {
		return j.Exception
	}
	return "the job ended as " + j.State
}

// waitingFor names the phase in which a start hangs.
func waitingFor(a *Application, o Observed) string {
	switch {
	case !o.Answers:
		return " (waiting for the JobManager to answer)"
	case o.Slots == 0:
		return " (waiting for TaskManagers to register; are there enough memory and cores for them?)"
	case a.Run.Submitted.IsZero() || o.Job == nil:
		return " (waiting for main() to hand over the job)"
	}
	return fmt.Sprintf(" (waiting for tasks: %d of %d run)", o.Job.Running, o.Job.Tasks)
}

// settle watches a job that has just come up: what fails at once is the operation's failure, although the application
// stays RUNNING and Flink restarts the job, as on AWS; with system rollback the version before comes back.
func settle(a *Application, o Observed, now time.Time) Step {
	from, undoable := undo(a, o)
	switch {
	case o.Job != nil && o.Job.Exception != "" && undoable && a.Operation.Rescale != nil:
		return Step{Kind: Fail, Error: o.Job.Exception, Restore: from}
	case o.Job != nil && o.Job.Exception != "" && undoable:
		return Step{Kind: Fail, Error: o.Job.Exception}
	case o.Job != nil && o.Job.Exception != "":
		return Step{Kind: Finish, Error: o.Job.Exception}
	case o.Job != nil && o.Job.Ended(), now.Sub(a.Run.Reached) >= settleTime(a):
		return Step{Kind: Finish}
	}
	return Step{Kind: Wait}
}

// settleTime is how long a job has to stay up: as long as its launch took, for what is slow to start is slow to fail.
func settleTime(a *Application) time.Duration {
	return min(max(a.Run.Reached.Sub(a.Operation.StepFrom), MinSettleTime), MaxSettleTime)
}

// stop ends a run, with a snapshot first if the operation names one.
func stop(a *Application, o Observed, now time.Time) Step {
	if s, busy := quiesce(a, o, now); busy {
		return s
	}
	if a.Cluster != nil {
		return Step{Kind: StopCluster}
	}
	return Step{Kind: Finish, Error: a.Operation.Fault}
}

// quiesce ends the job: stopped with a savepoint, or not at all if its cluster is to go anyway.
func quiesce(a *Application, o Observed, now time.Time) (Step, bool) {
	op := a.Operation
	if op.Stopped || op.Snapshot == "" || a.Run == nil {
		return Step{}, false
	}
	switch {
	case !op.Flushed && op.Trigger == "" && o.Answers:
		return Step{Kind: Flush}, true
	case op.Trigger == "":
		return Step{Kind: TakeSavepoint}, true
	case o.Savepoint != nil && o.Savepoint.Failure != "":
		return Step{Kind: Finish, Error: "Failed to take a snapshot: " + o.Savepoint.Failure}, true
	case o.Savepoint != nil && o.Savepoint.Done:
		return Step{Kind: KeepSnapshot}, true
	case o.Answers && o.Job.Ended() && o.Savepoint != nil && o.Savepoint.Unknown:
		return Step{Kind: Finish, Error: "Failed to take a snapshot: the job ended before it was taken"}, true
	case o.Answers && o.Job != nil && o.Savepoint != nil && o.Savepoint.Unknown:
		return Step{Kind: TakeSavepoint}, true
	case o.Job == nil && o.Answers, !o.JobManager:
		return Step{Kind: Finish, Error: "Failed to take a snapshot: the job was lost while it was taken"}, true
	case now.Sub(op.StepFrom) > SavepointTimeout:
		return Step{Kind: Finish, Error: fmt.Sprintf("Failed to take a snapshot within %v", SavepointTimeout)}, true
	}
	return Step{Kind: Wait}, true
}

// update brings another version onto a running application: snapshot, new run, restore. A rollback does the same without
// the snapshot.
func update(a *Application, o Observed, now time.Time) Step {
	op := a.Operation
	if (op.Kind == Update || op.Kind == AutoScale) && a.Run == nil && op.Fault == "" && !op.Stopped {
		return Step{Kind: Finish}
	}
	if op.Check && !op.Checked && op.Trigger == "" && !op.Stopped && o.Answers { // a JobManager that cannot be asked is no reason to wait
		if now.Sub(op.StepFrom) > StartTimeout {
			return Step{Kind: Finish, Error: "The running job was left alone: main() of the new code handed over no job within 5 minutes"}
		}
		return Step{Kind: CheckState}
	}
	if s, busy := quiesce(a, o, now); busy {
		return s
	}
	switch {
	case op.Fault != "":
		return cleanUp(a, o)
	case a.superseded():
		return exchange(a, o, now)
	case a.Run == nil && op.Kind == Rollback && a.Cluster != nil:
		return Step{Kind: StopCluster} // an operation that was broken off has left it
	case a.Run == nil:
		return Step{Kind: BeginRun, Restore: op.Wanted}
	case a.Run.Reached.IsZero():
		return launch(a, o, now)
	}
	return settle(a, o, now)
}

// exchange ends the old job and begins the new one. Of a job that was down the newest checkpoint is taken over, and only
// when it has ended: until then it may complete another one, which takes the place of the one before.
func exchange(a *Application, o Observed, now time.Time) Step {
	op := a.Operation
	ending := o.JobManager && !o.Answers || o.Job != nil && !o.Job.Ended()
	switch {
	case !op.Stopped:
		return Step{Kind: CancelJob}
	case ending && now.Sub(op.StepFrom) > CancelTimeout:
		return Step{Kind: StopCluster}
	case ending: // it holds its slots, too
		return Step{Kind: Wait}
	case !op.Down:
		return Step{Kind: BeginRun, Restore: op.Wanted}
	}
	from := resume(a, o)
	return Step{Kind: BeginRun, Restore: from, Error: bereft(a, o, from)}
}

// bereft says what becomes of a job that was down and had completed no checkpoint; "" = it has one to go on from.
func bereft(a *Application, o Observed, from Restore) string {
	begins := "without state"
	switch {
	case o.Checkpoint != "":
		return ""
	case from.Snapshot != "":
		begins = "from " + from.Snapshot
	}
	return fmt.Sprintf("The job was down and had completed no checkpoint: version %d begins %s", a.Version.ID, begins)
}

// resume tells where a job that was down goes on: at its newest checkpoint, where it began if it has none, or else at the
// last snapshot.
func resume(a *Application, o Observed) Restore {
	from := a.Operation.Wanted
	switch {
	case o.Checkpoint != "":
		from.Path, from.Snapshot, from.SnapshotARN = o.Checkpoint, CheckpointName(o.Checkpoint), ""
	case a.Run.Restore.Path != "":
		from.Path, from.Snapshot, from.SnapshotARN = a.Run.Restore.Path, a.Run.Restore.Snapshot, a.Run.Restore.SnapshotARN
	case o.Latest != nil:
		from.Path, from.Snapshot, from.SnapshotARN = o.Latest.Path, o.Latest.Name, o.Latest.ARN
	}
	return from
}

// CheckpointName is how messages call the checkpoint of a path that Flink gave (…/chk-17).
func CheckpointName(path string) string {
	return "checkpoint-" + path[strings.LastIndex(path, "-")+1:]
}

// erase removes an application.
func erase(a *Application) Step {
	if a.Cluster != nil {
		return Step{Kind: StopCluster}
	}
	return Step{Kind: Erase}
}
