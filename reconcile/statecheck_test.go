package reconcile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"drey/app"
	"drey/flink/flinktest"
)

// TestCheckpointDroppedDuringTheCheck: a running job replaces the checkpoint that the new code is held against. That is no
// fault of the new code: the next checkpoint is asked.
func TestCheckpointDroppedDuringTheCheck(t *testing.T) {
	h := running(t)
	h.checker = "/runtime/statecheck.jar"
	old := h.checkpoint(8)
	var asked []string
	h.jm.Main = func(s flinktest.Submission) string {
		switch {
		case s.Jar != filepath.Base(h.checker):
			return ""
		case len(asked) == 0:
			h.must(os.RemoveAll(filepath.Dir(s.Arguments[1])))
			h.checkpoint(9)
		}
		asked = append(asked, filepath.Base(filepath.Dir(s.Arguments[1])))
		if asked[len(asked)-1] == filepath.Base(old) {
			return "java.lang.RuntimeException: VERDICT[gone]"
		}
		return "java.lang.RuntimeException: VERDICT[0a0b,counter,Counter]"
	}
	h.updateCode("two")
	h.settled(app.Running)
	if op := h.lastOperation(); op.Status != app.Failed || !slices.Equal(asked, []string{"chk-8", "chk-9"}) {
		t.Errorf("asked %q, the update is %+v", asked, op)
	}
	if n := len(h.jm.Submissions()); n != 1 {
		t.Errorf("the job was submitted %d times", n)
	}
}

// TestStateGoneForGood: where nothing can be told, the update goes on.
func TestStateGoneForGood(t *testing.T) {
	h := running(t)
	h.checker = "/runtime/statecheck.jar"
	h.checkpoint(8)
	h.jm.Main = func(s flinktest.Submission) string {
		if s.Jar == filepath.Base(h.checker) {
			return "java.lang.RuntimeException: VERDICT[gone]"
		}
		return ""
	}
	h.updateCode("two")
	h.settled(app.Running)
	if op := h.lastOperation(); op.Status != app.Successful {
		t.Errorf("the update is %+v", op)
	}
}
