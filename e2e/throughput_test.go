package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// notes gives the service's messages in the application's log stream that hold a text.
func (a application) notes(group, text string) (messages []string) {
	a.t.Helper()
	var answer struct{ Events []struct{ Message string } }
	a.awsJSON(&answer, "logs", "filter-log-events", "--log-group-name", group, "--log-stream-names", a.name, "--filter-pattern", `"`+text+`"`)
	for _, e := range answer.Events {
		var r serviceRecord
		if err := json.Unmarshal([]byte(e.Message), &r); err != nil {
			a.t.Fatalf("the record %s: %v", e.Message, err)
		}
		messages = append(messages, r.Message)
	}
	return messages
}

// scalings lists the service's operations of scaling, "AutoScaling" and their status.
func (a application) scalings() (list []string) {
	a.t.Helper()
	text := a.aws("kinesisanalyticsv2", "list-application-operations", "--application-name", a.name, "--operation", "AutoScaling",
		"--query", "ApplicationOperationInfoList[].OperationStatus", "--output", "text")
	return strings.Fields(text)
}

var becauseOfTheWorker = regexp.MustCompile(`^Scaling from parallelism 1 to [4-6]: Worker takes \d+ records/s at (9\d|100) % of its time with parallelism 1, so it can take [3-5]\d; it should take \d+ .* at 75 %: parallelism \d+$`)

// TestThroughputPolicy puts three times as many records as the worker can take, and few after that, on minutes of two seconds. The job
// gets what it needs in one step, which is four tasks and some for what has piled up, and gives back what it does not need. The log
// tells why. Then a dry run tells what it would do, and does nothing. Each record counts once.
func TestThroughputPolicy(t *testing.T) {
	s := serve(t, "--scaling-rule", "2s,75:15,10:360", "--kinesis-limits", "off")
	p := runPaced(s, "Key=drey:scaling-policy,Value=throughput", "Key=drey:scaling-max,Value=6")
	p.load(150)
	var up int
	s.await("it scales up", time.Minute, func() bool { _, up = p.parallelism(); return up > 1 })
	p.awaitStatus("RUNNING")
	if up < 4 || up > 6 {
		t.Errorf("the parallelism is %d, and the load needs four to six", up)
	}
	s.await("what has piled up is counted", 2*time.Minute, func() bool { return p.backlog() < 150 })
	if notes := p.notes("paced", "Scaling from"); len(notes) != 1 || !becauseOfTheWorker.MatchString(notes[0]) {
		t.Errorf("the log says %q", notes)
	}
	p.load(20)
	var down int
	s.await("it scales down", time.Minute, func() bool { _, down = p.parallelism(); return down < up })
	p.tag("Key=drey:scaling-dry-run,Value=true")
	s.await("both operations have ended well", time.Minute, func() bool { return slices.Equal(p.scalings(), []string{"SUCCESSFUL", "SUCCESSFUL"}) })
	if notes := p.notes("paced", "Scaling from"); len(notes) != 2 || !strings.HasPrefix(notes[1], fmt.Sprintf("Scaling from parallelism %d to %d: ", up, down)) {
		t.Errorf("the log says %q", notes)
	}
	p.load(50 * (down + 1))
	s.await("the dry run tells", time.Minute, func() bool { return len(p.notes("paced", "Without drey:scaling-dry-run this would scale")) > 0 })
	p.rest()
	s.await("each record is counted, and once", time.Minute, p.countsAll)
	if _, now := p.parallelism(); now != down || len(p.scalings()) != 2 {
		t.Errorf("the dry run has scaled to %d; the operations are %v", now, p.scalings())
	}
}
