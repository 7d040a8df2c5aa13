package flink

import (
	"context"
	"math"
	"net/http"
	"net/url"
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

// Flow asks what the vertices of a job do, by their metrics of the last minute. parallelism is the application's.
func (c *Client) Flow(ctx context.Context, j *Job, parallelism int) ([]app.VertexFlow, error) {
	ctx, cancel := short(ctx)
	defer cancel()
	var answer struct{ Plan struct{ Nodes []node } }
	if err := c.call(ctx, http.MethodGet, "/jobs/"+j.ID+"/plan", nil, &answer); err != nil {
		return nil, err
	}
	var flow []app.VertexFlow
	place := map[string]int{}
	for i, n := range order(answer.Plan.Nodes) {
		place[n.ID] = i
		v := app.VertexFlow{Name: name(n.Description)}
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
		flow = append(flow, v)
	}
	return flow, nil
}

// name is the first operator of a vertex.
func name(description string) string {
	first, _, _ := strings.Cut(description, "<br/>")
	return first
}

type aggregate struct {
	ID            string
	Sum, Avg, Max float64
}

// aggregates asks for metrics of all subtasks of a vertex.
func (c *Client) aggregates(ctx context.Context, job, vertex string, names []string) (list []aggregate, err error) {
	path := "/jobs/" + job + "/vertices/" + vertex + "/subtasks/metrics"
	if names != nil {
		path += "?agg=sum,avg,max&get=" + url.QueryEscape(strings.Join(names, ","))
	}
	return list, c.call(ctx, http.MethodGet, path, nil, &list)
}

func (c *Client) measure(ctx context.Context, job, vertex string, v *app.VertexFlow) error {
	v.Busy, v.Backlog = math.NaN(), math.NaN()
	known, err := c.aggregates(ctx, job, vertex, nil)
	if err != nil {
		return err
	}
	wanted := []string{"busyTimeMsPerSecond", "backPressuredTimeMsPerSecond", "numRecordsInPerSecond", "numRecordsOutPerSecond"}
	for _, m := range known {
		if strings.HasSuffix(m.ID, ".millisBehindLatest") || strings.HasSuffix(m.ID, ".pendingRecords") {
			wanted = append(wanted, m.ID)
		}
	}
	values, err := c.aggregates(ctx, job, vertex, wanted)
	if err != nil {
		return err
	}
	pending := math.NaN()
	for _, m := range values {
		switch {
		case m.ID == "busyTimeMsPerSecond":
			v.Busy = m.Avg / 1000
		case m.ID == "backPressuredTimeMsPerSecond":
			v.Blocked = m.Avg / 1000
		case m.ID == "numRecordsInPerSecond":
			v.In = m.Sum
		case m.ID == "numRecordsOutPerSecond":
			v.Out = m.Sum
		case strings.HasSuffix(m.ID, ".pendingRecords"):
			pending = m.Sum
		case m.Max >= 0 && !(m.Max/1000 <= v.Backlog): // -1 = nothing was read yet
			v.Backlog = m.Max / 1000
		}
	}
	if math.IsNaN(v.Backlog) && v.Out > 0 {
		v.Backlog = pending / v.Out
	}
	return nil
}
