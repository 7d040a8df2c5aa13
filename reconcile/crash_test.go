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

// effectsOfLife: cluster and job; savepoint and end of the cluster; cluster and job; savepoint, end of the cluster, another
// cluster, job; end of the cluster.
const effectsOfLife = 11

// TestLife lives without trouble, and tells the other tests how many effects there are to die after.
func TestLife(t *testing.T) {
	h := newHouse(t)
	live(h)
	if h.effects != effectsOfLife {
		t.Errorf("a life has %d effects, expected %d", h.effects, effectsOfLife)
	}
}

// TestServerDiesAfterEachEffect ends the server when it has done something to the machine or to Flink and has not noted
// it. The next server must bring every life to the same end.
func TestServerDiesAfterEachEffect(t *testing.T) {
	died := 0
	for cut := 1; ; cut++ {
		last := false
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			h := newHouse(t)
			h.cutAt = cut
			live(h)
			last = h.effects < cut
		})
		if last || t.Failed() {
			break
		}
		died++
	}
	if died != effectsOfLife && !t.Failed() {
		t.Errorf("the server died %d times, expected %d", died, effectsOfLife)
	}
}

// TestServerDiesBeforeEachEffect ends the server when it has stored what it is about to do and has not done it.
func TestServerDiesBeforeEachEffect(t *testing.T) {
	for drop := 1; drop <= effectsOfLife; drop++ {
		t.Run(fmt.Sprint(drop), func(t *testing.T) {
			h := newHouse(t)
			h.dropAt = drop
			live(h)
			if h.dropAt != 0 {
				t.Errorf("the server lived: %d effects", h.effects)
			}
		})
	}
}

// TestServerIsNewAtEachStep restarts the server between any two steps.
func TestServerIsNewAtEachStep(t *testing.T) {
	h := newHouse(t)
	h.fresh = true
	live(h)
}
