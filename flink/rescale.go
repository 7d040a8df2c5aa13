package flink

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// Shape is what has to be the same for a job to be rescaled in place: its vertices, and how they are connected.
type Shape struct {
	Parallelism map[string]int // by the vertex's id
	edges       []string
}

// Same tells whether two jobs differ in nothing but the parallelism of their vertices.
func (s Shape) Same(other Shape) bool {
	if len(s.Parallelism) != len(other.Parallelism) {
		return false
	}
	for id := range s.Parallelism {
		if _, ok := other.Parallelism[id]; !ok {
			return false
		}
	}
	return slices.Equal(s.edges, other.edges)
}

// UnmarshalJSON reads the JSON of a job's plan.
func (s *Shape) UnmarshalJSON(b []byte) error {
	var answer struct {
		Plan struct {
			Nodes []struct {
				ID          string
				Parallelism int
				Inputs      []struct {
					ID       string
					Strategy string `json:"ship_strategy"`
				}
			}
		}
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return err
	}
	s.Parallelism = map[string]int{}
	for _, n := range answer.Plan.Nodes {
		s.Parallelism[n.ID] = n.Parallelism
		for _, in := range n.Inputs {
			s.edges = append(s.edges, fmt.Sprint(in.ID, ">", n.ID, " ", in.Strategy))
		}
	}
	slices.Sort(s.edges)
	return nil
}

// Shape asks for the shape of a job.
func (c *Client) Shape(ctx context.Context, id string) (s Shape, err error) {
	ctx, cancel := short(ctx)
	defer cancel()
	return s, c.call(ctx, http.MethodGet, "/jobs/"+id+"/plan", nil, &s)
}

// Draft runs main() of a jar in the JobManager as far as its job, and gives the shape that this would have with a parallelism.
// It may take minutes.
func (c *Client) Draft(ctx context.Context, jar string, parallelism int) (s Shape, err error) {
	return s, c.call(ctx, http.MethodPost, "/jars/"+url.PathEscape(jar)+"/plan", map[string]int{"parallelism": parallelism}, &s)
}

type bounds struct {
	Lower int `json:"lowerBound"`
	Upper int `json:"upperBound"`
}

// Resize wants a parallelism for each vertex of a job. The job restarts its tasks from its newest checkpoint as soon as there
// are slots for all. It needs Flink's adaptive scheduler; wanting the same again does no harm.
func (c *Client) Resize(ctx context.Context, id string, parallelism map[string]int) error {
	ctx, cancel := short(ctx)
	defer cancel()
	body := map[string]map[string]bounds{}
	for vertex, n := range parallelism {
		body[vertex] = map[string]bounds{"parallelism": {n, n}}
	}
	return c.call(ctx, http.MethodPut, "/jobs/"+id+"/resource-requirements", body, nil)
}

// Hosts gives the resource ids of the TaskManagers that have tasks of a job.
func (c *Client) Hosts(ctx context.Context, j *Job) (hosts []string, err error) {
	ctx, cancel := short(ctx)
	defer cancel()
	for _, v := range j.Vertices {
		var details struct {
			Subtasks []struct {
				TaskManager string `json:"taskmanager-id"`
				Status      string
			}
		}
		if err := c.call(ctx, http.MethodGet, "/jobs/"+j.ID+"/vertices/"+v.ID, nil, &details); err != nil {
			return nil, err
		}
		for _, t := range details.Subtasks {
			if t.Status != "FINISHED" && !slices.Contains(hosts, t.TaskManager) {
				hosts = append(hosts, t.TaskManager)
			}
		}
	}
	slices.Sort(hosts)
	return hosts, nil
}
