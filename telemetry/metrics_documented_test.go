package telemetry

import (
	"slices"
	"strings"
	"testing"
)

// documented is the table of "Metrics and dimensions in Managed Service for Apache Flink": unit, levels (Application, Task,
// Operator, Parallelism; application metrics of a stream, a topic or a host have more dimensions) and samples a minute, 0 = one an
// hour. Managed memory is told by TaskManagers alone: Flink knows none of tasks and operators.
var documented = map[string]struct {
	unit   string
	levels string
	minute int
}{
	"busyTimeMsPerSecond":           {milliseconds, "ATOP", 4},
	"idleTimeMsPerSecond":           {milliseconds, "ATOP", 4},
	"backPressuredTimeMsPerSecond":  {milliseconds, "ATOP", 4},
	"cpuUtilization":                {percent, "A", 1},
	"heapMemoryUtilization":         {percent, "A", 1},
	"managedMemoryUsed":             {bytesUnit, "A", 1},
	"managedMemoryTotal":            {bytesUnit, "A", 1},
	"managedMemoryUtilization":      {percent, "A", 1},
	"threadsCount":                  {count, "A", 1},
	"oldGenerationGCCount":          {count, "A", 1},
	"oldGenerationGCTime":           {milliseconds, "A", 1},
	"currentInputWatermark":         {milliseconds, "ATOP", 4},
	"currentOutputWatermark":        {milliseconds, "ATOP", 4},
	"numRecordsIn":                  {count, "ATOP", 4},
	"numRecordsOut":                 {count, "ATOP", 4},
	"numRecordsInPerSecond":         {perSecond, "ATOP", 4},
	"numRecordsOutPerSecond":        {perSecond, "ATOP", 4},
	"numLateRecordsDropped":         {count, "ATOP", 4},
	"numberOfFailedCheckpoints":     {count, "A", 4},
	"lastCheckpointDuration":        {milliseconds, "A", 4},
	"lastCheckpointSize":            {bytesUnit, "A", 4},
	"uptime":                        {milliseconds, "A", 4},
	"fullRestarts":                  {count, "A", 4},
	"numRestarts":                   {count, "A", 4},
	"downtime":                      {milliseconds, "A", 12},
	"KPUs":                          {count, "A", 0},
	"containerCPUUtilization":       {percent, "A", 2},
	"containerMemoryUtilization":    {percent, "A", 2},
	"containerDiskUtilization":      {percent, "A", 2},
	"runningTime":                   {milliseconds, "A", 4},
	"restartingTime":                {milliseconds, "A", 4},
	"failingTime":                   {milliseconds, "A", 4},
	"cancellingTime":                {milliseconds, "A", 4},
	"jobmanagerFileDescriptorsMax":  {count, "A", 1},
	"jobmanagerFileDescriptorsOpen": {count, "A", 1},
	"taskmanagerFileDescriptorsMax": {count, "A", 1}, "taskmanagerFileDescriptorsOpen": {count, "A", 1},
	"millisBehindLatest":     {milliseconds, "AP", 4},
	"bytesRequestedPerFetch": {bytesUnit, "AP", 4},
	"currentoffsets":         {noUnit, "AP", 4},
	"committedoffsets":       {noUnit, "AP", 4},
	"commitsFailed":          {count, "ATOP", 4},
	"commitsSucceeded":       {count, "ATOP", 4},
	"records_lag_max":        {count, "ATOP", 4},
	"bytes_consumed_rate":    {bytesUnit, "ATOP", 4},
}

// letters are the levels of scopes, of which a metric may have several rows.
func letters(scopes []scope) (found string) {
	for _, s := range scopes {
		letter := string("ATOP"[s.level])
		if !strings.Contains(found, letter) {
			found += letter
		}
	}
	return found
}

func TestEveryDocumentedMetric(t *testing.T) {
	seen := map[string][]scope{}
	for _, m := range append([]metric{downtime, kpus, containerCPU, containerMemory, containerDisk}, metrics...) {
		d, ok := documented[m.name]
		if !ok {
			t.Errorf("%s is not documented", m.name)
		}
		if m.unit != d.unit || m.minute != d.minute {
			t.Errorf("%s in %s, %d times a minute; documented is %s, %d times", m.name, m.unit, m.minute, d.unit, d.minute)
		}
		seen[m.name] = append(append(seen[m.name], m.scopes...), m.chained...)
	}
	for name, d := range documented {
		got := strings.Split(letters(seen[name]), "")
		want := strings.Split(d.levels, "")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s has the levels %v, documented are %v", name, got, want)
		}
	}
}

// TestMetricsOfFlink2 are published for it alone: earlier ones have some of them too, and the service does not.
func TestMetricsOfFlink2(t *testing.T) {
	report := "jobmanager_job_runningTime,host=a,job_id=j value=4000i 1\njobmanager_Status_JVM_FileDescriptor_Open,host=a value=512i 1\n" +
		"taskmanager_Status_JVM_FileDescriptor_Max,host=b,tm_id=flink-taskmanager-1-1 value=1024i 1\n"
	onDesk(t, "", func(t *testing.T, r *Receiver, s *shelf) {
		write(t, r, report)
		if got := s.all(); len(got) != 0 {
			t.Errorf("Flink 1: %+v", got)
		}
		a := orderProcessor("")
		a.Flink2 = true
		r.Register("token", a)
		write(t, r, report)
		wantSamples(t, s, "runningTime", "Application:order-processor,Flow:Input=4000 Milliseconds", "Application:order-processor=4000 Milliseconds")
		wantSamples(t, s, "jobmanagerFileDescriptorsOpen", "Application:order-processor,Flow:Input,Host:a=512 Count")
		wantSamples(t, s, "taskmanagerFileDescriptorsMax", "Application:order-processor,Flow:Input,Host:b,tm_id:flink-taskmanager-1-1=1024 Count")
	})
}

// TestTimesOfChains: the operators of a chain are one thread, whose times each of them has.
func TestTimesOfChains(t *testing.T) {
	const of = ",host=a,tm_id=1,task_id=t,task_name=Map\\ ->\\ Sink,subtask_index="
	report := "taskmanager_job_task_busyTimeMsPerSecond" + of + "0 value=250i 1\n" +
		"taskmanager_job_task_busyTimeMsPerSecond" + of + "1 value=750i 1\n"
	for _, index := range []string{"0", "1"} {
		for _, name := range []string{"Map", "Sink"} {
			report += "taskmanager_job_task_operator_numRecordsIn" + of + index + ",operator_id=" + name + ",operator_name=" + name + " count=1i 1\n" +
				"taskmanager_job_task_operator_numRecordsOut" + of + index + ",operator_id=" + name + ",operator_name=" + name + " count=1i 1\n"
		}
	}
	const app = "Application:order-processor"
	for level, want := range map[string][]string{
		"TASK":     {app + ",Task:Map_->_Sink=250 Milliseconds", app + ",Task:Map_->_Sink=750 Milliseconds", app + "=250 Milliseconds", app + "=750 Milliseconds"},
		"OPERATOR": {app + ",Operator:Map=250 Milliseconds", app + ",Operator:Map=750 Milliseconds", app + ",Operator:Sink=250 Milliseconds", app + ",Operator:Sink=750 Milliseconds", app + ",Task:Map_->_Sink=250 Milliseconds", app + ",Task:Map_->_Sink=750 Milliseconds", app + "=250 Milliseconds", app + "=750 Milliseconds"},
	} {
		onDesk(t, level, func(t *testing.T, r *Receiver, s *shelf) {
			write(t, r, report)
			wantSamples(t, s, "busyTimeMsPerSecond", want...)
		})
	}
}
