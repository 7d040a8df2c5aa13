// Package driver says what it takes to run the Flink cluster of one application somewhere. Drivers know clusters
// and processes; they never know applications, versions or the AWS API.
package driver

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// ErrNoCluster is answered for a handle whose cluster is gone.
var ErrNoCluster = errors.New("driver: no such cluster")

// Cluster is one Flink session cluster, wanted in whole.
type Cluster struct {
	ID                   string   // stable and path-safe
	Runtime              string   // "FLINK-1_18"
	TaskManagers         int      // processes
	Keep                 []string // TaskManagers that are among them, by name, whatever their number
	SlotsPerTaskManager  int      // task slots of each
	MemoryPerTaskManager int64    // bytes of process memory of each
	CPUPerTaskManager    float64  // cores of each

	Configuration map[string]string // Flink options; the driver adds addresses, ports and directories
	Properties    []byte            // content of /etc/flink/application_properties.json
	Environment   map[string]string // of every process
	Jar           string            // host path of the application's code, "" = none, or Python has it
	Python        *Python           // nil = the code is no Python application
	LogFields     map[string]string // constant members of every JSON log line
	LogLevel      string            // INFO, WARN, ERROR, DEBUG

	// State is a host directory, mounted read-write at the same path, for checkpoints and savepoints. It outlives
	// the cluster.
	State string
}

// Python is the code of a Python application.
type Python struct {
	Archive string // host path of a zip with its files
	Jar     string // path in the archive of the job's jar; "" = none
}

// Handle finds a cluster again, also after a restart of the server. The caller persists it.
type Handle struct {
	Driver string          `json:"driver"`
	Data   json.RawMessage `json:"data"`
}

// Workers names the TaskManagers that are wanted: those to keep, and of all others the first. name gives that of a number, from
// 1 on.
func (c Cluster) Workers(name func(int) string) []string {
	names := slices.Clone(c.Keep[:min(len(c.Keep), c.TaskManagers)])
	for i := 1; len(names) < c.TaskManagers; i++ {
		if n := name(i); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// Role is what a Flink process does.
type Role string

// The roles of Flink's processes.
const (
	JobManager  Role = "JobManager"
	TaskManager Role = "TaskManager"
)

// Process is one JVM of a cluster.
type Process struct {
	Role    Role
	Name    string // resource id, e.g. flink-taskmanager-1
	Alive   bool
	Exit    string // why it ended, if it did and that is known
	Started time.Time
}

// Report is what a driver sees of a cluster.
type Report struct {
	RESTAddress string // http://127.0.0.1:port
	JarID       string // id of the application's jar under /jars; "" = none
	Files       string // where the JobManager sees the files of Python's archive; "" = it has none
	Processes   []Process
	LogFiles    []string // JSON-lines files that processes append to
}

// Stats is the use of resources by one process.
type Stats struct {
	Process                string
	Role                   Role
	CPUSeconds             float64 // since its start
	CPULimit               float64 // cores
	MemoryBytes, MemoryMax int64
	DiskBytes, DiskMax     int64
}

// Driver runs clusters. Every method can be repeated and can be cut in the middle.
type Driver interface {
	// Ensure starts what is missing of the cluster, dead processes too, and stops surplus TaskManagers. The TaskManagers
	// of a JobManager that has died are started anew: they hold on to its job. It returns when processes are started, not
	// when Flink is ready.
	Ensure(ctx context.Context, c Cluster) (Handle, error)
	// Place lends the JobManager an archive beside the application's code, listed under /jars, and gives its path where the
	// JobManager runs. It lies there until the next Ensure.
	Place(ctx context.Context, h Handle, archive string) (path string, err error)
	// Inspect looks and never acts.
	Inspect(ctx context.Context, h Handle) (Report, error)
	// Stop ends all processes, waits for their end, and removes what the cluster wrote outside its State.
	Stop(ctx context.Context, h Handle) error
	Stats(ctx context.Context, h Handle) ([]Stats, error)
	// Close leaves clusters running.
	Close() error
}
