package flinktest

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// number is spelled as Flink does.
func number(f float64) any {
	if math.IsNaN(f) {
		return "NaN"
	}
	return f
}

// measured gives what each subtask of a vertex tells.
func (m *JobManager) measured(j *job, vertex string) (list []map[string]float64) {
	for i := range j.vertices[vertex] {
		if m.Metrics != nil {
			list = append(list, m.Metrics(vertex, i))
		}
	}
	return list
}

// aggregates are of all subtasks: their names alone, or sums and averages of those that are asked for.
func (m *JobManager) aggregates(w http.ResponseWriter, r *http.Request) {
	j := m.known(w, r)
	if j == nil {
		return
	}
	sums := map[string]float64{}
	subtasks := m.measured(j, r.PathValue("vertex"))
	for _, metrics := range subtasks {
		for name, value := range metrics {
			sums[name] += value
		}
	}
	all := []any{}
	wanted := strings.Split(r.URL.Query().Get("get"), ",")
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		switch {
		case !r.URL.Query().Has("get"):
			all = append(all, map[string]any{"id": name})
		case slices.Contains(wanted, name):
			all = append(all, map[string]any{"id": name, "sum": number(sums[name]), "avg": number(sums[name] / float64(len(subtasks)))})
		}
	}
	answer(w, 200, all)
}

// metrics are of each subtask: "0.numRecordsIn".
func (m *JobManager) metrics(w http.ResponseWriter, r *http.Request) {
	j := m.known(w, r)
	if j == nil {
		return
	}
	all := []any{}
	wanted := strings.Split(r.URL.Query().Get("get"), ",")
	for i, metrics := range m.measured(j, r.PathValue("vertex")) {
		for _, name := range slices.Sorted(maps.Keys(metrics)) {
			id := strconv.Itoa(i) + "." + name
			switch {
			case !r.URL.Query().Has("get"):
				all = append(all, map[string]any{"id": id})
			case slices.Contains(wanted, id):
				all = append(all, map[string]any{"id": id, "value": strconv.FormatFloat(metrics[name], 'g', -1, 64)})
			}
		}
	}
	answer(w, 200, all)
}
