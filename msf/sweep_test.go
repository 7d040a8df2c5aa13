package msf_test

import (
	"os"
	"path/filepath"
	"testing"

	model "drey/model/kinesisanalyticsv2"
)

// TestSweepKeepsTheCodeOfEveryVersion, and nothing else that was staged.
func TestSweepKeepsTheCodeOfEveryVersion(t *testing.T) {
	w := newWorld(t)
	w.objects["code/next.jar"] = jar(t, "Main-Class: Main\nBuild: 2\n", 55)
	w.create("orders")
	_, err := w.UpdateApplication(w.ctx(), &model.UpdateApplicationInput{
		ApplicationName: new("orders"), CurrentApplicationVersionId: new(int64(1)), ApplicationConfigurationUpdate: &model.ApplicationConfigurationUpdate{
			ApplicationCodeConfigurationUpdate: &model.ApplicationCodeConfigurationUpdate{CodeContentUpdate: &model.CodeContentUpdate{
				S3ContentLocationUpdate: &model.S3ContentLocationUpdate{FileKeyUpdate: new("next.jar")},
			}},
		},
	})
	w.must(err)
	files := func() int {
		found, err := filepath.Glob(filepath.Join(w.codeDir, "*.jar"))
		w.must(err)
		return len(found)
	}
	if n := files(); n != 2 {
		t.Fatalf("%d files of code", n)
	}
	left := []string{filepath.Join(w.codeDir, "of-nobody.jar"), filepath.Join(w.codeDir, ".staging-1")}
	for _, file := range left {
		w.must(os.WriteFile(file, nil, 0o600))
	}
	w.must(w.Sweep(w.ctx()))
	if n := files(); n != 2 {
		t.Errorf("%d files of code are left of 2", n)
	}
	for _, file := range left {
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("%s is left", file)
		}
	}
}
