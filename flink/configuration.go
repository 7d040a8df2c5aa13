package flink

import (
	"strconv"
	"time"
)

// Settings are what an application's configuration decides of Flink's.
type Settings struct {
	Parallelism        int
	Checkpointing      bool
	CheckpointInterval time.Duration
	MinPause           time.Duration
	State              string // directory for checkpoints and savepoints
	TelemetryHost      string // where the metric reporter posts to; "" = nowhere
	TelemetryToken     string // names the application to it; no secret, for Flink logs its configuration

	MetricsAge time.Duration // how old what the REST API tells of metrics may be; 0 = Flink's ten seconds
}

// CheckpointDir and SavepointDir lie below the state directory.
func CheckpointDir(state string) string { return state + "/checkpoints" }

// SavepointDir is where savepoints go.
func SavepointDir(state string) string { return state + "/savepoints" }

// TriggerDir is where the one savepoint of a trigger goes, so that it is found without asking Flink, which forgets.
func TriggerDir(state, trigger string) string { return SavepointDir(state) + "/" + trigger }

// Configuration renders Flink's options (developer guide, "Apache Flink settings") by their names in Flink 1.18. What is the
// runtime's own, the restart strategy for one, and what another Flink calls otherwise, a driver adds. Local recovery, which the service
// has on, is off: a task that is rescaled in place tries the local copy first, which RocksDB refuses to be restored from with an
// ERROR, and the state lies on disks of ours anyway.
func Configuration(s Settings) map[string]string {
	o := map[string]string{
		"parallelism.default":            strconv.Itoa(s.Parallelism),
		"state.backend.type":             "rocksdb",
		"state.backend.incremental":      "true",
		"state.checkpoints.dir":          "file://" + CheckpointDir(s.State),
		"state.savepoints.dir":           "file://" + SavepointDir(s.State),
		"state.checkpoints.num-retained": "1",
		"rest.flamegraph.enabled":        "true",
		"web.submit.enable":              "true",
		"web.cancel.enable":              "true",
		"heartbeat.interval":             "3000",
		"heartbeat.timeout":              "15000",
	}
	if s.Checkpointing {
		o["execution.checkpointing.interval"] = duration(s.CheckpointInterval)
		o["execution.checkpointing.min-pause"] = duration(s.MinPause)
		o["execution.checkpointing.mode"] = "EXACTLY_ONCE"
		o["execution.checkpointing.timeout"] = duration(time.Hour)
		o["execution.checkpointing.max-concurrent-checkpoints"] = "1"
		// Retained, so that a job can go on after its JobManager was killed.
		o["execution.checkpointing.externalized-checkpoint-retention"] = "RETAIN_ON_CANCELLATION"
	}
	if s.MetricsAge > 0 {
		o["metrics.fetcher.update-interval"] = strconv.FormatInt(s.MetricsAge.Milliseconds(), 10)
	}
	if s.TelemetryHost != "" {
		const r = "metrics.reporter.influx."
		o["metrics.reporters"] = "influx"
		o[r+"factory.class"] = "org.apache.flink.metrics.influxdb.InfluxdbReporterFactory"
		o[r+"scheme"], o[r+"host"], o[r+"port"] = "http", s.TelemetryHost, "80"
		o[r+"db"], o[r+"interval"] = s.TelemetryToken, "5 SECONDS"
	}
	return o
}

// duration spells a duration as Flink itself does: from 2.0 on it compares the texts to tell what a program has changed.
func duration(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if d > 0 && d%unit.size == 0 {
			return strconv.FormatInt(int64(d/unit.size), 10) + " " + unit.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
}
