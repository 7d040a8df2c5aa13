package local_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"drey/driver"
	"drey/driver/local"
	"drey/runtimes"
)

// bare is a library with the runtime of the machine's tests, without class archives.
func bare(t testing.TB) runtimes.Library {
	t.Helper()
	installed, err := library(t).Find("FLINK-1_18")
	if err != nil {
		t.Fatal(err)
	}
	l := runtimes.Library{Dir: t.TempDir()}
	err = filepath.WalkDir(installed.Home, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(installed.Home, path)
		if err != nil {
			return err
		}
		to := filepath.Join(l.Dir, "FLINK-1_18", rel)
		switch {
		case rel == "classes":
			return fs.SkipDir
		case e.IsDir():
			return os.MkdirAll(to, 0o755)
		}
		return linkOrCopy(path, to)
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	body, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, body, 0o644)
}

// BenchmarkStart is the time from Ensure until the JobManager has all slots.
func BenchmarkStart(b *testing.B) {
	plain := bare(b)
	archived := bare(b)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	d, err := local.Open(local.Config{Dir: b.TempDir(), Runtimes: archived, Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if err := d.MakeClassArchives(b.Context(), "FLINK-1_18"); err != nil {
		b.Fatal(err)
	}
	for name, lib := range map[string]runtimes.Library{"Plain": plain, "ClassArchive": archived} {
		b.Run(name, func(b *testing.B) {
			d, err := local.Open(local.Config{Dir: b.TempDir(), Runtimes: lib, Log: quiet})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			for i := 0; b.Loop(); i++ {
				startAndStop(b, d, fmt.Sprintf("c%d", i))
			}
		})
	}
}

func startAndStop(b *testing.B, d *local.Driver, id string) {
	c := driver.Cluster{ID: id, Runtime: "FLINK-1_18", TaskManagers: 1, SlotsPerTaskManager: 1, MemoryPerTaskManager: 1 << 30, CPUPerTaskManager: 1}
	h, err := d.Ensure(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	r, err := d.Inspect(b.Context(), h)
	if err != nil {
		b.Fatal(err)
	}
	for slots := 0; slots < 1; slots, _ = overview(r.RESTAddress) {
		time.Sleep(20 * time.Millisecond)
	}
	b.StopTimer()
	if err := d.Stop(context.Background(), h); err != nil {
		b.Fatal(err)
	}
	b.StartTimer()
}

// A damaged archive, or one of another build, costs time and nothing else.
func TestDamagedClassArchiveBreaksNoStart(t *testing.T) {
	l := bare(t)
	dist, err := l.Find("FLINK-1_18")
	if err != nil {
		t.Fatal(err)
	}
	home, err := local.FindJava()
	if err != nil {
		t.Fatal(err)
	}
	build, err := os.ReadFile(filepath.Join(home, "release"))
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []driver.Role{driver.JobManager, driver.TaskManager} {
		damaged := filepath.Join(t.TempDir(), "archive")
		if err := os.WriteFile(damaged, []byte("no archive"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := dist.KeepClassArchive(string(build), string(role), damaged); err != nil {
			t.Fatal(err)
		}
	}
	d := openWith(t, local.Config{Dir: t.TempDir(), Runtimes: l})
	awaitSlots(t, d, start(t, d, small("c")), 1)
}
