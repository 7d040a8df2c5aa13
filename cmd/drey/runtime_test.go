package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drey/runtimes"
)

// The list has a line for each runtime, with what it runs and where it lies.
func TestListRuntimes(t *testing.T) {
	lib := runtimes.Library{Dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(lib.Dir, "FLINK-1_20", "lib"), 0o700); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := listRuntimes(&b, lib); err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(b.String()) {
		fields := strings.Fields(line)
		rows[fields[0]] = fields[1:]
	}
	for name, want := range map[string]string{
		"FLINK-1_15": "1.15.2 Java 11 Java 17 - no; drey runtime install FLINK-1_15",
		"FLINK-1_20": "1.20.5 Java 11 Java 17 no; --python " + filepath.Join(lib.Dir, "FLINK-1_20"),
		"FLINK-2_2":  "2.2.1 Java 17 Java 17 - no; drey runtime install FLINK-2_2",
	} {
		if got := strings.Join(rows[name], " "); got != want {
			t.Errorf("%s: %q, expected %q", name, got, want)
		}
	}
	for _, name := range runtimes.Names() {
		if rows[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}

// What cannot work is told before anything is fetched or made.
func TestInstallRefusesBeforeItFetches(t *testing.T) {
	for _, c := range []struct {
		install runtimeInstallCmd
		says    string
	}{
		{runtimeInstallCmd{Names: []string{"FLINK-1_20", "FLINK-9_9"}}, "no such runtime: FLINK-9_9"},
		{runtimeInstallCmd{Names: []string{"FLINK-1_18", "FLINK-1_20"}, From: "flink.tgz"}, "name one runtime"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		c.install.DataDir = dir
		if err := c.install.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, expected %q", err, c.says)
		}
		if left, err := filepath.Glob(dir + "*"); err != nil || !slices.Equal(left, nil) {
			t.Errorf("it has made %v (%v)", left, err)
		}
	}
}
