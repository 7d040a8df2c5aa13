package app_test

import (
	"testing"
	"time"

	"drey/app"
)

// TestEveryPairOfStateAndRequest holds the table of the developer guide and the API reference; what is not listed is
// refused.
func TestEveryPairOfStateAndRequest(t *testing.T) {
	type pair struct {
		status  app.Status
		request app.Request
	}
	allowed := map[pair]bool{
		{app.Ready, app.ToStart}:             true,
		{app.Ready, app.ToUpdate}:            true,
		{app.Ready, app.ToDelete}:            true,
		{app.Starting, app.ToForceStop}:      true,
		{app.Running, app.ToStop}:            true,
		{app.Running, app.ToForceStop}:       true,
		{app.Running, app.ToUpdate}:          true,
		{app.Running, app.ToSnapshot}:        true,
		{app.Running, app.ToDelete}:          true,
		{app.UpdatingState, app.ToForceStop}: true,
		{app.Stopping, app.ToForceStop}:      true,
		{app.Autoscaling, app.ToForceStop}:   true,
		{app.RollingBack, app.ToForceStop}:   true,
		{app.Maintenance, app.ToForceStop}:   true,
		{app.Running, app.ToRollback}:        true,
		{app.UpdatingState, app.ToRollback}:  true,
		{app.Autoscaling, app.ToRollback}:    true,
		{app.Running, app.ToPresign}:         true,
		{app.Ready, app.ToMaintain}:          true,
		{app.Running, app.ToMaintain}:        true,
	}
	pairs := 0
	for _, s := range app.Statuses() {
		for _, r := range app.Requests() {
			if got := s.Allows(r); got != allowed[pair{s, r}] {
				t.Errorf("%s in %s: allowed is %t", r, s, got)
			}
			pairs++
		}
	}
	if pairs != 10*9 {
		t.Errorf("%d pairs, expected every state with every request", pairs)
	}
}

func TestStatusOfEveryOperation(t *testing.T) {
	up := &app.Run{Version: 1, Reached: time.Unix(1, 0)}
	for _, c := range []struct {
		name string
		a    app.Application
		want app.Status
	}{
		{"nothing", app.Application{}, app.Ready},
		{"a job", app.Application{Run: up}, app.Running},
		{"a cluster that is left over", app.Application{Cluster: &app.Cluster{}}, app.Ready},
		{"start", app.Application{Operation: &app.Operation{Kind: app.Start}}, app.Starting},
		{"start, the job runs", app.Application{Version: app.Version{ID: 1}, Operation: &app.Operation{Kind: app.Start}, Run: up}, app.Running},
		{"stop", app.Application{Operation: &app.Operation{Kind: app.Stop}, Run: up}, app.Stopping},
		{"force stop", app.Application{Operation: &app.Operation{Kind: app.ForceStop}, Run: up}, app.ForceStopping},
		{"update, the old job runs", app.Application{Version: app.Version{ID: 2}, Operation: &app.Operation{Kind: app.Update}, Run: up}, app.UpdatingState},
		{"update, the new job runs", app.Application{Version: app.Version{ID: 1}, Operation: &app.Operation{Kind: app.Update}, Run: up}, app.Running},
		{"rollback", app.Application{Version: app.Version{ID: 2}, Operation: &app.Operation{Kind: app.Rollback}, Run: up}, app.RollingBack},
		{"rollback, the job runs", app.Application{Version: app.Version{ID: 1}, Operation: &app.Operation{Kind: app.Rollback}, Run: up}, app.Running},
		{"delete", app.Application{Operation: &app.Operation{Kind: app.Delete}, Run: up}, app.Deleting},
	} {
		if got := c.a.Status(); got != c.want {
			t.Errorf("%s: %s, expected %s", c.name, got, c.want)
		}
	}
}

func TestKPUsRoundUp(t *testing.T) {
	for _, c := range []struct {
		parallelism, perKPU int32
		kpus                int
	}{{1, 1, 1}, {10, 4, 3}, {8, 4, 2}, {1, 8, 1}} {
		if got := (app.Parallelism{Parallelism: c.parallelism, PerKPU: c.perKPU}).KPUs(c.parallelism); got != c.kpus {
			t.Errorf("parallelism %d at %d: %d KPUs, expected %d", c.parallelism, c.perKPU, got, c.kpus)
		}
	}
}
