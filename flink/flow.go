package flink

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"drey/app"
)

// node is a vertex of a job's plan.
type node struct {
	ID          string
	Description string
	Inputs      []struct{ ID string }
}

// order puts each node behind its inputs.
func order(nodes []node) (sorted []node) {
	placed := map[string]bool{}
	for len(sorted) < len(nodes) {
		before := len(sorted)
		for _, n := range nodes {
			ready := !placed[n.ID]
			for _, in := range n.Inputs {
				ready = ready && placed[in.ID]
			}
			if ready {
				placed[n.ID] = true
				sorted = append(sorted, n)
			}
		}
		if len(sorted) == before {
			return nil // a loop: an iteration, which no rate tells anything about
		}
	}
	return sorted
}

// Tally asks what the vertices of a job have done. parallelism is the application's.
func (c *Client) Tally(ctx context.Context, j *Job, parallelism int) ([]app.VertexTally, error) {
	ctx, cancel := short(ctx)
	defer cancel()
	var answer struct{ Plan struct{ Nodes []node } }
	if err := c.call(ctx, http.MethodGet, "/jobs/"+j.ID+"/plan", nil, &answer); err != nil {
		return nil, err
	}
	var tally []app.VertexTally
	place := map[string]int{}
	for i, n := range order(answer.Plan.Nodes) {
		place[n.ID] = i
		v := app.VertexTally{Vertex: app.Vertex{Name: name(n.Description)}}
		for _, in := range n.Inputs {
			v.Inputs = append(v.Inputs, place[in.ID])
		}
		for _, vertex := range j.Vertices {
			if vertex.ID == n.ID {
				v.Parallelism, v.Fixed = vertex.Parallelism, vertex.Parallelism != parallelism || vertex.Max == 1
			}
		}
		if err := c.measure(ctx, j.ID, n.ID, &v); err != nil {
			return nil, err
		}
		tally = append(tally, v)
	}
	return tally, nil
}

// name is the first operator of a vertex.
func name(description string) string {
	first, _, _ := strings.Cut(description, "<br/>")
	return first
}

type aggregate struct {
	ID       string
	Sum, Avg number
}

// number is one of Flink's, which writes "NaN" for those that are none.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	*n = number(f)
	return err
}

// aggregates asks for metrics of all subtasks of a vertex.
func (c *Client) aggregates(ctx context.Context, job, vertex string, names []string) (list []aggregate, err error) {
	path := "/jobs/" + job + "/vertices/" + vertex + "/subtasks/metrics"
	if names != nil {
		path += "?agg=sum,avg&get=" + url.QueryEscape(strings.Join(names, ","))
	}
	return list, c.call(ctx, http.MethodGet, path, nil, &list)
}

// measure asks for the metrics of a vertex (Flink documentation, "Metrics"; the accumulated times are those that its own
// interface shows).
func (c *Client) measure(ctx context.Context, job, vertex string, v *app.VertexTally) error {
	known, err := c.aggregates(ctx, job, vertex, nil)
	if err != nil {
		return err
	}
	values := map[string]*float64{
		"numRecordsIn": &v.In, "numRecordsOut": &v.Out, "accumulateBusyTimeMs": &v.BusyMs, "accumulateIdleTimeMs": &v.IdleMs,
		"accumulateBackPressuredTimeMs": &v.BlockedMs, "busyTimeMsPerSecond": &v.BusyRate, "backPressuredTimeMsPerSecond": &v.BlockedRate,
	}
	v.BusyMs, v.IdleMs, v.BlockedMs, v.BusyRate, v.Pending = math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()
	var wanted []string
	source := false
	for _, m := range known {
		source = source || isBacklog(m.ID)
		if values[m.ID] != nil {
			wanted = append(wanted, m.ID)
		}
	}
	if wanted == nil {
		return nil
	}
	list, err := c.aggregates(ctx, job, vertex, wanted)
	if err != nil {
		return err
	}
	for _, m := range list {
		if strings.HasSuffix(m.ID, "MsPerSecond") {
			*values[m.ID] = float64(m.Avg) / 1000
		} else {
			*values[m.ID] = float64(m.Sum)
		}
	}
	if source {
		return c.measureBacklog(ctx, job, vertex, v)
	}
	return nil
}

func isBacklog(metric string) bool {
	return strings.HasSuffix(metric, ".millisBehindLatest") || strings.HasSuffix(metric, ".pendingRecords")
}

const metricsAtOnce = 50 // what an address has room for

// measureBacklog asks each subtask. Flink does not forget what subtasks told that are no more.
func (c *Client) measureBacklog(ctx context.Context, job, vertex string, v *app.VertexTally) error {
	path := "/jobs/" + job + "/vertices/" + vertex + "/metrics"
	var known []struct{ ID string }
	if err := c.call(ctx, http.MethodGet, path, nil, &known); err != nil {
		return err
	}
	var wanted []string
	for _, m := range known {
		subtask, _, _ := strings.Cut(m.ID, ".")
		if n, err := strconv.Atoi(subtask); err == nil && n < v.Parallelism && isBacklog(m.ID) {
			wanted = append(wanted, m.ID)
		}
	}
	v.Behind = map[app.Reading]float64{}
	for part := range slices.Chunk(wanted, metricsAtOnce) {
		var list []struct {
			ID    string
			Value number
		}
		if err := c.call(ctx, http.MethodGet, path+"?get="+url.QueryEscape(strings.Join(part, ",")), nil, &list); err != nil {
			return err
		}
		for _, m := range list {
			switch {
			case m.Value < 0: // nothing was read yet
			case strings.HasSuffix(m.ID, ".pendingRecords") && math.IsNaN(v.Pending):
				v.Pending = float64(m.Value)
			case strings.HasSuffix(m.ID, ".pendingRecords"):
				v.Pending += float64(m.Value)
			default:
				subtask, shard, _ := strings.Cut(m.ID, ".")
				n, _ := strconv.Atoi(subtask) // it is one of those that were asked for
				v.Behind[app.Reading{Subtask: n, Shard: shard}] = float64(m.Value)
			}
		}
	}
	return nil
}
