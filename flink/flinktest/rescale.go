package flinktest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

func (m *JobManager) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}

// shape is what main() makes for a parallelism.
func (m *JobManager) shape(parallelism int) map[string]int {
	if m.Draft == nil {
		return map[string]int{"a": parallelism, "b": parallelism}
	}
	return m.Draft(parallelism)
}

// fit lets a job run as wanted if there are slots for it.
func (m *JobManager) fit(j *job) {
	if !m.Stuck && j.wanted != nil && j.state == "RUNNING" && slices.Max(slices.Collect(maps.Values(j.wanted))) <= m.slots {
		j.vertices, j.wanted = j.wanted, nil
	}
}

func plan(vertices map[string]int) any {
	nodes, before := []any{}, []any{}
	for _, id := range slices.Sorted(maps.Keys(vertices)) {
		nodes = append(nodes, map[string]any{"id": id, "description": id, "parallelism": vertices[id], "inputs": before})
		before = []any{map[string]any{"id": id, "ship_strategy": "HASH"}}
	}
	return map[string]any{"plan": map[string]any{"nodes": nodes}}
}

func (m *JobManager) draft(w http.ResponseWriter, r *http.Request) {
	var body struct{ Parallelism int }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, 400, "Bad request received: "+err.Error())
		return
	}
	if m.Main != nil {
		if trace := m.Main(Submission{Jar: r.PathValue("jar"), Parallelism: body.Parallelism}); trace != "" {
			refuse(w, 500, "Internal server error.", serverTrace(trace))
			return
		}
	}
	answer(w, 200, plan(m.shape(body.Parallelism)))
}

func (m *JobManager) resize(w http.ResponseWriter, r *http.Request) {
	var body map[string]struct {
		Parallelism struct{ LowerBound, UpperBound int }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, 400, "Bad request received: "+err.Error())
		return
	}
	j := m.known(w, r)
	switch {
	case j == nil:
		return
	case m.Rigid:
		refuse(w, 500, "Internal server error.", "<Exception on server side:\njava.lang.UnsupportedOperationException: Cannot change the requirements of this scheduler\n\nEnd of exception on server side>")
		return
	}
	wanted := map[string]int{}
	for id, v := range body {
		wanted[id] = v.Parallelism.UpperBound
	}
	for id := range j.vertices {
		if wanted[id] == 0 {
			refuse(w, 400, "org.apache.flink.runtime.rest.handler.RestHandlerException: The request is incomplete, missing job vertex ["+id+"] resource requirements.")
			return
		}
	}
	j.wanted = wanted
	m.fit(j)
	answer(w, 200, map[string]any{})
}

// vertex puts subtasks onto the last TaskManagers, which is where a driver does not expect them.
func (m *JobManager) vertex(w http.ResponseWriter, r *http.Request) {
	j := m.known(w, r)
	if j == nil {
		return
	}
	subtasks := []any{}
	each := max(m.perTM, 1)
	for i := range j.vertices[r.PathValue("vertex")] {
		host := (m.slots-1)/each + 1 - i/each
		subtasks = append(subtasks, map[string]any{"subtask": i, "status": j.state, "taskmanager-id": fmt.Sprintf("flink-taskmanager-1-%d", max(host, 1))})
	}
	answer(w, 200, map[string]any{"subtasks": subtasks})
}
