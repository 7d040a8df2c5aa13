package seglog

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
)

const (
	killDir     = "SEGLOG_TEST_KILL_DIR"
	killJournal = "SEGLOG_TEST_KILL_JOURNAL" // the round; logs that share a journal
)

// TestMain lets the test binary be the child that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		if round := os.Getenv(killJournal); round != "" {
			appendAndTurnForever(dir, round)
		}
		appendForever(dir)
	}
	os.Exit(m.Run())
}

// appendForever prints each ordinal after it was acknowledged.
func appendForever(dir string) {
	l := New(dir, Options{SegmentBytes: 16 << 10})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				first, _, err := l.Append(fmt.Appendf(nil, "%d-%d", w, i), make([]byte, 300))
				if err != nil {
					panic(err)
				}
				os.Stdout.WriteString(strconv.FormatUint(first, 10) + "\n") // one write: not lost by the kill
			}
		})
	}
	wg.Wait()
}

func TestKilledWriterLosesNothingAcknowledged(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var acknowledged uint64
	for round := range 3 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), killDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			o, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			acknowledged = max(acknowledged, o)
			if n == 400 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // "signal: killed"
		got := readAllRecords(t, New(dir, Options{}).Reader(1))
		if uint64(len(got)) <= acknowledged { // each append has two records
			t.Fatalf("round %d: %d records, but %d was acknowledged", round, len(got), acknowledged)
		}
		for i, rec := range got {
			var ordinal int
			if _, err := fmt.Sscan(rec, &ordinal); err != nil || ordinal != i+1 {
				t.Fatalf("round %d: record %d is %q", round, i+1, rec)
			}
		}
	}
}
