package app

// StepKind is one kind of thing that the keeper does. Every step can be repeated and can be cut in the middle.
type StepKind string

// The steps.
const (
	Idle          StepKind = "idle"            // nothing to do
	Wait          StepKind = "wait"            // something is under way; look again soon
	EnsureCluster StepKind = "ensure cluster"  // start what is missing of the cluster of the wanted version
	StopCluster   StepKind = "stop cluster"    // end all JVMs
	Submit        StepKind = "submit job"      // hand the job to the JobManager
	Reach         StepKind = "reach running"   // note that all tasks run
	CheckState    StepKind = "check state"     // see whether the state fits the new code
	Flush         StepKind = "take checkpoint" // for sources that keep, at a stop, the positions of the last one
	TakeSavepoint StepKind = "take savepoint"  // stop the job with a savepoint
	KeepSnapshot  StepKind = "keep snapshot"   // note where the savepoint is
	CancelJob     StepKind = "cancel job"      // end the job without a savepoint
	BeginRun      StepKind = "begin run"       // take over the new version
	RollBack      StepKind = "roll back"       // close the operation as failed and return to the version before
	Fail          StepKind = "fail"            // note the failure; the rest only cleans up after it
	Finish        StepKind = "finish"          // close the operation
	EndRun        StepKind = "end run"         // the job has ended by itself
	Erase         StepKind = "erase"           // remove the application and its state
	Report        StepKind = "report failure"  // tell the log about a new root exception
	NoteDown      StepKind = "note downtime"   // remember since when the cluster is broken
	NoteUp        StepKind = "note uptime"
	NoteRan       StepKind = "note run"           // the version's job runs, although its operation failed
	Draft         StepKind = "draft job"          // ask main() what the job would be with another parallelism
	Resize        StepKind = "resize job"         // take a checkpoint and tell Flink the parallelism
	Adopt         StepKind = "adopt parallelism"  // note that the job has it
	Release       StepKind = "release"            // let TaskManagers without tasks go
	Revert        StepKind = "revert parallelism" // tell Flink the old one, and close the operation as failed
	Forgo         StepKind = "restart instead"    // leave a change of the parallelism to a restart
	ScaleTo       StepKind = "scale"              // begin an operation that scales
	Suggest       StepKind = "suggest"            // say what scaling would do
)

// Step is what to do next, and why.
type Step struct {
	Kind    StepKind
	Error   string  // of Fail, RollBack, Revert and Finish: the failure, "" = success; of Forgo, ScaleTo and Suggest: why; of Report and EndRun: the root exception; of BeginRun: what the log is told
	Restore Restore // of BeginRun, RollBack and Fail: where the new job's state comes from

	Parallelism int32 // of ScaleTo and Suggest
}
