// Package flink speaks to a Flink cluster: its REST API, its configuration, and what makes a jar runnable. It knows Flink
// and nothing of AWS or of applications; it never decides what should happen.
package flink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrNotFound is answered for a job or a trigger that the JobManager does not know.
var ErrNotFound = errors.New("flink: not found")

// ErrCheckpoint says that a checkpoint could not be completed.
var ErrCheckpoint = errors.New("flink: no checkpoint")

const (
	callTimeout  = 5 * time.Second
	pollInterval = 50 * time.Millisecond
	maxAnswer    = 16 << 20
)

// Connections are shared by the clients of all clusters.
type Connections struct{ http http.Client }

// At gives the client of the JobManager at an address, http://127.0.0.1:port.
func (c *Connections) At(address string) *Client { return &Client{address, &c.http} }

// Close drops idle connections.
func (c *Connections) Close() { c.http.CloseIdleConnections() }

// Client calls the REST API of one JobManager (Flink documentation, "REST API").
type Client struct {
	address string
	http    *http.Client
}

// RESTError is a refusal, with the texts that Flink gives.
type RESTError struct {
	Status int
	Errors []string
}

func (e *RESTError) Error() string {
	return fmt.Sprintf("flink answered %d: %s", e.Status, strings.Join(e.Errors, "\n"))
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.address+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return refusal(resp.StatusCode, raw)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}

func refusal(status int, raw []byte) error {
	e := &RESTError{Status: status}
	_ = json.Unmarshal(raw, e) // what is no JSON has no texts
	if status == http.StatusNotFound {
		return fmt.Errorf("%w: %s", ErrNotFound, strings.Join(e.Errors, " "))
	}
	return e
}

// UnmarshalJSON reads Flink's error body.
func (e *RESTError) UnmarshalJSON(b []byte) error {
	var body struct {
		Errors []string `json:"errors"`
	}
	err := json.Unmarshal(b, &body)
	e.Errors = body.Errors
	return err
}

// short bounds a call that Flink answers at once.
func short(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callTimeout)
}

// Overview is the state of the cluster.
type Overview struct {
	TaskManagers int `json:"taskmanagers"`
	Slots        int `json:"slots-total"`
}

// Overview asks for the state of the cluster.
func (c *Client) Overview(ctx context.Context) (o Overview, err error) {
	ctx, cancel := short(ctx)
	defer cancel()
	return o, c.call(ctx, http.MethodGet, "/overview", nil, &o)
}

// Run is a submission. A repeated one with the same JobID is refused by Flink and does no harm.
type Run struct {
	JobID                 string   `json:"jobId,omitempty"`
	EntryClass            string   `json:"entryClass,omitempty"` // "" = the one that the manifest names
	Arguments             []string `json:"programArgsList,omitempty"`
	Parallelism           int      `json:"parallelism,omitempty"`
	SavepointPath         string   `json:"savepointPath,omitempty"`
	AllowNonRestoredState bool     `json:"allowNonRestoredState"`

	Configuration map[string]string `json:"flinkConfiguration,omitempty"` // options of this job alone; since Flink 1.17
}

// RunJar runs main() of a jar in the JobManager and answers when it has handed over its job. It may take minutes.
func (c *Client) RunJar(ctx context.Context, jar string, r Run) error {
	return c.call(ctx, http.MethodPost, "/jars/"+url.PathEscape(jar)+"/run", r, nil)
}

// Job is the state of a job.
type Job struct {
	ID       string `json:"jid"`
	State    string `json:"state"`
	Vertices []struct {
		ID          string         `json:"id"`
		Parallelism int            `json:"parallelism"`
		Max         int            `json:"maxParallelism"`
		Tasks       map[string]int `json:"tasks"`
	} `json:"vertices"`
}

// Tasks counts the subtasks, and those that run. A finished subtask of a running job is as good as one that runs.
func (j *Job) Tasks() (all, running int) {
	for _, v := range j.Vertices {
		all += v.Parallelism
		running += v.Tasks["RUNNING"] + v.Tasks["FINISHED"]
	}
	return all, running
}

// Parallelism is that of each vertex.
func (j *Job) Parallelism() map[string]int {
	all := map[string]int{}
	for _, v := range j.Vertices {
		all[v.ID] = v.Parallelism
	}
	return all
}

// MaxParallelism is the lowest of the vertices' maximum parallelisms, those apart that can have but one subtask; 0 = not known.
func (j *Job) MaxParallelism() (lowest int32) {
	for _, v := range j.Vertices {
		if v.Max > 1 && (lowest == 0 || int32(v.Max) < lowest) {
			lowest = int32(v.Max)
		}
	}
	return lowest
}

// Job asks for a job.
func (c *Client) Job(ctx context.Context, id string) (*Job, error) {
	ctx, cancel := short(ctx)
	defer cancel()
	var j Job
	return &j, c.call(ctx, http.MethodGet, "/jobs/"+id, nil, &j)
}

// Exception gives the root exception of the job's last failure since a moment, the user's own exception first; "" = none. With
// the adaptive scheduler a failure that Flink has restarted the job after stands in the history alone.
func (c *Client) Exception(ctx context.Context, id string, since time.Time) (string, error) {
	ctx, cancel := short(ctx)
	defer cancel()
	var e struct {
		Root    string `json:"root-exception"`
		At      int64  `json:"timestamp"`
		History struct {
			Entries []struct {
				Trace string `json:"stacktrace"`
				At    int64  `json:"timestamp"`
			}
		} `json:"exceptionHistory"`
	}
	if err := c.call(ctx, http.MethodGet, "/jobs/"+id+"/exceptions?maxExceptions=1", nil, &e); err != nil {
		return "", err
	}
	if e.Root == "" && len(e.History.Entries) > 0 {
		e.Root, e.At = e.History.Entries[0].Trace, e.History.Entries[0].At
	}
	if !since.IsZero() && e.At < since.UnixMilli() {
		return "", nil
	}
	return RootCause(e.Root), nil
}

// Plan is the job's plan, in Flink's JSON.
func (c *Client) Plan(ctx context.Context, id string) (string, error) {
	ctx, cancel := short(ctx)
	defer cancel()
	var p struct {
		Plan json.RawMessage `json:"plan"`
	}
	err := c.call(ctx, http.MethodGet, "/jobs/"+id+"/plan", nil, &p)
	return string(p.Plan), err
}

// Cancel ends a job without a savepoint.
func (c *Client) Cancel(ctx context.Context, id string) error {
	ctx, cancel := short(ctx)
	defer cancel()
	return c.call(ctx, http.MethodPatch, "/jobs/"+id+"?mode=cancel", nil, nil)
}

// Checkpoint makes the job take a checkpoint, and waits for it.
func (c *Client) Checkpoint(ctx context.Context, id, trigger string) error {
	path := "/jobs/" + id + "/checkpoints"
	if err := c.call(ctx, http.MethodPost, path, map[string]string{"triggerId": trigger}, nil); err != nil {
		return err
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		var s struct {
			Status    struct{ ID string }
			Operation struct {
				Failure struct {
					Stack string `json:"stack-trace"`
				} `json:"failure-cause"`
			}
		}
		err := c.call(ctx, http.MethodGet, path+"/"+trigger, nil, &s)
		switch {
		case err != nil:
			return err
		case s.Operation.Failure.Stack != "":
			return fmt.Errorf("%w: %s", ErrCheckpoint, RootCause(s.Operation.Failure.Stack))
		case s.Status.ID == "COMPLETED":
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// StopWithSavepoint asks the job to stop with a savepoint below dir. The trigger, 32 hex digits of the caller's choice,
// makes repeating it harmless.
func (c *Client) StopWithSavepoint(ctx context.Context, id, dir, trigger string) error {
	ctx, cancel := short(ctx)
	defer cancel()
	return c.call(ctx, http.MethodPost, "/jobs/"+id+"/stop", map[string]any{
		"targetDirectory": dir, "drain": false, "formatType": "CANONICAL", "triggerId": trigger,
	}, nil)
}

// TakeSavepoint asks for a savepoint below dir; the job goes on.
func (c *Client) TakeSavepoint(ctx context.Context, id, dir, trigger string) error {
	ctx, cancel := short(ctx)
	defer cancel()
	return c.call(ctx, http.MethodPost, "/jobs/"+id+"/savepoints", map[string]any{
		"target-directory": dir, "cancel-job": false, "formatType": "CANONICAL", "triggerId": trigger,
	}, nil)
}

// Savepoint is a savepoint under way or done.
type Savepoint struct {
	Done    bool
	Path    string // of a completed one, as a URI
	Failure string
}

// Savepoint asks how a savepoint stands.
func (c *Client) Savepoint(ctx context.Context, id, trigger string) (Savepoint, error) {
	ctx, cancel := short(ctx)
	defer cancel()
	var s struct {
		Status struct {
			ID string `json:"id"`
		} `json:"status"`
		Operation struct {
			Location string `json:"location"`
			Failure  struct {
				Stack string `json:"stack-trace"`
			} `json:"failure-cause"`
		} `json:"operation"`
	}
	if err := c.call(ctx, http.MethodGet, "/jobs/"+id+"/savepoints/"+trigger, nil, &s); err != nil {
		return Savepoint{}, err
	}
	return Savepoint{
		Done: s.Status.ID == "COMPLETED" && s.Operation.Location != "", Path: s.Operation.Location, Failure: RootCause(s.Operation.Failure.Stack),
	}, nil
}
