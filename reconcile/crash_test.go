package reconcile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drey/app"
	"drey/app/appdb"
	"drey/flink/flinktest"
	msfmodel "drey/model/kinesisanalyticsv2"
)

// live takes an application through its whole life: start, stop with a snapshot, start from it, update through another
// one, deletion.
func live(h *house) {
	h.create()
	h.start()
	h.settled(app.Running)
	h.stop(false)
	h.settled(app.Ready)
	h.start()
	h.settled(app.Running)
	h.update(map[string]string{"k": "v"})
	h.settled(app.Running)

	names := map[string]string{}
	var kinds []string
	for _, s := range h.snapshots() {
		if s.Status != app.SnapshotReady {
			h.Errorf("the snapshot %s is %s", s.Name, s.Status)
		}
		if !strings.Contains(s.Path, s.Trigger) {
			h.Errorf("the snapshot %s is at %s, which is not its trigger's %s", s.Name, s.Path, s.Trigger)
		}
		kind, _, _ := strings.Cut(s.Name, "-")
		names[s.Path] = kind
		kinds = append(kinds, kind)
	}
	if want := []string{"STOP", "UPDATEAPPLICATION"}; !slices.Equal(kinds, want) {
		h.Errorf("snapshots %v, expected %v", kinds, want)
	}
	if got, want := h.restored(names), []string{"empty", "STOP", "UPDATEAPPLICATION"}; !slices.Equal(got, want) {
		h.Errorf("the jobs began from %v, expected %v", got, want)
	}
	if op := h.lastOperation(); op.Status != app.Successful || op.Kind != app.Update || op.From != 1 || op.To != 2 {
		h.Errorf("the last operation is %+v", op)
	}
	if n := len(h.machine.Clusters()); n != 1 {
		h.Errorf("%d clusters, expected 1", n)
	}

	id := h.application().ID
	h.delete()
	h.until("the end", func(a *app.Application) bool { return a == nil })
	if n := len(h.machine.Clusters()); n != 0 {
		h.Errorf("%d clusters are left", n)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "state", id)); !errors.Is(err, os.ErrNotExist) {
		h.Errorf("state is left: %v", err)
	}
	if _, err := h.db.Application(h.Context(), h.loop.key); !errors.Is(err, appdb.ErrNotFound) {
		h.Errorf("the application is left: %v", err)
	}
}

// fall takes an application through a rollback that was asked for, and one that the system makes of an update whose main()
// throws.
func fall(h *house) {
	h.jm.Main = func(s flinktest.Submission) string {
		if s.Jar == h.jar("three") {
			return "java.lang.IllegalStateException: no such table"
		}
		return ""
	}
	h.create()
	h.start()
	h.settled(app.Running)
	h.update(map[string]string{"k": "v"})
	h.settled(app.Running)
	_, err := h.api.RollbackApplication(h.as(), &msfmodel.RollbackApplicationInput{ApplicationName: new(name), CurrentApplicationVersionId: new(int64(2))})
	h.must(err)
	h.settled(app.Running)
	if v := h.application().Version; v.ID != 3 || v.RolledFrom != 2 || v.RolledTo != 1 || v.Configuration.Properties != nil {
		h.Errorf("after the rollback: %+v", v)
	}

	in := h.newCode()
	in.ApplicationConfigurationUpdate.ApplicationCodeConfigurationUpdate.CodeContentUpdate.S3ContentLocationUpdate.FileKeyUpdate = new("three")
	in.ApplicationConfigurationUpdate.ApplicationSystemRollbackConfigurationUpdate = &msfmodel.ApplicationSystemRollbackConfigurationUpdate{RollbackEnabledUpdate: new(true)}
	_, err = h.api.UpdateApplication(h.as(), in)
	h.must(err)
	h.settled(app.Running)
	if v := h.application().Version; v.ID != 5 || v.RolledFrom != 4 || v.RolledTo != 3 || v.Configuration.Code.Key != "one" {
		h.Errorf("after the system rollback: %+v", v)
	}
	ops := h.operations()
	if rolled, failed := ops[0], ops[1]; rolled.Kind != app.Rollback || rolled.Status != app.Successful || failed.Status != app.Failed ||
		failed.Rollback != rolled.ID || !strings.Contains(failed.Error, "no such table") {
		h.Errorf("the operations are %+v and %+v", rolled, failed)
	}
	names := map[string]string{}
	for _, s := range h.snapshots() {
		names[s.Path] = fmt.Sprint(s.Version)
	}
	if got, want := h.restored(names), []string{"empty", "1", "1", "3"}; !slices.Equal(got, want) {
		h.Errorf("the jobs began from the snapshots of the versions %v, expected %v", got, want)
	}
	h.delete()
	h.until("the end", func(a *app.Application) bool { return a == nil })
}

// lives are what the server dies in, with the number of effects that each has on the machine and on Flink.
//
// live: cluster and job; checkpoint, savepoint and end of the cluster; cluster and job; checkpoint, savepoint, end of the cluster, another cluster,
// job; end of the cluster. fall: cluster and job; checkpoint, savepoint, end of the cluster, another cluster, job; cancellation, end of
// the cluster, another, job; checkpoint, savepoint, cluster, main() that throws, end of the cluster, another, job; end of the cluster.
// enhance: cluster and job; savepoint; an object written, an object read; savepoint and end of the cluster; cluster and job;
// savepoint, cluster, job; end of the cluster. mishap: cluster and job; savepoint; check, checkpoint, savepoint, cluster, job; another
// JobManager, job; check, cancellation, cluster, job; end of the cluster; another cluster, its end. stretch: cluster and job; main(),
// cluster, checkpoint, parallelism; the same and a cluster less; as the first; main(), cluster, checkpoint, refusal, checkpoint,
// savepoint, cluster, job; end of the cluster. grow: cluster and job; main(), cluster, checkpoint, parallelism, twice, and once
// more with a cluster less; end of the cluster.
var lives = []struct {
	name    string
	live    func(*house)
	effects int
}{{"live", live, 13}, {"fall", fall, 19}, {"enhance", enhance, 15}, {"mishap", mishap, 17}, {"stretch", stretch, 24}, {"grow", grow, 16}}

// TestLife lives without trouble, and tells the other tests how many effects there are to die after.
func TestLife(t *testing.T) {
	for _, l := range lives {
		t.Run(l.name, func(t *testing.T) {
			h := newHouse(t)
			l.live(h)
			if h.effects != l.effects {
				t.Errorf("it has %d effects, expected %d", h.effects, l.effects)
			}
		})
	}
}

// TestServerDiesAfterEachEffect ends the server when it has done something to the machine or to Flink and has not noted
// it. The next server must bring every life to the same end.
func TestServerDiesAfterEachEffect(t *testing.T) {
	for _, l := range lives {
		for cut := 1; cut <= l.effects; cut++ {
			t.Run(fmt.Sprintf("%s/%d", l.name, cut), func(t *testing.T) {
				h := newHouse(t)
				h.cutAt = cut
				l.live(h)
				if h.effects < cut {
					t.Errorf("the server lived: %d effects", h.effects)
				}
			})
		}
	}
}

// TestServerDiesBeforeEachEffect ends the server when it has stored what it is about to do and has not done it.
func TestServerDiesBeforeEachEffect(t *testing.T) {
	for _, l := range lives {
		for drop := 1; drop <= l.effects; drop++ {
			t.Run(fmt.Sprintf("%s/%d", l.name, drop), func(t *testing.T) {
				h := newHouse(t)
				h.dropAt = drop
				l.live(h)
				if h.dropAt != 0 {
					t.Errorf("the server lived: %d effects", h.effects)
				}
			})
		}
	}
}

// TestServerIsNewAtEachStep restarts the server between any two steps.
func TestServerIsNewAtEachStep(t *testing.T) {
	for _, l := range lives {
		t.Run(l.name, func(t *testing.T) {
			h := newHouse(t)
			h.fresh = true
			l.live(h)
		})
	}
}
