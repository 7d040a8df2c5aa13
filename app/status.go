package app

// Status is ApplicationStatus.
type Status string

// The states (developer guide, "Run a Managed Service for Apache Flink application").
const (
	Ready         Status = "READY"
	Starting      Status = "STARTING"
	Running       Status = "RUNNING"
	Stopping      Status = "STOPPING"
	ForceStopping Status = "FORCE_STOPPING"
	UpdatingState Status = "UPDATING"
	Autoscaling   Status = "AUTOSCALING"
	RollingBack   Status = "ROLLING_BACK"
	Maintenance   Status = "MAINTENANCE"
	Deleting      Status = "DELETING"
)

// Statuses lists the states.
func Statuses() []Status {
	return []Status{Ready, Starting, Running, Stopping, ForceStopping, UpdatingState, Autoscaling, RollingBack, Maintenance, Deleting}
}

// under is the state of an application while an operation of a kind is in progress.
var under = map[Kind]Status{
	Start: Starting, Stop: Stopping, ForceStop: ForceStopping, Update: UpdatingState, Rollback: RollingBack, AutoScale: Autoscaling, Delete: Deleting,
}

// Status is computed from the stored facts. Once the job of a start, an update, a rollback or a scaling runs, the
// application counts as RUNNING although the operation still watches whether the job stays up.
func (a *Application) Status() Status {
	if op := a.Operation; op != nil {
		switch op.Kind {
		case Start, Update, Rollback, AutoScale:
			if a.Run != nil && !a.superseded() && !a.Run.Reached.IsZero() {
				return Running
			}
		}
		return under[op.Kind]
	}
	if a.Run != nil {
		return Running
	}
	return Ready
}

// Health tells whether a job is up, as far as a look could see.
type Health string

// The values of Health.
const (
	NotKnown Health = ""     // nobody has looked since the server began, or the JobManager does not answer
	Up       Health = "up"   // all tasks run
	Down     Health = "down" // a savepoint could not be taken, and whatever the job kept in memory is lost
)

// Health is what the look saw of the application's job. A JobManager that lives and does not answer says nothing, unless the
// job was missed before.
func (o Observed) Health(a *Application) Health {
	switch {
	case a.Run == nil:
		return Down
	case o.Answers && o.Job.Up():
		return Up
	case !o.Answers && o.JobManager && a.Run.DownSince.IsZero():
		return NotKnown
	}
	return Down
}

// Request is what a caller asks of an application, as far as its state decides.
type Request string

// The requests.
const (
	ToStart     Request = "StartApplication"
	ToStop      Request = "StopApplication"
	ToForceStop Request = "StopApplication with Force"
	ToUpdate    Request = "UpdateApplication"
	ToSnapshot  Request = "CreateApplicationSnapshot"
	ToRollback  Request = "RollbackApplication"
	ToPresign   Request = "CreateApplicationPresignedUrl"
	ToMaintain  Request = "UpdateApplicationMaintenanceConfiguration"
	ToDelete    Request = "DeleteApplication"
)

// Requests lists the requests.
func Requests() []Request {
	return []Request{ToStart, ToStop, ToForceStop, ToUpdate, ToSnapshot, ToRollback, ToPresign, ToMaintain, ToDelete}
}

// allowed is the whole table: an absent pair is refused (developer guide, "Run a … application", and the API reference).
var allowed = map[Request][]Status{
	ToStart:     {Ready},
	ToStop:      {Running},
	ToForceStop: {Starting, Running, UpdatingState, Autoscaling, Stopping, RollingBack, Maintenance},
	ToUpdate:    {Ready, Running},
	ToSnapshot:  {Running},
	ToRollback:  {Running, UpdatingState, Autoscaling},
	ToPresign:   {Running},
	ToMaintain:  {Ready, Running},
	ToDelete:    {Ready, Running},
}

// Allows tells whether an application in state s takes the request.
func (s Status) Allows(r Request) bool {
	for _, ok := range allowed[r] {
		if ok == s {
			return true
		}
	}
	return false
}
