package app

import (
	"fmt"
	"math"
	"time"
)

// Flow is what the vertices of a job did in one minute.
type Flow struct {
	At       time.Time
	Vertices []VertexFlow // each behind its inputs
}

// VertexFlow is what one vertex did: sums over its subtasks.
type VertexFlow struct {
	Name        string
	Parallelism int
	Fixed       bool    // its parallelism is not the application's
	Inputs      []int   // places of the vertices before it
	In, Out     float64 // records a second
	Busy        float64 // share of its time, averaged over subtasks; NaN = not known
	Blocked     float64 // share of its time in which the next vertices took nothing
	Backlog     float64 // of a source: seconds of input that it is behind; NaN = not known
}

// The throughput policy's constants. Utilization leaves room for what is not seen; CatchUp is the time in which a backlog should
// be worked off.
const (
	wantedUtilization = 0.75
	catchUp           = 5 * time.Minute
	maxFactor         = 8.0 // of one step: beyond, what is measured says too little
	wishesUp          = 2   // minutes that have to wish for more
	wishesDown        = 10  // minutes that all have to wish for less
)

// throughput reaches the right parallelism in one step, after DS2 (Kalavri et al., "Three steps is all you need", OSDI 2018): a
// vertex that is busy for a share of its time could process so much more; sources say how much more would come; what each vertex
// needs to take it follows along the job's graph. The vertex that needs most decides.
func throughput(s Scaling, l Limits, now time.Time) Decision {
	var wishes []Decision // newest first
	for i := len(s.Flow) - 1; i >= 0; i-- {
		f := s.Flow[i]
		if f.At.Before(l.Since.Add(s.Rule.Minute)) || now.Sub(f.At) > wishesDown*s.Rule.Minute+s.Rule.Minute {
			break // measured while the job came up, or too old
		}
		growth := 0.0
		if i > 0 {
			growth = backlogGrowth(s.Flow[i-1], f)
		}
		wishes = append(wishes, wish(f, l, growth))
	}
	if up, ok := agree(wishes, wishesUp, func(a, b int32) bool { return a < b }); ok && up.Parallelism > l.Current {
		return l.to(up.Parallelism, up.Reason)
	}
	if down, ok := agree(wishes, wishesDown, func(a, b int32) bool { return a > b }); ok && down.Parallelism < l.Current {
		return l.to(down.Parallelism, down.Reason)
	}
	return Decision{}
}

// agree gives of the first n wishes the one that goes least far: up, the smallest; down, the largest.
func agree(wishes []Decision, n int, less func(a, b int32) bool) (d Decision, ok bool) {
	if len(wishes) < n {
		return d, false
	}
	d = wishes[0]
	for _, w := range wishes[1:n] {
		if less(w.Parallelism, d.Parallelism) {
			d = w
		}
	}
	return d, true
}

// backlogGrowth is by how many seconds the largest backlog grows in a second; 0 = not known.
func backlogGrowth(before, after Flow) float64 {
	seconds := after.At.Sub(before.At).Seconds()
	a, b := worstBacklog(before), worstBacklog(after)
	if seconds <= 0 || math.IsNaN(a) || math.IsNaN(b) {
		return 0
	}
	return (b - a) / seconds
}

func worstBacklog(f Flow) float64 {
	worst := math.NaN()
	for _, v := range f.Vertices {
		if len(v.Inputs) == 0 && !math.IsNaN(v.Backlog) && !(v.Backlog <= worst) {
			worst = v.Backlog
		}
	}
	return worst
}

// wish is the parallelism that one minute asks for.
func wish(f Flow, l Limits, growth float64) Decision {
	factors := make([]float64, len(f.Vertices)) // how much more each vertex would get if nothing held it up
	best := Decision{Parallelism: 1, Reason: "no vertex is busy"}
	for i, v := range f.Vertices {
		factors[i] = demand(f, factors, i, growth)
		if v.Fixed || math.IsNaN(v.Busy) || v.Busy <= 0 {
			continue
		}
		needs := int32(math.Ceil(float64(v.Parallelism)*v.Busy*factors[i]/wantedUtilization - 1e-9))
		if needs > best.Parallelism {
			best = Decision{needs, explain(v, factors[i], worstBacklog(f), growth, needs)}
		}
	}
	if best.Parallelism < l.Current && best.Parallelism*5 > l.Current*4 {
		best.Parallelism = l.Current // too little to gain
	}
	return best
}

// demand is how many times as much as now a vertex would get.
func demand(f Flow, factors []float64, i int, growth float64) float64 {
	v := f.Vertices[i]
	if len(v.Inputs) == 0 {
		factor := 1.0
		switch {
		case !math.IsNaN(v.Backlog):
			factor = 1 / (1 - min(max(growth, -1), 0.9)) // the records of a second take more than one
			factor *= 1 + max(v.Backlog, 0)/catchUp.Seconds()
		case v.Blocked > 0:
			factor = 1 / (1 - min(v.Blocked, 0.9)) // it would have gone on in that time
		}
		return min(factor, maxFactor)
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

func explain(v VertexFlow, factor, backlog, growth float64, needs int32) string {
	rate := v.In
	if len(v.Inputs) == 0 {
		rate = v.Out
	}
	text := fmt.Sprintf("%s takes %.0f records/s at %.0f %% of its time with parallelism %d, so it can take %.0f; it should take %.0f", v.Name, rate, 100*v.Busy, v.Parallelism, rate/v.Busy, rate*factor)
	if backlog > 0 {
		text += fmt.Sprintf(" (the backlog is %.0f s and grows by %.2f s in a second)", backlog, growth)
	}
	return fmt.Sprintf("%s at %.0f %%: parallelism %d", text, 100*wantedUtilization, needs)
}
