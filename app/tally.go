package app

import (
	"math"
	"time"
)

// Tally is what the vertices of a job have done since their tasks began. Two of them make a Flow: Flink's own rates are averages of a
// minute, and those of a minute that has not been count as none.
type Tally struct {
	At       time.Time
	Vertices []VertexTally // each behind its inputs
}

// VertexTally is what one vertex has done: sums over its subtasks.
type VertexTally struct {
	Vertex
	In, Out                   float64             // records
	BusyMs, IdleMs, BlockedMs float64             // NaN = Flink does not count them: BusyMs for old sources, none before 1.16
	BusyRate, BlockedRate     float64             // shares of the last minute, averaged over subtasks, where they are not counted; NaN = not known
	Behind                    map[Reading]float64 // of a source: how old what it reads is, in milliseconds
	Pending                   float64             // of a source: records that wait for it; NaN = not known
}

// Reading is what a subtask reads, by the name of its metric.
type Reading struct {
	Subtask int
	Shard   string
}

// Since gives what was done since an earlier tally; false if tasks have begun anew in between, or have counted nothing.
func (t Tally) Since(before Tally) (f Flow, ok bool) {
	f.From, f.At = before.At, t.At
	if len(t.Vertices) != len(before.Vertices) {
		return f, false
	}
	seconds := t.seconds(before)
	for i, v := range t.Vertices {
		b := before.Vertices[i]
		if v.Parallelism != b.Parallelism || v.In < b.In || v.Out < b.Out || v.allMs() < b.allMs() {
			return f, false
		}
		f.Vertices = append(f.Vertices, v.since(b, seconds, t.At.Sub(before.At).Seconds()))
	}
	return f, seconds > 0 && len(f.Vertices) > 0
}

// seconds is how much time has passed for the tasks: what Flink tells of them is some seconds old, sometimes more and sometimes less.
func (t Tally) seconds(before Tally) float64 {
	longest := 0.0
	for i, v := range t.Vertices {
		if all := v.allMs() - before.Vertices[i].allMs(); all > 0 && v.Parallelism > 0 {
			longest = max(longest, all/float64(v.Parallelism)/1000)
		}
	}
	if longest == 0 {
		return t.At.Sub(before.At).Seconds()
	}
	return longest
}

func (v VertexTally) allMs() float64 { return v.BusyMs + v.IdleMs + v.BlockedMs }

// since takes the time of the tasks, and that of the clock.
func (v VertexTally) since(before VertexTally, seconds, clock float64) VertexFlow {
	f := VertexFlow{Vertex: v.Vertex, Busy: v.BusyRate, Blocked: v.BlockedRate, Backlog: math.NaN(), Arriving: 1}
	f.In, f.Out = (v.In-before.In)/seconds, (v.Out-before.Out)/seconds
	if all := v.allMs() - before.allMs(); all > 0 {
		f.Busy = min(max((v.BusyMs-before.BusyMs)/all, 0), 1) // while a task idles Flink counts that as busy, and takes it back
	}
	if !math.IsNaN(v.BlockedMs) {
		f.Blocked = min((v.BlockedMs-before.BlockedMs)/(1000*seconds*float64(max(v.Parallelism, 1))), 1)
	}
	shards := map[string]bool{}
	for r := range v.Behind {
		shards[r.Shard] = true
	}
	f.Shards = len(shards)
	if behind, growth := v.behind(before); !math.IsNaN(behind) {
		f.Backlog = behind / 1000
		f.Arriving = 1 / (1 - min(max(growth/1000/clock, -1), 0.9)) // what came in a second takes more than one to read
	} else if f.Out > 0 && !math.IsNaN(v.Pending) {
		f.Backlog = v.Pending / f.Out
		if growth := (v.Pending - before.Pending) / seconds; !math.IsNaN(growth) {
			f.Arriving = max(1+growth/f.Out, 0.5)
		}
	}
	return f
}

// behind is how far the shard is behind that is most so, and by how much more than before; NaN = not known. Whatever stays as it
// was, to the millisecond, is of a reader that has given the shard to another one, or of one that has not come to read.
func (v VertexTally) behind(before VertexTally) (worst, growth float64) {
	worst = math.NaN()
	for r, ms := range v.Behind {
		was, known := before.Behind[r]
		if known && (ms != was || ms == 0) && !(ms <= worst) {
			worst, growth = ms, ms-was
		}
	}
	return worst, growth
}

// with joins a flow and the one before it: what was done in both.
func (f Flow) with(before Flow) Flow {
	earlier, later := before.At.Sub(before.From).Seconds(), f.At.Sub(f.From).Seconds()
	mean := func(a, b float64) float64 {
		if math.IsNaN(a) {
			return b
		}
		return (a*earlier + b*later) / (earlier + later)
	}
	joined := Flow{From: before.From, At: f.At}
	for i, v := range f.Vertices {
		b := before.Vertices[i]
		v.In, v.Out, v.Busy, v.Blocked = mean(b.In, v.In), mean(b.Out, v.Out), mean(b.Busy, v.Busy), mean(b.Blocked, v.Blocked)
		if v.Backlog > 0 && b.Backlog >= 0 {
			v.Arriving = 1 / mean(1/b.Arriving, 1/v.Arriving)
		}
		joined.Vertices = append(joined.Vertices, v)
	}
	return joined
}
