// Package flinktest is a JobManager for tests. It speaks Flink's REST API over loopback as far as package flink uses it, and
// nothing happens in it by itself: jobs change their state, savepoints complete and main() fails when the test says so.
// It keeps what a session cluster keeps, in memory alone, and forgets it when it is killed.
package flinktest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Submission is what was asked of /jars/:id/run.
type Submission struct {
	Jar                   string
	JobID                 string `json:"jobId"`
	Parallelism           int    `json:"parallelism"`
	SavepointPath         string `json:"savepointPath"`
	AllowNonRestoredState bool   `json:"allowNonRestoredState"`

	EntryClass    string            `json:"entryClass"`
	Arguments     []string          `json:"programArgsList"`
	Configuration map[string]string `json:"flinkConfiguration"`
}

// JobManager is one fake. Its fields are set before use.
type JobManager struct {
	URL string
	// Main decides what becomes of a submission: the trace that main() throws, "" = it hands over its job. nil = "".
	Main func(Submission) (trace string)
	// Manual leaves savepoints in progress until Complete or FailSavepoints.
	Manual bool
	// After is called when a request that changes something has had its effect and is not answered yet. It must not call
	// the JobManager.
	After func(method, path string)
	// Before is called before such a request has an effect; false = it is lost on its way. It must not call the JobManager.
	Before func(method, path string) bool

	// Now dates failures; nil = time.Now.
	Now func() time.Time
	// Metrics gives the metrics of a subtask of a vertex; nil = there are none.
	Metrics func(vertex string, subtask int) map[string]float64
	// Draft gives the parallelism of the vertices "a" and "b" that main() makes for a parallelism; nil = both have it. Other
	// vertices are another job.
	Draft func(parallelism int) map[string]int
	// Rigid jobs have a scheduler that cannot change their parallelism.
	Rigid bool
	// Stuck jobs are told, and do nothing.
	Stuck bool

	mu          sync.Mutex
	slots       int
	perTM       int
	jobs        map[string]*job
	savepoints  map[string]*savepoint
	submissions []Submission
	calls       []string
}

type job struct {
	state     string
	exception string
	failed    time.Time
	vertices  map[string]int
	wanted    map[string]int // what it runs with as soon as there are slots for it
}

type savepoint struct {
	job, dir, location, failure string
	stop                        bool
}

// Start serves until the test ends. It has no slots yet.
func Start(t testing.TB) *JobManager {
	t.Helper()
	m := &JobManager{}
	m.forget()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /overview", m.overview)
	mux.HandleFunc("POST /jars/{jar}/run", m.run)
	mux.HandleFunc("POST /jars/{jar}/plan", m.draft)
	mux.HandleFunc("GET /jobs/{job}", m.job)
	mux.HandleFunc("GET /jobs/{job}/vertices/{vertex}", m.vertex)
	mux.HandleFunc("GET /jobs/{job}/vertices/{vertex}/subtasks/metrics", m.aggregates)
	mux.HandleFunc("GET /jobs/{job}/vertices/{vertex}/metrics", m.metrics)
	mux.HandleFunc("PUT /jobs/{job}/resource-requirements", m.resize)
	mux.HandleFunc("PATCH /jobs/{job}", m.cancel)
	mux.HandleFunc("GET /jobs/{job}/exceptions", m.exceptions)
	mux.HandleFunc("GET /jobs/{job}/plan", m.plan)
	mux.HandleFunc("POST /jobs/{job}/stop", m.stop)
	mux.HandleFunc("POST /jobs/{job}/savepoints", m.savepoint)
	mux.HandleFunc("GET /jobs/{job}/savepoints/{trigger}", m.savepointStatus)
	mux.HandleFunc("POST /jobs/{job}/checkpoints", m.checkpoint)
	mux.HandleFunc("GET /jobs/{job}/checkpoints/{trigger}", m.checkpoint)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.Before != nil && r.Method != http.MethodGet && !m.Before(r.Method, r.URL.Path) {
			panic(http.ErrAbortHandler)
		}
		m.calls = append(m.calls, r.Method+" "+r.URL.Path)
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, r)
		if m.After != nil && r.Method != http.MethodGet {
			m.After(r.Method, r.URL.Path)
		}
		w.WriteHeader(answer.Code)
		_, _ = answer.Body.WriteTo(w) // the client may be gone
	}))
	t.Cleanup(s.Close)
	m.URL = s.URL
	return m
}

func (m *JobManager) forget() {
	m.jobs, m.savepoints = map[string]*job{}, map[string]*savepoint{}
}

// Restart forgets everything, as a JobManager without high availability does when its process is started anew.
func (m *JobManager) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
}

// SetSlots says how many slots TaskManagers offer, and how many one of them.
func (m *JobManager) SetSlots(n, each int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slots, m.perTM = n, each
	for _, j := range m.jobs {
		m.fit(j)
	}
}

// SetJob changes the state of a job; exception is the trace of its last failure, "" = none.
func (m *JobManager) SetJob(id, state, exception string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if j := m.jobs[id]; j != nil {
		j.state, j.exception, j.failed = state, exception, m.now()
	}
}

// Jobs gives the states of all jobs.
func (m *JobManager) Jobs() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	states := map[string]string{}
	for id, j := range m.jobs {
		states[id] = j.state
	}
	return states
}

// Parallelism gives that of each vertex of a job.
func (m *JobManager) Parallelism(id string) map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if j := m.jobs[id]; j != nil {
		return maps.Clone(j.vertices)
	}
	return nil
}

// Submissions lists what was submitted and accepted.
func (m *JobManager) Submissions() []Submission {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Submission(nil), m.submissions...)
}

// Called counts the calls whose method and path begin so, e.g. "POST /jars".
func (m *JobManager) Called(prefix string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

// Complete ends all savepoints under way well.
func (m *JobManager) Complete() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for trigger, s := range m.savepoints {
		if s.location == "" && s.failure == "" {
			if err := m.complete(trigger, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// FailSavepoints ends all savepoints under way with a trace.
func (m *JobManager) FailSavepoints(trace string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.savepoints {
		if s.location == "" {
			s.failure = trace
		}
	}
}

// ForgetSavepoints drops the results, as Flink does after some minutes.
func (m *JobManager) ForgetSavepoints() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.savepoints = map[string]*savepoint{}
}

// magic begins the metadata of a savepoint.
const magic = "\x49\x60\x67\x2d"

func (m *JobManager) complete(trigger string, s *savepoint) error {
	dir := filepath.Join(strings.TrimPrefix(s.dir, "file://"), "savepoint-"+s.job[:6]+"-"+trigger[:12])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "_metadata"), []byte(magic+"savepoint of "+s.job), 0o600); err != nil {
		return err
	}
	s.location = "file:" + dir
	if j := m.jobs[s.job]; s.stop && j != nil {
		j.state = "FINISHED"
	}
	return nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}

func refuse(w http.ResponseWriter, status int, texts ...string) {
	answer(w, status, map[string]any{"errors": texts})
}

func (m *JobManager) overview(w http.ResponseWriter, _ *http.Request) {
	answer(w, 200, map[string]any{"taskmanagers": m.slots, "slots-total": m.slots, "slots-available": m.slots, "flink-version": "1.18.1"})
}

func serverTrace(trace string) string {
	return "<Exception on server side:\norg.apache.flink.runtime.rest.handler.RestHandlerException: Could not execute application.\n" +
		"\tat org.apache.flink.runtime.webmonitor.handlers.JarRunHandler.lambda$handleRequest$1(JarRunHandler.java:114)\nCaused by: " + trace + "\n\nEnd of exception on server side>"
}

func (m *JobManager) run(w http.ResponseWriter, r *http.Request) {
	s := Submission{Jar: r.PathValue("jar")}
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		refuse(w, 400, "Bad request received: "+err.Error())
		return
	}
	if m.jobs[s.JobID] != nil {
		refuse(w, 500, "Internal server error.", serverTrace("org.apache.flink.runtime.client.DuplicateJobSubmissionException: Job has already been submitted."))
		return
	}
	if m.Main != nil {
		if trace := m.Main(s); trace != "" {
			refuse(w, 500, "Internal server error.", serverTrace(trace))
			return
		}
	}
	m.submissions = append(m.submissions, s)
	m.jobs[s.JobID] = &job{state: "RUNNING", vertices: m.shape(max(s.Parallelism, 1))}
	answer(w, 200, map[string]string{"jobid": s.JobID})
}

// known finds the job of a request, or answers as Flink does for an unknown one.
func (m *JobManager) known(w http.ResponseWriter, r *http.Request) *job {
	id := r.PathValue("job")
	j := m.jobs[id]
	if j == nil {
		refuse(w, 404, fmt.Sprintf("org.apache.flink.runtime.rest.NotFoundException: Job %s not found", id))
	}
	return j
}

func (m *JobManager) job(w http.ResponseWriter, r *http.Request) {
	j := m.known(w, r)
	if j == nil {
		return
	}
	tasks := map[string]int{"RUNNING": 0, "FINISHED": 0, "CANCELED": 0, "SCHEDULED": 0}
	switch j.state {
	case "RUNNING", "FINISHED", "CANCELED":
		tasks[j.state] = 1
	default:
		tasks["SCHEDULED"] = 1
	}
	vertices := []any{}
	for _, id := range slices.Sorted(maps.Keys(j.vertices)) {
		n := j.vertices[id]
		all := map[string]int{}
		for state, is := range tasks {
			all[state] = is * n
		}
		vertices = append(vertices, map[string]any{"id": id, "parallelism": n, "tasks": all})
	}
	answer(w, 200, map[string]any{"jid": r.PathValue("job"), "state": j.state, "vertices": vertices})
}

func (m *JobManager) cancel(w http.ResponseWriter, r *http.Request) {
	if j := m.known(w, r); j != nil {
		j.state = "CANCELED"
		answer(w, 202, map[string]any{})
	}
}

func (m *JobManager) exceptions(w http.ResponseWriter, r *http.Request) {
	if j := m.known(w, r); j != nil {
		answer(w, 200, map[string]any{"root-exception": j.exception, "timestamp": j.failed.UnixMilli()})
	}
}

func (m *JobManager) plan(w http.ResponseWriter, r *http.Request) {
	if j := m.known(w, r); j != nil {
		answer(w, 200, plan(j.vertices))
	}
}

func (m *JobManager) stop(w http.ResponseWriter, r *http.Request) {
	var body struct {
		TargetDirectory string `json:"targetDirectory"`
		TriggerID       string `json:"triggerId"`
	}
	m.trigger(w, r, true, &body, &body.TargetDirectory, &body.TriggerID)
}

func (m *JobManager) savepoint(w http.ResponseWriter, r *http.Request) {
	var body struct {
		TargetDirectory string `json:"target-directory"`
		TriggerID       string `json:"triggerId"`
	}
	m.trigger(w, r, false, &body, &body.TargetDirectory, &body.TriggerID)
}

// trigger begins a savepoint. The same trigger again is the same savepoint.
func (m *JobManager) trigger(w http.ResponseWriter, r *http.Request, stop bool, body any, dir, trigger *string) {
	if err := json.NewDecoder(r.Body).Decode(body); err != nil {
		refuse(w, 400, "Bad request received: "+err.Error())
		return
	}
	j := m.known(w, r)
	if j == nil {
		return
	}
	if m.savepoints[*trigger] == nil {
		s := &savepoint{job: r.PathValue("job"), dir: *dir, stop: stop}
		m.savepoints[*trigger] = s
		switch {
		case j.state != "RUNNING":
			s.failure = "org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint triggering task is not being executed at the moment. Aborting checkpoint."
		case !m.Manual:
			if err := m.complete(*trigger, s); err != nil {
				refuse(w, 500, err.Error())
				return
			}
		}
	}
	answer(w, 202, map[string]string{"request-id": *trigger})
}

func (m *JobManager) savepointStatus(w http.ResponseWriter, r *http.Request) {
	s := m.savepoints[r.PathValue("trigger")]
	switch {
	case s == nil || s.job != r.PathValue("job"):
		refuse(w, 404, "org.apache.flink.runtime.rest.handler.RestHandlerException: There is no savepoint operation with triggerId="+r.PathValue("trigger"))
	case s.failure != "":
		answer(w, 200, map[string]any{"status": map[string]string{"id": "COMPLETED"}, "operation": map[string]any{
			"failure-cause": map[string]string{"class": "java.util.concurrent.CompletionException", "stack-trace": "java.util.concurrent.CompletionException: " + s.failure + "\nCaused by: " + s.failure}}})
	case s.location == "":
		answer(w, 200, map[string]any{"status": map[string]string{"id": "IN_PROGRESS"}, "operation": nil})
	default:
		answer(w, 200, map[string]any{"status": map[string]string{"id": "COMPLETED"}, "operation": map[string]string{"location": s.location}})
	}
}

// checkpoint answers as if each were complete at once. It leaves nothing on disk.
func (m *JobManager) checkpoint(w http.ResponseWriter, r *http.Request) {
	if m.known(w, r) != nil {
		answer(w, 200, map[string]any{"status": map[string]string{"id": "COMPLETED"}, "operation": map[string]any{"checkpointId": 1}})
	}
}
