package app

// Observed is what the keeper sees of a run.
type Observed struct {
	JobManager   bool // the process lives
	TaskManagers int  // living processes
	Wanted       int  // TaskManagers that should live
	Idle         int  // living ones beyond those, without tasks
	Answers      bool // Flink's REST API answers
	Slots        int
	Job          *Job // nil = the JobManager does not know it
	Savepoint    *Savepoint
	Fingerprint  string    // that the wanted version's cluster would have
	Checkpoint   string    // newest completed checkpoint of the run on disk; "" = none, or not looked for
	Latest       *Snapshot // newest READY one; nil = none
	Undo         *Snapshot // newest READY one that the runtime of the operation's fallback reads; nil = none
	Scaling      *Scaling  // nil = nobody has looked whether to scale
	Limits       Limits    // of scaling
}

// Job is a job as Flink tells.
type Job struct {
	State     string // CREATED, RUNNING, RESTARTING, FAILING, FAILED, FINISHED, CANCELED …
	Tasks     int
	Running   int
	Restarts  int
	Exception string // root exception first, "" = none

	Parallelism map[string]int // of each vertex, by id
}

// Up tells whether every task runs.
func (j *Job) Up() bool {
	return j != nil && j.State == "RUNNING" && j.Tasks > 0 && j.Running == j.Tasks
}

// Ended tells whether the job is over. One that Flink does not have is not.
func (j *Job) Ended() bool {
	return j != nil && (j.State == "FINISHED" || j.State == "FAILED" || j.State == "CANCELED")
}

// Savepoint is a savepoint under way.
type Savepoint struct {
	Unknown bool // Flink does not know it and it is not on disk: the request for it never arrived
	Done    bool
	Path    string
	Failure string
}
