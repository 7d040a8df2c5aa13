package app_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"drey/app"
)

func TestReadPolicy(t *testing.T) {
	p, err := app.ReadPolicy(map[string]string{"team": "a", app.TagPolicy: "throughput", app.TagMin: "2", app.TagMax: "9", app.TagDryRun: "true", app.TagInPlace: "restart"})
	if err != nil || p.Name != app.Throughput || p.Min != 2 || p.Max != 9 || !p.DryRun || !p.Restart {
		t.Errorf("%+v, %v", p, err)
	}
	for key, value := range map[string]string{
		app.TagPolicy: "fast", app.TagMin: "0", app.TagMax: "-1", app.TagSchedule: "8:00", app.TagDryRun: "yes", app.TagInPlace: "no", "drey:scaling-polcy": "aws",
	} {
		if _, err := app.ReadPolicy(map[string]string{key: value}); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s = %s: %v", key, value, err)
		}
	}
	for _, tags := range []map[string]string{{app.TagMin: "5", app.TagMax: "4"}, {app.TagPolicy: app.ScheduleOnly}} {
		if _, err := app.ReadPolicy(tags); err == nil {
			t.Errorf("%v was taken", tags)
		}
	}
	for _, entry := range []string{"08:00", "25:00=1", "08:00=x", "08:00=0", "day@08:00=1", "mon-@08:00=1", "@08:00=1", ""} {
		if _, err := app.ReadPolicy(map[string]string{app.TagSchedule: entry}); err == nil {
			t.Errorf("the schedule %q was taken", entry)
		}
	}
}

// TestSchedule: the entry that came last counts. 2026-01-02 is a Friday.
func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		schedule, policy, at string
		current, want        int32
	}{
		{"08:00=4 20:00=1", app.ScheduleOnly, "2026-01-02T08:00:00Z", 1, 4},
		{"08:00=4 20:00=1", app.ScheduleOnly, "2026-01-02T07:59:00Z", 4, 1},
		{"08:00=4 20:00=1", app.ScheduleOnly, "2026-01-02T12:00:00Z", 4, 0},
		{"mon-fri@08:00=4 sat-sun@00:00=2", app.ScheduleOnly, "2026-01-03T00:00:00Z", 4, 2},
		{"mon-fri@08:00=4 sat-sun@00:00=2", app.ScheduleOnly, "2026-01-05T07:00:00Z", 4, 2},
		{"fri-mon@08:00=4 wed@08:00=2", app.ScheduleOnly, "2026-01-04T09:00:00Z", 1, 4},
		{"mon@08:00=3", app.ScheduleOnly, "2026-01-04T09:00:00Z", 1, 3},
		{"08:00=4", "", "2026-01-02T09:00:00Z", 1, 4},   // a floor for AWS's rule …
		{"08:00=4", "", "2026-01-02T09:00:00Z", 8, 0},   // … which stays where it is above
		{"08:00=99", "", "2026-01-02T09:00:00Z", 1, 16}, // and never leaves the limits
	} {
		p, err := app.ReadPolicy(map[string]string{app.TagSchedule: c.schedule})
		at, err2 := time.Parse(time.RFC3339, c.at)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		p.Name = c.policy
		got := app.Scale(app.Scaling{Rule: app.AWSRule, Policy: p}, app.Limits{Current: c.current, Floor: 1, Ceiling: 16}, at)
		if got.Parallelism != c.want {
			t.Errorf("%s at %s from %d: got %+v, expected %d", c.schedule, c.at, c.current, got, c.want)
		}
	}
}

// TestLimitsCountAtOnce: whatever was measured, and however long ago the parallelism has changed.
func TestLimitsCountAtOnce(t *testing.T) {
	for _, c := range []struct {
		name                                string
		policy                              app.Policy
		configured, current, maxParallelism int32
		want                                int32
	}{
		{"below the least one", app.Policy{Min: 4}, 1, 2, 0, 4},
		{"below the configured one, which a tag has allowed before", app.Policy{}, 4, 2, 0, 4},
		{"above the most", app.Policy{Max: 4}, 1, 8, 0, 4},
		{"the configured one is above the most", app.Policy{Max: 4}, 8, 8, 0, 4},
		{"above the most, to what the operators allow", app.Policy{Max: 6}, 1, 8, 5, 5},
		{"above what an operator allows, with a parallelism of its own", app.Policy{}, 8, 8, 4, 0},
		{"at the least", app.Policy{Min: 2}, 1, 2, 0, 0},
		{"at the most", app.Policy{Max: 8}, 1, 8, 0, 0},
		{"with the throughput policy", app.Policy{Name: app.Throughput, Min: 4}, 1, 2, 0, 4},
		{"with it, above", app.Policy{Name: app.Throughput, Max: 4}, 1, 8, 0, 4},
	} {
		a := &app.Application{Run: &app.Run{Parallelism: c.current, Reached: now}}
		a.Version.Configuration.Parallelism = app.Parallelism{Parallelism: c.configured, PerKPU: 1}
		got := app.Scale(app.Scaling{Rule: app.AWSRule, Policy: c.policy}, a.Limits(c.policy, 64, c.maxParallelism), now)
		if got.Parallelism != c.want || (got.Reason == "") != (c.want == 0) {
			t.Errorf("%s: got %+v, expected %d", c.name, got, c.want)
		}
	}
}

// flows are minutes of a job of a source and a worker, the newest at now: the busy share of the worker, the share in which the
// source was blocked, and its backlog in seconds at each minute.
func flows(n int, parallelism int, busy, blocked float64, backlog ...float64) (list []app.Flow) {
	for i := range n {
		behind, arriving := math.NaN(), 1.0
		if len(backlog) > 0 {
			behind = backlog[min(i, len(backlog)-1)]
			arriving = 1 / (1 - (behind-backlog[max(min(i, len(backlog)-1)-1, 0)])/60)
		}
		at := now.Add(time.Duration(i-n+1) * time.Minute)
		list = append(list, app.Flow{From: at.Add(-time.Minute), At: at, Vertices: []app.VertexFlow{
			{Vertex: app.Vertex{Name: "Source", Parallelism: parallelism}, Out: 1000, Busy: 0.1, Blocked: blocked, Backlog: behind, Arriving: arriving},
			{Vertex: app.Vertex{Name: "Sink", Parallelism: 1, Fixed: true, Inputs: []int{0}}, In: 100, Out: 0, Busy: 0.99},
			{Vertex: app.Vertex{Name: "Worker", Parallelism: parallelism, Inputs: []int{0}}, In: 1000, Out: 10, Busy: busy, Backlog: math.NaN()},
		}})
	}
	return list
}

func TestThroughputPolicy(t *testing.T) {
	for _, c := range []struct {
		name    string
		flow    []app.Flow
		current int32
		want    int32
		says    string
	}{
		{"as busy as it should be", flows(12, 4, 0.74, 0), 4, 0, ""},
		{"one step to what the busiest vertex needs", flows(12, 2, 0.9, 0), 2, 3, "Worker takes 1000 records/s at 90 % of its time with parallelism 2, so it can take 1111"},
		{"a blocked source would give more: a quarter", flows(12, 4, 1, 0.2), 4, 7, "it should take 1250"},
		{"nobody knows how much: no more than twice", flows(12, 2, 1, 0.99), 2, 6, "it should take 2000"},
		{"a source that has its backlog in memory says that it has none", flows(12, 2, 1, 0.99, 0), 2, 6, "it should take 2000"},
		{"a backlog that grows by half a second in a second is twice the rate, and has to be worked off", flows(12, 2, 1, 0, 0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330), 2, 12, "Source is 330 s behind, and 2.00 times as much as it takes arrives"},
		{"one that shrinks fast enough is left to shrink", flows(12, 2, 1, 0, 900, 870, 840, 810, 780, 750, 720, 690, 660, 630, 600, 570), 2, 0, ""},
		{"one that hardly shrinks is not", flows(12, 2, 1, 0, 900, 899, 898, 897, 896, 895, 894, 893, 892, 891, 890, 889), 2, 11, "Source is 889 s behind"},
		{"no more than the ceiling", flows(12, 16, 1, 0.9), 16, 32, ""},
		{"two minutes are not enough", flows(2, 2, 1, 0.75), 2, 0, ""},
		{"ten calm minutes, one step down", flows(12, 8, 0.2, 0), 8, 3, ""},
		{"nine are not enough", flows(9, 8, 0.2, 0), 8, 0, ""},
		{"a little less is not worth it", flows(12, 8, 0.66, 0), 8, 0, ""},
		{"a job whose worker idles needs what its source does", flows(12, 8, 0, 0), 8, 2, "Source takes 1000 records/s at 10 %"},
		{"nobody knows", nil, 8, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := app.Scaling{Rule: app.AWSRule, Policy: app.Policy{Name: app.Throughput}, Flow: c.flow}
			l := app.Limits{Current: c.current, Floor: 1, Ceiling: 32, Since: now.Add(-time.Hour)}
			got := app.Scale(s, l, now)
			if got.Parallelism != c.want || !strings.Contains(got.Reason, c.says) {
				t.Errorf("got %+v, expected %d %q", got, c.want, c.says)
			}
			l.Since = now.Add(-200 * time.Second) // two minutes are whole since the one after the change
			if got := app.Scale(s, l, now); got.Parallelism != 0 {
				t.Errorf("just after a change: %+v", got)
			}
		})
	}
}
