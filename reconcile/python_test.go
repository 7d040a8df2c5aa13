package reconcile

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"drey/app"
	"drey/flink"
	"drey/flink/flinktest"
	msfmodel "drey/model/kinesisanalyticsv2"
)

// createPython makes an application whose script is the file "key" of its archive.
func (h *house) createPython() {
	h.Helper()
	h.api.Python = func(string) error { return nil }
	h.create()
	_, err := h.api.UpdateApplication(h.as(), &msfmodel.UpdateApplicationInput{
		ApplicationName: new(name), CurrentApplicationVersionId: new(int64(1)),
		ApplicationConfigurationUpdate: &msfmodel.ApplicationConfigurationUpdate{EnvironmentPropertyUpdates: &msfmodel.EnvironmentPropertyUpdates{
			PropertyGroups: []msfmodel.PropertyGroup{{PropertyGroupId: new(app.RunOptions), PropertyMap: map[string]string{"python": "key", "pyFiles": "Main.class"}}},
		}},
	})
	h.must(err)
}

func TestPythonIsSubmittedWithItsDriver(t *testing.T) {
	h := newHouse(t)
	h.createPython()
	h.start()
	h.settled(app.Running)
	files := filepath.Join(h.dir, strings.TrimSuffix(h.jar("one"), ".jar")+"_code")
	got := h.jm.Submissions()[0]
	if got.EntryClass != flink.PythonDriver || !reflect.DeepEqual(got.Arguments, []string{"-py", files + "/key"}) || got.Configuration["python.files"] != files+"/Main.class" {
		t.Errorf("submitted %+v", got)
	}
}

// TestPythonCodeAloneNeedsNoNewCluster: the files of new code are placed beside a running JobManager.
func TestPythonCodeAloneNeedsNoNewCluster(t *testing.T) {
	h := newHouse(t)
	h.createPython()
	h.start()
	h.settled(app.Running)
	id := h.application().ID
	h.update(nil)
	h.settled(app.Running)
	if n := h.machine.Starts(id, "flink-jobmanager"); n != 1 {
		t.Errorf("the JobManager was started %d times", n)
	}
	if all := h.jm.Submissions(); len(all) != 2 || !strings.Contains(all[1].Arguments[1], strings.TrimSuffix(h.jar("two"), ".jar")) || all[1].SavepointPath == "" {
		t.Errorf("submitted %+v", all)
	}
}

// TestExplain finds the script's own words in the logs; what they do not tell stays as it was.
func TestExplain(t *testing.T) {
	log := filepath.Join(t.TempDir(), "jobmanager.json")
	line := `{"logger":"` + flink.PythonDriver + `","message":"Traceback (most recent call last):\n  File \"main.py\", line 1\nValueError: no orders"}`
	if err := os.WriteFile(log, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended := &flink.RESTError{Status: 500, Errors: []string{"java.lang.RuntimeException: Python process exits with code: 1"}}
	if got := flink.Failure(explain(ended, []string{log + ".1", log})); !strings.HasPrefix(got, "ValueError: no orders") {
		t.Errorf("got %q", got)
	}
	if got := explain(ended, nil); got != ended {
		t.Errorf("without a log: %v", got)
	}
	other := &flink.RESTError{Status: 500, Errors: []string{"java.lang.IllegalStateException: no"}}
	if got := explain(other, []string{log}); got != other {
		t.Errorf("for a Java exception: %v", got)
	}
	if explain(nil, []string{log}) != nil {
		t.Error("a success was explained")
	}
}

func TestPythonThatRaisesEndsTheStart(t *testing.T) {
	h := newHouse(t)
	h.jm.Main = func(flinktest.Submission) string {
		return "org.apache.flink.client.program.ProgramAbortException: java.lang.RuntimeException: Python process exits with code: 1\nCaused by: java.lang.RuntimeException: Python process exits with code: 1"
	}
	h.createPython()
	h.start()
	h.settled(app.Ready)
	if op := h.lastOperation(); op.Status != app.Failed || !strings.Contains(op.Error, "Python process exits with code: 1") {
		t.Errorf("the operation is %s with %q", op.Status, op.Error)
	}
}
