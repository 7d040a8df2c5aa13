package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"path/filepath"
	"strconv"
	"time"

	"drey/app"
	"drey/driver"
	"drey/flink"
)

func (k *Keeper) state(a *app.Application) string { return filepath.Join(k.StateDir, a.ID) }

// code is where the code of a version was staged.
func (k *Keeper) code(c *app.Code) string {
	if c == nil {
		return ""
	}
	return filepath.Join(k.CodeDir, c.SHA256+".jar")
}

// metricsAge is a part of a minute of the rule of scaling, where Flink's own age of metrics is not.
func metricsAge(minute time.Duration) time.Duration {
	if minute >= time.Minute {
		return 0
	}
	return minute / 4
}

// cluster translates the current version into what a driver understands.
func (k *Keeper) cluster(a *app.Application, token string) driver.Cluster {
	c := a.Version.Configuration
	state := k.state(a)
	properties, _ := json.Marshal(c.Properties) // strings always encode
	if c.Properties == nil {
		properties = []byte("[]")
	}
	cluster := driver.Cluster{
		ID: a.ID, Runtime: c.Runtime, TaskManagers: a.Workers(), SlotsPerTaskManager: int(c.Parallelism.PerKPU),
		MemoryPerTaskManager: k.KPUMemory, CPUPerTaskManager: 1, Properties: properties, Jar: k.code(c.Code), State: state,
		Configuration: flink.Configuration(flink.Settings{
			Parallelism: int(a.Target()), Checkpointing: c.Checkpoint.Enabled,
			CheckpointInterval: time.Duration(c.Checkpoint.Interval) * time.Millisecond,
			MinPause:           time.Duration(c.Checkpoint.MinPause) * time.Millisecond,
			State:              state, TelemetryHost: k.TelemetryHost, TelemetryToken: reporter(token),
			MetricsAge: metricsAge(k.Scaling.Minute),
		}),
		Environment: map[string]string{
			"AWS_REGION": a.Region, "AWS_DEFAULT_REGION": a.Region,
			"AWS_CONTAINER_CREDENTIALS_FULL_URI": k.Credentials, "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
		},
		LogLevel: c.Monitoring.Log,
		LogFields: map[string]string{
			"applicationARN": a.ARN, "applicationVersionId": strconv.FormatInt(a.Version.ID, 10), "messageSchemaVersion": "1",
		},
	}
	if a.Cluster != nil {
		cluster.Keep = a.Cluster.Keep
	}
	if p := c.Python(); p != nil {
		cluster.Python = &driver.Python{Archive: cluster.Jar, Jar: p.Jar}
		cluster.Jar = ""
	}
	return cluster
}

// reporter is the name under which an application with that token reports its metrics. It stands in Flink's configuration, which
// Flink writes into logs and shows; the token, which gets credentials, does not follow from it.
func reporter(token string) string {
	sum := sha256.Sum256([]byte("telemetry:" + token))
	return hex.EncodeToString(sum[:])
}

// fingerprint tells clusters apart that need other JVMs. Code, log level and log fields do not: running JVMs take them. A
// parallelism comes with each job, and TaskManagers join and leave.
func fingerprint(c driver.Cluster) string {
	c.Jar, c.LogFields, c.LogLevel, c.TaskManagers, c.Keep = "", nil, "", 0, nil
	c.Configuration = maps.Clone(c.Configuration)
	delete(c.Configuration, "parallelism.default")
	if c.Python != nil {
		c.Python = &driver.Python{Jar: c.Python.Jar}
	}
	raw, _ := json.Marshal(c) // plain data always encodes
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:12])
}
