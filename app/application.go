// Package app holds the rules of Flink applications: what an application is, which state allows which operation, and what
// the keeper does next. It is pure: facts and the time come in as arguments, decisions go out as values. It must never do
// I/O, keep state, or ask for the time.
package app

import (
	"fmt"
	"time"
)

// Application is all that is stored of one application. The status that users see is computed from it.
type Application struct {
	Key
	ID          string // unique for each creation, safe as a file name
	ARN         string
	Mode        string
	Description string
	Created     time.Time
	Updated     time.Time
	Maintenance string // start of the window, HH:MM in UTC

	Version   Version    // the current one
	Numbered  int64      // the highest number that a version ever had, refused ones too
	Operation *Operation // in progress; nil = none
	Run       *Run       // the job; nil = not running
	Cluster   *Cluster   // the JVMs that may exist; nil = none
}

// Key names an application.
type Key struct{ Account, Region, Name string }

// Version is a configuration with its number.
type Version struct {
	ID            int64
	Token         string // ConditionalToken
	Created       time.Time
	UpdatedFrom   int64 // the version that a rollback looks at first; 0 = none
	RolledFrom    int64
	RolledTo      int64
	Ran           bool // its job has stayed up: a rollback may return to it
	Configuration Configuration
}

// Configuration is what an owner can change, as DescribeApplication reads it back (facts: "Defaults and read-back").
type Configuration struct {
	Runtime     string
	Role        string
	Code        *Code `json:",omitempty"`
	Checkpoint  Checkpoint
	Monitoring  Monitoring
	Parallelism Parallelism
	Properties  []PropertyGroup `json:",omitempty"`
	Snapshots   bool
	Enhanced    bool `json:",omitempty"` // SnapshotMode is ENHANCED_SNAPSHOTS
	Rollback    bool
	Logging     []LoggingOption `json:",omitempty"`
	VPC         []VPC           `json:",omitempty"`
}

// Code says where the application's archive comes from, and what it was when it was read.
type Code struct {
	Bucket        string // name; "" = given inline
	Key           string
	ObjectVersion string // as asked for; "" = the latest at the time
	Size          int64
	MD5           string
	SHA256        string // names the staged file
}

// The values of ConfigurationType.
const (
	Default = "DEFAULT"
	Custom  = "CUSTOM"
)

// Checkpoint is CheckpointConfiguration; times in milliseconds.
type Checkpoint struct {
	Type     string
	Enabled  bool
	Interval int64
	MinPause int64
}

// Monitoring is MonitoringConfiguration.
type Monitoring struct{ Type, Metrics, Log string }

// Parallelism is ParallelismConfiguration.
type Parallelism struct {
	Type        string
	Parallelism int32
	PerKPU      int32
	AutoScaling bool
}

// KPUs is how many Kinesis Processing Units run the tasks of a job with a parallelism.
func (p Parallelism) KPUs(parallelism int32) int { return int((parallelism + p.PerKPU - 1) / p.PerKPU) }

// PropertyGroup is one group of runtime properties.
type PropertyGroup struct {
	ID  string            `json:"PropertyGroupId"`
	Map map[string]string `json:"PropertyMap"`
}

// LoggingOption is where log lines go.
type LoggingOption struct{ ID, StreamARN string }

// VPC is a VPC configuration; it is described and changes nothing on one machine.
type VPC struct {
	ID             string
	Subnets        []string
	SecurityGroups []string
}

// Cluster is what is remembered of the application's JVMs.
type Cluster struct {
	Handle      []byte   // of the driver; nil = asked for, not confirmed
	Fingerprint string   // of its configuration: another one needs other JVMs
	Keep        []string `json:",omitempty"` // TaskManagers that had tasks when others left
}

// Run is a job. It exists from the moment a start is decided.
type Run struct {
	Version     int64
	Parallelism int32 // of the job: the version's, or what the service has made of it; 0 = the version's
	Restore     Restore
	JobID       string    // chosen before the submission, so that repeating it is harmless
	Placed      bool      // the cluster has this version's code
	Submitted   time.Time // when the job was handed over; zero = not yet
	Reached     time.Time // when it was first seen running; zero = not yet
	Resumed     int       // how often it was resubmitted because its JobManager had died
	Rescaled    int       // how often the job of this JobManager was rescaled in place, which Flink counts as restarts
	DownSince   time.Time // since when the JobManager is missed; zero = it is not
	LastError   string    // root exception reported last, so that each is reported once
}

// Restore says where a job's state comes from.
type Restore struct {
	Type             string // ApplicationRestoreType
	Path             string // savepoint or checkpoint; "" = empty state
	Snapshot         string // its name, for messages
	SnapshotARN      string `json:",omitempty"` // of an enhanced snapshot
	AllowNonRestored bool
}

// Snapshot is one savepoint of an application.
type Snapshot struct {
	Name    string
	ARN     string `json:",omitempty"` // of an enhanced one; "" in rows
	Status  string // CREATING, READY, DELETING, FAILED
	Version int64
	Runtime string
	Created time.Time
	Path    string
	Trigger string // of the savepoint under way
}

// The states of a snapshot.
const (
	SnapshotCreating = "CREATING"
	SnapshotReady    = "READY"
	SnapshotDeleting = "DELETING"
	SnapshotFailed   = "FAILED"
)

// Operation is one entry of ListApplicationOperations.
type Operation struct {
	ID     string
	Kind   Kind
	Status OperationStatus
	Start  time.Time
	End    time.Time // zero while in progress
	From   int64     // versions of an update; 0 = none
	To     int64
	Error  string

	Step     StepKind  // what is being done, for deadlines and messages
	StepFrom time.Time // since when
	Flushed  bool      // the job has taken a checkpoint, or could not, before it is stopped
	Trigger  string    // of the savepoint under way; "" = none asked for yet
	Snapshot string    // name of the snapshot that is taken first; "" = none
	Wanted   Restore   // where the new job's state comes from, for starts and updates
	Latest   bool      // Wanted is the snapshot that the operation itself takes
	Check    bool      // the state has to fit the new code before the old job is ended
	Checked  bool      // it does
	Down     bool      // the job was down when an update began: no snapshot, the new job goes on from its newest checkpoint
	Previous *Version  // what an update falls back to if it fails before the old job was ended
	Fallback *Version  // the version that a system rollback returns to; nil = there is no rollback
	Rollback string    // id of the operation that rolled this one back
	Stopped  bool      // the old job has been ended

	Parallelism int32    // that the job has when the operation is through; 0 = the version's
	Rescale     *Rescale // how it gets there in place; nil = by a restart
	Reason      string   // why the service scales
	Fault       string   // failure that the rest of the operation only cleans up after
}

// Kind is what an operation does; the names are those of the API's operations.
type Kind string

// The kinds.
const (
	Start     Kind = "StartApplication"
	Stop      Kind = "StopApplication"
	ForceStop Kind = "ForceStopApplication"
	Update    Kind = "UpdateApplication"
	Rollback  Kind = "RollbackApplication"
	Delete    Kind = "DeleteApplication"
	AutoScale Kind = "AutoScaling" // the service's own; AWS documents no name
)

// APIName is the name under which ListApplicationOperations shows the kind.
func (k Kind) APIName() string {
	if k == ForceStop {
		return string(Stop)
	}
	return string(k)
}

// OperationStatus is how an operation stands.
type OperationStatus string

// The states of an operation.
const (
	InProgress OperationStatus = "IN_PROGRESS"
	Successful OperationStatus = "SUCCESSFUL"
	Failed     OperationStatus = "FAILED"
	Cancelled  OperationStatus = "CANCELLED"
)

// Next is the number that the next version will have. None is given twice, even if its version was refused: a caller may still
// hold it.
func (a *Application) Next() int64 { return max(a.Numbered, a.Version.ID) + 1 }

// Number gives the next version its number.
func (a *Application) Number() int64 {
	a.Numbered = a.Next()
	return a.Numbered
}

// AutoScale opens the service's own operation that takes the running job to another parallelism: in place where rescales says
// that it can, otherwise with a snapshot, unless snapshots are disabled.
func (a *Application) AutoScale(parallelism int32, reason, operationID string, rescales bool, now time.Time) {
	c := &a.Version.Configuration
	a.Operation = &Operation{ID: operationID, Kind: AutoScale, Status: InProgress, Start: now, StepFrom: now, Parallelism: parallelism, Reason: reason}
	op := a.Operation
	op.Wanted.Type = "RESTORE_FROM_LATEST_SNAPSHOT"
	if c.Snapshots {
		op.Snapshot, op.Latest = a.SnapshotName("AUTOSCALING", now), true
	}
	if rescales && c.Rescales() {
		op.Rescale = &Rescale{From: a.Current(), To: parallelism}
	}
	if c.Rollback && a.Version.Ran {
		fallback := a.Version
		op.Fallback = &fallback
	}
}

// SnapshotName is how the snapshot is called that the operation in progress takes.
func (a *Application) SnapshotName(why string, at time.Time) string {
	if a.Version.Configuration.Enhanced {
		return SystemSnapshot(a.Name, a.Operation.ID)
	}
	return fmt.Sprintf("%s-%s-%d", why, a.Name, at.UnixMilli())
}

// RollBack opens an operation that returns to an earlier version: a new version of the old configuration. It gives the new
// operation; the one in progress has to be closed before.
func (a *Application) RollBack(to *Version, from Restore, operationID, token string, now time.Time) *Operation {
	before := a.Version.ID
	a.Version = Version{
		ID: a.Number(), Token: token, Created: now.Truncate(time.Second), UpdatedFrom: to.UpdatedFrom, RolledFrom: before, RolledTo: to.ID, Configuration: to.Configuration,
	}
	a.Updated = a.Version.Created
	a.Operation = &Operation{
		ID: operationID, Kind: Rollback, Status: InProgress, Start: now, StepFrom: now, From: before, To: a.Version.ID, Wanted: from,
	}
	return a.Operation
}
