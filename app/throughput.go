package app

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Flow is what the vertices of a job did between two looks.
type Flow struct {
	From, At time.Time
	Vertices []VertexFlow // each behind its inputs
}

// Vertex is one of a job.
type Vertex struct {
	Name        string
	Parallelism int
	Fixed       bool  // its parallelism is not the application's
	Inputs      []int // places of the vertices before it
}

// VertexFlow is what one vertex did: sums over its subtasks.
type VertexFlow struct {
	Vertex
	In, Out  float64 // records a second
	Busy     float64 // share of its time, averaged over subtasks; NaN = not known
	Blocked  float64 // share of its time in which the next vertices took nothing
	Backlog  float64 // of a source: seconds of input that it is behind; NaN = not known
	Arriving float64 // of a source with a backlog: how many times as much as it takes arrives
	Shards   int     // of a source: what it reads; more subtasks would read nothing; 0 = not known
}

// The throughput policy's constants. Utilization leaves room for what is not seen; catchUp is the time in which a backlog should
// be worked off. Minutes are the rule's.
const (
	wantedUtilization = 0.75
	catchUp           = 5   // minutes
	maxFactor         = 8.0 // of one step: beyond, what is measured says too little
	patience          = 4   // times catchUp, in which a backlog that already shrinks may be worked off without more
	maxBlind          = 2.0 // where nobody knows how much arrives
	wishesUp          = 3   // minutes that have to wish for more: what the last two come to counts, for the first may be half a one
	wishesDown        = 10  // minutes that all have to wish for less
)

// throughput reaches the right parallelism in one step, after DS2 (Kalavri et al., "Three steps is all you need", OSDI 2018): a
// vertex that is busy for a share of its time could process so much more; sources say how much more would come; what each vertex
// needs to take it follows along the job's graph. The vertex that needs most decides.
func throughput(s Scaling, l Limits, now time.Time) Decision {
	var flows []Flow // newest first
	var wishes []Decision
	minute := s.Rule.Minute
	for _, f := range slices.Backward(s.Flow) {
		if f.From.Before(l.Since.Add(minute)) || now.Sub(f.At) > wishesDown*minute+minute {
			break // measured while the job came up, or too old
		}
		f = f.complete(s.Load, minute)
		flows, wishes = append(flows, f), append(wishes, wish(f, l, catchUp*minute))
	}
	less := func(a, b Decision) int { return cmp.Compare(a.Parallelism, b.Parallelism) }
	if len(wishes) >= wishesUp && slices.MinFunc(wishes[:wishesUp], less).Parallelism > l.Current {
		up := wish(flows[0].with(flows[1]), l, catchUp*minute)
		return l.to(max(up.Parallelism, l.Current), up.Reason)
	}
	if len(wishes) >= wishesDown {
		if down := slices.MaxFunc(wishes[:wishesDown], less); down.Parallelism < l.Current {
			return l.to(down.Parallelism, down.Reason)
		}
	}
	return Decision{}
}

// complete fills in what vertices do not tell of their busy time: sources of Flink's old interface tell nothing. One with a backlog
// that nobody holds up is as fast as it can be. Otherwise a vertex is no busier than the CPU of the KPUs.
func (f Flow) complete(load []Load, minute time.Duration) Flow {
	cpu := math.NaN()
	for _, p := range load {
		if p.At.Add(minute).After(f.From) && p.At.Before(f.At) && !(p.CPU <= cpu) {
			cpu = p.CPU
		}
	}
	vertices := slices.Clone(f.Vertices)
	for i, v := range vertices {
		switch {
		case !math.IsNaN(v.Busy):
		case len(v.Inputs) == 0 && v.Backlog > 0 && v.Arriving > 1 && !v.full():
			vertices[i].Busy = 1 - v.Blocked
		default:
			vertices[i].Busy = min(cpu/100, 1)
		}
	}
	f.Vertices = vertices
	return f
}

// wish is the parallelism that one minute asks for.
func wish(f Flow, l Limits, catchUp time.Duration) Decision {
	factors := make([]float64, len(f.Vertices)) // how much more each vertex would get if nothing held it up
	best := Decision{Parallelism: 1, Reason: "no vertex is busy"}
	for i, v := range f.Vertices {
		factors[i] = demand(f, factors, i, catchUp)
		switch {
		case v.Fixed || v.Busy <= 0:
			continue
		case math.IsNaN(v.Busy): // it may need what it has
			best.Parallelism = max(best.Parallelism, l.Current)
			continue
		}
		needs := int32(math.Ceil(float64(v.Parallelism)*v.Busy*factors[i]/wantedUtilization - 1e-9))
		if needs > best.Parallelism {
			best = Decision{needs, explain(f, i, factors[i], needs)}
		}
	}
	if f.catchesUp(patience * catchUp) {
		best.Parallelism = min(best.Parallelism, l.Current)
	}
	if best.Parallelism < l.Current && best.Parallelism*5 > l.Current*4 {
		best.Parallelism = l.Current // too little to gain
	}
	return best
}

// catchesUp tells whether a backlog shrinks, and is gone in time: another change would stop the job once more.
func (f Flow) catchesUp(in time.Duration) bool {
	shrinks := false
	for _, v := range f.Vertices {
		if v.Backlog > 0 {
			shrinks = v.Arriving < 1 && v.Backlog/(1/v.Arriving-1) <= in.Seconds()
			if !shrinks {
				return false
			}
		}
	}
	return shrinks
}

// demand is how many times as much as now a vertex would get. A source that says it has no backlog while the next vertices take
// nothing from it has its backlog in memory. One that cannot have more subtasks gives no more than it would if nobody held it up.
func demand(f Flow, factors []float64, i int, catchUp time.Duration) float64 {
	v := f.Vertices[i]
	if len(v.Inputs) == 0 {
		free := max(1-v.Blocked, 1/maxFactor)
		switch {
		case !(v.Backlog > 0):
			return min(1/free, maxBlind)
		case v.full():
			return min(v.Arriving*(1+v.Backlog/catchUp.Seconds()), 1/free)
		}
		return min(v.Arriving*(1+v.Backlog/catchUp.Seconds()), maxFactor)
	}
	sum, weight := 0.0, 0.0
	for _, in := range v.Inputs {
		sum, weight = sum+factors[in]*f.Vertices[in].Out, weight+f.Vertices[in].Out
	}
	if weight == 0 {
		return 1
	}
	return sum / weight
}

// full tells whether more subtasks of a source would have nothing to read.
func (v VertexFlow) full() bool { return v.Fixed || v.Shards > 0 && v.Shards <= v.Parallelism }

func explain(f Flow, i int, factor float64, needs int32) string {
	v := f.Vertices[i]
	rate := v.In
	if len(v.Inputs) == 0 {
		rate = v.Out
	}
	text := fmt.Sprintf("%s takes %.0f records/s at %.0f %% of its time with parallelism %d, so it can take %.0f; it should take %.0f", v.Name, rate, 100*v.Busy, v.Parallelism, rate/v.Busy, rate*factor)
	for _, source := range f.Vertices {
		if source.Backlog > 0 {
			text += fmt.Sprintf(" (%s is %.0f s behind, and %.2f times as much as it takes arrives)", source.Name, source.Backlog, source.Arriving)
		}
	}
	return fmt.Sprintf("%s at %.0f %%: parallelism %d", text, 100*wantedUtilization, needs)
}
