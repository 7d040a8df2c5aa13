package app_test

import (
	"math"
	"testing"
	"time"

	"drey/app"
)

// tally is of a source of the old interface, which reads two shards with two subtasks, and of a worker, at a minute.
func tally(minute int, records, workerBusy, behind float64) app.Tally {
	nan, ms := math.NaN(), float64(minute)*60_000*2
	return app.Tally{At: now.Add(time.Duration(minute) * time.Minute), Vertices: []app.VertexTally{
		{
			Vertex: app.Vertex{Name: "Source", Parallelism: 2}, Out: records, BusyMs: nan, IdleMs: 0, BlockedMs: ms / 4, BusyRate: nan, Pending: nan,
			Behind: map[app.Reading]float64{{Subtask: 0, Shard: "a"}: behind, {Subtask: 1, Shard: "b"}: 0, {Subtask: 0, Shard: "b"}: 900_000},
		},
		{Vertex: app.Vertex{Name: "Worker", Parallelism: 2, Inputs: []int{0}}, In: records, BusyMs: workerBusy * ms, IdleMs: (1 - workerBusy) * ms, BusyRate: nan, Pending: nan},
	}}
}

// TestTallies make rates of their own. What a subtask tells of a shard that another one has now does not count.
func TestTallies(t *testing.T) {
	f, ok := tally(3, 18_000, 0.5, 40_000).Since(tally(2, 6_000, 0.5, 10_000))
	if !ok {
		t.Fatal("they make no flow")
	}
	source, worker := f.Vertices[0], f.Vertices[1]
	if source.Out != 200 || !math.IsNaN(source.Busy) || source.Blocked != 0.25 || source.Backlog != 40 || source.Arriving != 2 || source.Shards != 2 {
		t.Errorf("the source: %+v", source)
	}
	if worker.In != 200 || worker.Busy != 0.5 || !math.IsNaN(worker.Backlog) {
		t.Errorf("the worker: %+v", worker)
	}
	if f, _ := tally(3, 18_000, 0.5, 10_000).Since(tally(2, 6_000, 0.5, 10_000)); f.Vertices[0].Backlog != 0 {
		t.Errorf("a reader that tells nothing new: %+v", f.Vertices[0])
	}
	for name, before := range map[string]app.Tally{"nothing": {}, "tasks that began anew": tally(2, 50_000, 0.5, 0)} {
		if _, ok := tally(3, 18_000, 0.5, 0).Since(before); ok {
			t.Errorf("%s makes a flow", name)
		}
	}
}

// TestSourceThatTellsNoBusyTime needs more where it falls behind and nobody holds it up, unless each shard has a reader; and keeps
// what it has where nothing is known.
func TestSourceThatTellsNoBusyTime(t *testing.T) {
	flow := func(shards int, backlog, arriving, blocked float64) (list []app.Flow) {
		for i := range 12 {
			at := now.Add(time.Duration(i-11) * time.Minute)
			list = append(list, app.Flow{From: at.Add(-time.Minute), At: at, Vertices: []app.VertexFlow{
				{Vertex: app.Vertex{Name: "Source", Parallelism: 4}, Out: 1000, Busy: math.NaN(), Blocked: blocked, Backlog: backlog, Arriving: arriving, Shards: shards},
				{Vertex: app.Vertex{Name: "Worker", Parallelism: 4, Inputs: []int{0}}, In: 1000, Busy: 0.1, Backlog: math.NaN()},
			}})
		}
		return list
	}
	for _, c := range []struct {
		name string
		flow []app.Flow
		cpu  string
		want int32
	}{
		{"it falls behind", flow(8, 60, 1.5, 0), "20x30", 10},
		{"each shard has a reader", flow(4, 60, 1.5, 0), "20x70", 0},
		{"it keeps up, and the CPU is hardly used", flow(8, 0, 1, 0), "20x15", 1},
		{"it keeps up, and nobody knows the CPU", flow(8, 0, 1, 0), "", 0},
	} {
		s := app.Scaling{Rule: app.AWSRule, Policy: app.Policy{Name: app.Throughput}, Flow: c.flow, Load: minutes(t, now, c.cpu)}
		if got := app.Scale(s, app.Limits{Current: 4, Floor: 1, Ceiling: 32, Since: now.Add(-time.Hour)}, now); got.Parallelism != c.want {
			t.Errorf("%s: got %+v, expected %d", c.name, got, c.want)
		}
	}
}
