package app

import (
	"strconv"
	"strings"
	"time"
)

// Enhanced is a snapshot that belongs to an account and Region and outlives the application that it was taken of
// (developer guide, "How enhanced snapshots work").
type Enhanced struct {
	Key                  // account, Region and the snapshot's name
	ID            string // unique for each creation, safe as a file name
	ARN           string
	Description   string
	Status        string // CREATING, READY, DELETING, FAILED
	Origin        SnapshotKind
	Created       time.Time
	Application   string // the source's name; "" = imported
	ApplicationID string
	AppCreated    time.Time
	Version       int64  // of the source
	Runtime       string // of the source; "" = imported
	Size          int64  // bytes; 0 until READY
	Path          string // of the kept savepoint, as a URI; "" until READY
	Trigger       string // of the savepoint under way
	Local         string // the savepoint in the source's state directory, as a URI; "" = there is none any more
	From          Place  // of an imported one
}

// Savepoint is where the snapshot can be read: "" = nowhere yet.
func (s *Enhanced) Savepoint() string {
	if s.Path == "" {
		return s.Local
	}
	return s.Path
}

// Place is a part of a bucket.
type Place struct{ Bucket, Prefix string }

// SnapshotKind is what an operation does with an enhanced snapshot; the names are the API's.
type SnapshotKind string

// The kinds.
const (
	CreateSnapshot       SnapshotKind = "CreateSnapshot"
	SystemCreateSnapshot SnapshotKind = "SystemCreateSnapshot"
	ImportSnapshot       SnapshotKind = "ImportSnapshot"
	ExportSnapshot       SnapshotKind = "ExportSnapshot"
	DeleteSnapshot       SnapshotKind = "DeleteSnapshot"
)

// SnapshotOperation is one entry of ListSnapshotOperations. It outlives a deleted snapshot.
type SnapshotOperation struct {
	Key                // of the snapshot
	ID          string // of the operation
	SnapshotID  string
	SnapshotARN string
	Kind        SnapshotKind
	Status      OperationStatus
	Start       time.Time
	End         time.Time // zero while in progress
	ErrorCode   string
	Error       string

	Role        string // of imports and exports
	Place       Place  // that an import reads from and an export writes to
	Application string // of a system snapshot: whose operation took it
	Operation   string
}

// Exported is the prefix below which an export writes (developer guide, "Import and export enhanced snapshots").
func (op *SnapshotOperation) Exported() string { return op.Place.Prefix + op.ID }

// OperationLife is how long operations can be described (API reference, "DescribeSnapshotOperation"; for those on applications no
// time is documented).
const OperationLife = 90 * 24 * time.Hour

// System is the prefix of the names of system snapshots, in any case of letters.
const System = "SYSTEMSNAPSHOT"

// maxNamed is how much of an application's name the name of a system snapshot holds: together with the operation's id it
// stays below 100 characters.
const maxNamed = 70

// SystemSnapshot names the snapshot that an operation of an application takes.
func SystemSnapshot(application, operationID string) string {
	return System + "-" + application[:min(len(application), maxNamed)] + "-" + operationID
}

// Reserved tells whether only system snapshots may have the name.
func Reserved(name string) bool {
	return len(name) >= len(System) && strings.EqualFold(name[:len(System)], System)
}

// Enhances tells whether a runtime can have enhanced snapshots: FLINK-1_20 or later.
func Enhances(runtime string) bool {
	first, second, ok := strings.Cut(strings.TrimPrefix(runtime, "FLINK-"), "_")
	major, err := strconv.Atoi(first)
	minor, err2 := strconv.Atoi(second)
	return ok && err == nil && err2 == nil && (major > 1 || major == 1 && minor >= 20)
}

// Uses tells whether a start or update of the application is yet to read the savepoint at path.
func (a *Application) Uses(path string) bool {
	return a.Operation != nil && a.Operation.Wanted.Path == path || a.Run != nil && a.Run.Restore.Path == path && a.Run.Reached.IsZero()
}
