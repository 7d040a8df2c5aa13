package e2e

import (
	"math"
	"regexp"
	"strings"
)

// span is what a value was meanwhile, from and to.
type span struct{ low, high float64 }

// age is how many seconds lie at most between a sample and what Flink's REST API said: it looks at metrics every ten seconds, when it
// is asked, once a second here, and tells what it saw before; and it is asked until all samples are there.
const age = 20

// figure is a row of the table of "Metrics and dimensions in Managed Service for Apache Flink".
type figure struct {
	name, unit string
	minute     int    // samples a minute of what reports it
	of         string // whose metric it is: job, jobmanager, taskmanager; "" = of tasks or operators
	flink      string // its name there; a share of another with a slash; of tasks, if it is of one
	operator   string // its name as an operator's; "task" = the operators of a chain have what their task has
	scale      float64
	allow      func(span) span // what a sample may be, given what Flink said; nil = just that
	runtimes   string          // begins the names of those that have it
}

// grows by so much in a second at most.
func grows(perSecond float64) func(span) span {
	return func(s span) span { return span{s.low - age*perSecond, s.high + age*perSecond} }
}

// within a distance.
func within(d float64) func(span) span {
	return func(s span) span { return span{s.low - d, s.high + d} }
}

// load of a JVM on a machine that others use too.
func load(s span) span { return span{s.low / 4, 2*s.high + 20} }

// records of what stands still stay, and of the Steady part at most 63 come in a second.
func records(s span) span {
	if s.low == s.high {
		return s
	}
	return grows(63)(s)
}

// rate is the mean of a minute: it grows with each second of a steady minute, and may fall to zero a minute after a burst.
func rate(s span) span { return span{0, s.high + age*63/60.0} }

const (
	ms      = "Milliseconds"
	percent = "Percent"
	pieces  = "Count"
	second  = "Count/Second"
	octets  = "Bytes"
)

// figures are those that a job without connectors has.
var figures = []figure{
	{name: "uptime", unit: ms, minute: 4, of: "job", flink: "uptime", allow: grows(1000)},
	{name: "downtime", unit: ms, minute: 12, of: "job", flink: "downtime"},
	{name: "fullRestarts", unit: pieces, minute: 4, of: "job", flink: "fullRestarts", runtimes: "FLINK-1"},
	{name: "numRestarts", unit: pieces, minute: 4, of: "job", flink: "numRestarts"},
	{name: "numberOfFailedCheckpoints", unit: pieces, minute: 4, of: "job", flink: "numberOfFailedCheckpoints"},
	{name: "lastCheckpointDuration", unit: ms, minute: 4, of: "job", flink: "lastCheckpointDuration"},
	{name: "lastCheckpointSize", unit: octets, minute: 4, of: "job", flink: "lastCheckpointSize"},
	{name: "runningTime", unit: ms, minute: 4, of: "job", flink: "runningTime", allow: grows(1000), runtimes: "FLINK-2"},
	{name: "restartingTime", unit: ms, minute: 4, of: "job", flink: "restartingTime", runtimes: "FLINK-2"},
	{name: "failingTime", unit: ms, minute: 4, of: "job", flink: "failingTime", runtimes: "FLINK-2"},
	{name: "cancellingTime", unit: ms, minute: 4, of: "job", flink: "cancellingTime", runtimes: "FLINK-2"},

	{name: "jobmanagerFileDescriptorsMax", unit: pieces, minute: 1, of: "jobmanager", flink: "Status.JVM.FileDescriptor.Max", runtimes: "FLINK-2"},
	{name: "jobmanagerFileDescriptorsOpen", unit: pieces, minute: 1, of: "jobmanager", flink: "Status.JVM.FileDescriptor.Open", allow: within(20), runtimes: "FLINK-2"},
	{name: "taskmanagerFileDescriptorsMax", unit: pieces, minute: 1, of: "taskmanager", flink: "Status.JVM.FileDescriptor.Max", runtimes: "FLINK-2"},
	{name: "taskmanagerFileDescriptorsOpen", unit: pieces, minute: 1, of: "taskmanager", flink: "Status.JVM.FileDescriptor.Open", allow: within(20), runtimes: "FLINK-2"},
	{name: "cpuUtilization", unit: percent, minute: 1, of: "taskmanager", flink: "Status.JVM.CPU.Load", scale: 100, allow: load},
	{name: "heapMemoryUtilization", unit: percent, minute: 1, of: "taskmanager", flink: "Status.JVM.Memory.Heap.Used/Status.JVM.Memory.Heap.Max", scale: 100, allow: within(25)},
	{name: "managedMemoryUsed", unit: octets, minute: 1, of: "taskmanager", flink: "Status.Flink.Memory.Managed.Used"},
	{name: "managedMemoryTotal", unit: octets, minute: 1, of: "taskmanager", flink: "Status.Flink.Memory.Managed.Total"},
	{name: "managedMemoryUtilization", unit: percent, minute: 1, of: "taskmanager", flink: "Status.Flink.Memory.Managed.Used/Status.Flink.Memory.Managed.Total", scale: 100},
	{name: "threadsCount", unit: pieces, minute: 1, of: "taskmanager", flink: "Status.JVM.Threads.Count", allow: within(10)},
	{name: "oldGenerationGCCount", unit: pieces, minute: 1, of: "taskmanager", flink: "Status.JVM.GarbageCollector.G1_Old_Generation.Count", allow: within(1)},
	{name: "oldGenerationGCTime", unit: ms, minute: 1, of: "taskmanager", flink: "Status.JVM.GarbageCollector.G1_Old_Generation.Time", allow: within(500)},

	{name: "busyTimeMsPerSecond", unit: ms, minute: 4, flink: "busyTimeMsPerSecond", operator: "task", allow: within(100)},
	{name: "idleTimeMsPerSecond", unit: ms, minute: 4, flink: "idleTimeMsPerSecond", operator: "task", allow: within(100)},
	{name: "backPressuredTimeMsPerSecond", unit: ms, minute: 4, flink: "backPressuredTimeMsPerSecond", operator: "task", allow: within(100)},
	{name: "numRecordsIn", unit: pieces, minute: 4, flink: "numRecordsIn", operator: "numRecordsIn", allow: records},
	{name: "numRecordsOut", unit: pieces, minute: 4, flink: "numRecordsOut", operator: "numRecordsOut", allow: records},
	{name: "numRecordsInPerSecond", unit: second, minute: 4, flink: "numRecordsInPerSecond", operator: "numRecordsInPerSecond", allow: rate},
	{name: "numRecordsOutPerSecond", unit: second, minute: 4, flink: "numRecordsOutPerSecond", operator: "numRecordsOutPerSecond", allow: rate},
	{name: "currentInputWatermark", unit: ms, minute: 4, flink: "currentInputWatermark", operator: "currentInputWatermark"},
	{name: "currentOutputWatermark", unit: ms, minute: 4, operator: "currentOutputWatermark"},
	{name: "numLateRecordsDropped", unit: pieces, minute: 4, operator: "numLateRecordsDropped"},
}

// customFigures are registered by the job under the group kinesisanalytics.
var customFigures = []figure{
	{name: "Custom_WindowsTotal", unit: pieces, minute: 4, operator: "kinesisanalytics.Service.Shop_of_Measures.Custom.WindowsTotal"},
	{name: "WindowRate", unit: second, minute: 4, operator: "kinesisanalytics.WindowRate", allow: rate},
	{name: "LastSum", unit: "None", minute: 4, operator: "kinesisanalytics.LastSum"},
}

// dimension of a metric, beside Application.
type dimension struct{ Name, Value string }

// row is a figure under one set of dimensions.
type row struct {
	figure
	dimensions []dimension
	sources    [][2]string // who reports it to Flink's REST API: path and name
}

func cloudName(name string) string { return strings.Join(strings.Fields(name), "_") }

var unlikeREST = regexp.MustCompile(`[: ]`) // what Flink's REST API has an underscore for, in the names of operators

// rows are all that a figure comes to at the level PARALLELISM.
func (j *measuredJob) rows(f figure) []row {
	var more []dimension // key-value groups
	if strings.Contains(f.operator, ".Service.") {
		more = []dimension{{"Service", "Shop of Measures"}}
	}
	at := func(sources [][2]string, dimensions ...dimension) row {
		return row{f, append(dimensions, more...), sources}
	}
	if f.of != "" {
		return j.wholes(f, at)
	}
	var out []row
	var all [][2]string
	for _, task := range j.tasks {
		var here [][2]string
		if j.says(task.path, f.flink) {
			here = [][2]string{{task.path, f.flink}}
			out = append(out, at(here, dimension{"Task", cloudName(task.name)}, dimension{"Parallelism", "0"}))
		}
		for _, name := range strings.Split(task.name, " -> ") {
			of := [2]string{task.path, unlikeREST.ReplaceAllString(name, "_") + "." + f.operator}
			if f.operator == "task" {
				of = here[0]
			}
			if !j.says(of[0], of[1]) {
				continue
			}
			if f.flink == "" {
				here = append(here, of)
			}
			operator := dimension{"Operator", cloudName(name)}
			out = append(out, at([][2]string{of}, operator), at([][2]string{of}, operator, dimension{"Parallelism", "0"}))
		}
		if len(here) > 0 {
			out = append(out, at(here, dimension{"Task", cloudName(task.name)}))
		}
		all = append(all, here...)
	}
	return append(out, at(all))
}

// wholes are the rows of a job's, a JobManager's or a TaskManager's figure.
func (j *measuredJob) wholes(f figure, at func([][2]string, ...dimension) row) []row {
	source := [][2]string{{j.paths[f.of], f.flink}}
	host := []dimension{{"Flow", "Input"}, {"Host", "127.0.0.1"}}
	switch {
	case strings.HasPrefix(f.name, "jobmanagerFile"):
		return []row{at(source, host...)}
	case strings.HasPrefix(f.name, "taskmanagerFile"):
		return []row{at(source, append(host, dimension{"tm_id", "flink-taskmanager-1-1"})...)}
	case f.runtimes == "FLINK-2":
		return []row{at(source), at(source, dimension{"Flow", "Input"})}
	}
	return []row{at(source)}
}

// told is what Flink said of a row's sources: the span of the lowest, and of the highest.
func (j *measuredJob) told(r row) (lowest, highest span) {
	lowest, highest = span{math.Inf(1), math.Inf(1)}, span{math.Inf(-1), math.Inf(-1)}
	for _, source := range r.sources {
		s := span{math.Inf(1), math.Inf(-1)}
		for _, look := range j.looks {
			if v, ok := r.value(look[source[0]], source[1]); ok {
				s = span{min(s.low, v), max(s.high, v)}
			}
		}
		if r.allow != nil {
			s = r.allow(s)
		}
		lowest = span{min(lowest.low, s.low), min(lowest.high, s.high)}
		highest = span{max(highest.low, s.low), max(highest.high, s.high)}
	}
	return lowest, highest
}

// value takes a figure from what Flink's REST API said.
func (f figure) value(said map[string]float64, name string) (v float64, ok bool) {
	name, whole, share := strings.Cut(name, "/")
	v, ok = said[name]
	if share {
		v /= said[whole]
	}
	if f.scale != 0 {
		v *= f.scale
	}
	return v, ok
}
