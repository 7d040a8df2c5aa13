package app_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"drey/app"
)

var rewrite = flag.Bool("rewrite", false, "write what the plan says into testdata instead of comparing")

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestPlan reads scenarios from testdata/plan. A line gives the stored facts and, after |, what is observed; after =>
// stand the step and the status that follow. Lines that begin with # tell what happens.
func TestPlan(t *testing.T) {
	files, err := filepath.Glob("testdata/plan/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { playFile(t, file) })
	}
}

func playFile(t *testing.T, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.SplitSeq(strings.TrimSuffix(string(raw), "\n"), "\n") {
		if line == "" || line[0] == '#' {
			out = append(out, line)
			continue
		}
		facts, want, _ := strings.Cut(line, "=>")
		got, err := play(facts)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got != strings.TrimSpace(want) && !*rewrite {
			t.Errorf("%s\n got => %s", line, got)
		}
		out = append(out, strings.TrimSpace(facts)+" => "+got)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func play(line string) (string, error) {
	a := &app.Application{ARN: "arn:orders", Version: app.Version{ID: 2}}
	a.Version.Configuration.Parallelism.PerKPU = 1
	o := app.Observed{Wanted: 1, Fingerprint: "wanted"}
	stored, seen, _ := strings.Cut(line, "|")
	for _, word := range strings.Fields(stored) {
		if err := store(a, word); err != nil {
			return "", err
		}
	}
	for _, word := range strings.Fields(seen) {
		if err := observe(&o, word); err != nil {
			return "", err
		}
	}
	step := app.Plan(a, o, now)
	got := fmt.Sprintf("%s, %s", step.Kind, a.Status())
	if step.Restore.Path != "" {
		got += " from " + step.Restore.Path
	}
	if step.Error != "" {
		got += ": " + step.Error
	}
	return got, nil
}

// ago reads a duration; an empty one is none.
func ago(s string) time.Time {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return now.Add(-d)
}

var kinds = map[string]app.Kind{
	"start": app.Start, "stop": app.Stop, "force-stop": app.ForceStop, "update": app.Update, "rollback": app.Rollback, "delete": app.Delete, "autoscale": app.AutoScale,
}

func store(a *app.Application, word string) error {
	name, value, _ := strings.Cut(word, "=")
	run := func() *app.Run {
		if a.Run == nil {
			a.Run = &app.Run{Version: 2}
		}
		return a.Run
	}
	switch name {
	case "start", "stop", "force-stop", "update", "rollback", "delete", "autoscale":
		a.Operation = &app.Operation{Kind: kinds[name], StepFrom: now}
	case "rescale":
		var from, to int32
		if _, err := fmt.Sscanf(value, "%d>%d", &from, &to); err != nil {
			return err
		}
		a.Operation.Parallelism, a.Operation.Rescale = to, &app.Rescale{From: from, To: to}
		run().Parallelism = from
	case "scaled":
		a.Run.Parallelism = a.Operation.Parallelism
	case "drafted":
		a.Operation.Rescale.After = map[string]int{"v": int(a.Operation.Parallelism)}
	case "joined":
		a.Operation.Rescale.Joined = true
	case "told-flink":
		a.Operation.Rescale.Asked = true
	case "was-down":
		a.Operation.Down = true
	case "check":
		a.Operation.Check = true
	case "checked":
		a.Operation.Checked = true
	case "fallback":
		a.Operation.Fallback = &app.Version{ID: 1}
	case "upgraded":
		a.Operation.Previous = &app.Version{ID: 1, Configuration: app.Configuration{Runtime: "FLINK-1_20"}}
	case "from":
		a.Operation.Wanted.Path = value
	case "since":
		a.Operation.StepFrom = ago(value)
	case "snapshot":
		a.Operation.Snapshot = "s"
	case "flushed":
		a.Operation.Flushed = true
	case "trigger":
		a.Operation.Trigger = "t"
	case "stopped":
		a.Operation.Stopped = true
	case "fault":
		a.Operation.Fault = value
	case "run":
		run()
	case "old-run":
		run().Version = 1
		a.Run.Placed, a.Run.Submitted, a.Run.Reached = true, ago("1h"), ago("1h")
	case "placed":
		run().Placed = true
	case "submitted":
		run().Placed, run().Submitted = true, ago("1m")
	case "reached":
		run().Placed, run().Submitted, run().Reached = true, ago("1h"), ago(value)
	case "down":
		run().DownSince = ago("5s")
	case "told":
		run().LastError = value
	case "cluster":
		a.Cluster = &app.Cluster{Fingerprint: "wanted"}
	case "other-cluster":
		a.Cluster = &app.Cluster{Fingerprint: "other"}
	default:
		return fmt.Errorf("unknown fact %q", word)
	}
	return nil
}

func observe(o *app.Observed, word string) error {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "jm":
		o.JobManager = true
	case "tm":
		o.TaskManagers = 1
	case "answers":
		o.JobManager, o.TaskManagers, o.Answers, o.Slots = true, 1, true, 1
	case "hot": // for long enough
		o.Scaling = &app.Scaling{Rule: app.Rule{Minute: time.Minute, Up: 75, UpFor: 1, DownFor: 1}, Load: []app.Load{{At: now.Truncate(time.Minute).Add(-time.Minute), CPU: 80}}}
		o.Limits = app.Limits{Current: 1, Floor: 1, Ceiling: 8}
	case "dry-run":
		o.Scaling.Policy.DryRun = true
	case "slots":
		n, err := strconv.Atoi(value)
		if err != nil {
			return err
		}
		o.Slots = n
	case "idle":
		n, err := strconv.Atoi(value)
		if err != nil {
			return err
		}
		o.Idle, o.TaskManagers = n, o.TaskManagers+n
	case "parallelism":
		n, err := strconv.Atoi(value)
		if err != nil {
			return err
		}
		o.Job.Parallelism = map[string]int{"v": n}
	case "no-slots":
		o.Slots = 0
	case "job":
		state, tasks, _ := strings.Cut(value, ":")
		running, err := strconv.Atoi(tasks)
		if err != nil {
			return err
		}
		o.Job = &app.Job{State: state, Tasks: 2, Running: running}
	case "exception":
		o.Job.Exception = value
	case "savepoint":
		o.Savepoint = &app.Savepoint{Done: value == "done", Unknown: value == "unknown"}
		if value == "failed" {
			o.Savepoint.Failure = "checkpoint-expired"
		}
	case "checkpoint":
		o.Checkpoint = value
	case "undo":
		o.Undo = &app.Snapshot{Name: value, Path: value}
	case "latest":
		o.Latest = &app.Snapshot{Name: value, Path: value}
	default:
		return fmt.Errorf("unknown observation %q", word)
	}
	return nil
}
