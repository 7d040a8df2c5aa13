package seglog

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	turnBytes   = 8 << 10 // of a journal file: it is turned each few dozen groups
	turnLogs    = 3
	turnWriters = 8
)

// openTurning opens logs whose journal is turned all the time.
func openTurning(dir string) (*Journal, []*Log, error) {
	j, err := OpenJournal(dir, JournalOptions{Bytes: turnBytes})
	if err != nil {
		return nil, nil, err
	}
	logs := make([]*Log, turnLogs)
	for i := range logs {
		logs[i] = New(filepath.Join(dir, fmt.Sprint("log", i)), Options{Journal: j, SegmentBytes: 16 << 10})
	}
	return j, logs, nil
}

// appendAndTurnForever prints what was acknowledged: the log, the ordinal of the first of two records, and their text.
func appendAndTurnForever(dir, round string) {
	os.Stdout.WriteString("open\n")
	_, logs, err := openTurning(dir)
	if err != nil {
		panic(err)
	}
	var wg sync.WaitGroup
	for w := range turnWriters {
		wg.Go(func() {
			for i := 0; ; i++ {
				text, which := fmt.Sprintf("%s-%d-%d", round, w, i), (w+i)%turnLogs
				first, _, err := logs[which].Append([]byte(text), fmt.Appendf(nil, "%s+%0*d", text, i%200, 0))
				if err != nil {
					panic(err)
				}
				os.Stdout.WriteString(fmt.Sprintln(which, first, text)) // one write: not lost by the kill
			}
		})
	}
	wg.Wait()
}

// told is what appenders were told: log and ordinal by text.
type told map[string][2]uint64

// killTurning runs the child of a round, and kills it once so many appends were acknowledged, or while it opens the journal.
func (a told) killTurning(t *testing.T, dir string, round, appends int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), killDir+"="+dir, fmt.Sprint(killJournal, "=", round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	n := 0
	for ; lines.Scan(); n++ {
		if n == appends {
			if n == 0 {
				time.Sleep(rand.N(4 * time.Millisecond)) // somewhere in the replay, which tells nobody where it is
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		if n > 0 {
			var at [2]uint64
			var text string
			if _, err := fmt.Sscan(lines.Text(), &at[0], &at[1], &text); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			a[text] = at
		}
	}
	_ = cmd.Wait() // "signal: killed"
	if n <= appends {
		t.Fatalf("round %d: the child ended after %d lines", round, n)
	}
}

// check wants all that was acknowledged at its place, and each writer's appends whole, once, in order and without gaps.
func (a told) check(t *testing.T, dir string) {
	t.Helper()
	j, logs, err := openTurning(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := told{}
	for which, l := range logs {
		latest := map[string]int{} // append of a writer
		records := readAllRecords(t, l.Reader(1))
		for k := 0; k+1 < len(records); k += 2 {
			var ordinal, second uint64
			var text, more string
			if _, err := fmt.Sscan(records[k]+" "+records[k+1], &ordinal, &text, &second, &more); err != nil {
				t.Fatal(err)
			}
			var round, w, i int
			if _, err := fmt.Sscanf(text, "%d-%d-%d", &round, &w, &i); err != nil || ordinal != uint64(k+1) || second != ordinal+1 || !strings.HasPrefix(more, text+"+") {
				t.Fatalf("log %d: record %d is %q, then %q (%v)", which, k+1, records[k], records[k+1], err)
			}
			writer := fmt.Sprint(round, "-", w)
			if last, ok := latest[writer]; (ok && i != last+turnLogs) || (!ok && i >= turnLogs) {
				t.Fatalf("log %d: %s comes after append %d of its writer", which, text, last)
			}
			latest[writer], found[text] = i, [2]uint64{uint64(which), ordinal}
		}
		if len(records)%2 != 0 {
			t.Fatalf("log %d ends with half of an append", which)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for text, at := range a {
		if found[text] != at {
			t.Fatalf("%s was acknowledged at %v and is at %v", text, at, found[text])
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestKilledBetweenTurnsOfTheJournal kills the process again and again, while it appends and while it recovers. The journal is
// some twenty times smaller than what is appended in a round. Half of the rounds are checked, which closes the journal; the
// others leave to the next child what they left.
func TestKilledBetweenTurnsOfTheJournal(t *testing.T) {
	dir, acknowledged := t.TempDir(), told{}
	for round := range 16 {
		appends := 0
		if round%4 != 3 {
			appends = 1 + rand.N(1200)
		}
		acknowledged.killTurning(t, dir, round, appends)
		if round%2 == 1 {
			acknowledged.check(t, dir)
		}
	}
	for _, name := range []string{"journal-a", "journal-b"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < turnBytes {
			t.Errorf("%s was never full: %v", name, err)
		}
	}
	t.Logf("%d appends were acknowledged", len(acknowledged))
}
