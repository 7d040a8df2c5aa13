package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// logLines stores messages in stream s of group g, all at the present time.
func (s *server) logLines(messages ...string) {
	s.t.Helper()
	type event struct {
		Timestamp int64  `json:"timestamp"`
		Message   string `json:"message"`
	}
	var list []event
	for _, m := range messages {
		list = append(list, event{time.Now().UnixMilli(), m})
	}
	body, err := json.Marshal(list)
	if err != nil {
		s.t.Fatal(err)
	}
	s.aws("logs", "put-log-events", "--log-group-name", "g", "--log-stream-name", "s", "--log-events", string(body))
}

func (s *server) python(script string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), filepath.Join(cache, "venv", "bin", "python"), append([]string{filepath.Join(root, "e2e", script)}, args...)...)
	cmd.Env = s.env
	return cmd
}

// TestLogsActOnWhatArrives has metric filters, a subscription with the rights of a role, Live Tail and Insights in one
// server, which is killed between a put and the delivery.
func TestLogsActOnWhatArrives(t *testing.T) {
	s := serve(t)
	account := strings.TrimSpace(s.aws("sts", "get-caller-identity", "--query", "Account", "--output", "text"))
	s.aws("logs", "create-log-group", "--log-group-name", "g")
	s.aws("logs", "create-log-stream", "--log-group-name", "g", "--log-stream-name", "s")
	s.aws("kinesis", "create-stream", "--stream-name", "lines", "--shard-count", "2")
	s.aws("kinesis", "wait", "stream-exists", "--stream-name", "lines")
	role := func(name, principal, action string) string {
		s.aws("iam", "create-role", "--role-name", name, "--assume-role-policy-document",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"`+principal+`"},"Action":"sts:AssumeRole","Condition":{"StringLike":{"aws:SourceArn":"arn:aws:logs:*:`+account+`:*"}}}]}`)
		s.aws("iam", "put-role-policy", "--role-name", name, "--policy-name", "p", "--policy-document",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"`+action+`","Resource":"*"}]}`)
		return "arn:aws:iam::" + account + ":role/" + name
	}
	destination := "arn:aws:kinesis:" + s.getenv("AWS_REGION") + ":" + account + ":stream/lines"
	subscribe := func(role string) []string {
		return []string{"logs", "put-subscription-filter", "--log-group-name", "g", "--filter-name", "errors", "--filter-pattern", "ERROR", "--destination-arn", destination, "--role-arn", role}
	}
	s.refused("InvalidParameterException", []string{"Could not deliver test message"}, subscribe(role("untrusted", "ec2.amazonaws.com", "kinesis:PutRecord"))...)
	s.refused("InvalidParameterException", []string{"Could not deliver test message"}, subscribe(role("powerless", "logs.amazonaws.com", "kinesis:GetRecords"))...)
	s.aws(subscribe(role("regional", "logs."+s.getenv("AWS_REGION")+".amazonaws.com", "kinesis:PutRecord"))...)
	s.aws(subscribe(role("writer", "logs.amazonaws.com", "kinesis:PutRecord"))...)
	s.aws("logs", "put-metric-filter", "--log-group-name", "g", "--filter-name", "latency", "--filter-pattern", "{ $.latency = * }",
		"--metric-transformations", "metricName=Latency,metricNamespace=App,metricValue=$.latency,dimensions={Path=$.path}")

	t.Run("LiveTail", func(t *testing.T) {
		cmd := s.python("logs.py", "tail", "arn:aws:logs:"+s.getenv("AWS_REGION")+":"+account+":log-group:g", "tailed")
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "open" {
			t.Fatalf("got %q", lines.Text())
		}
		s.logLines("tailed one", "not this", "tailed end")
		var got []string
		for lines.Scan() {
			got = append(got, lines.Text())
		}
		if err := cmd.Wait(); err != nil || strings.Join(got, ",") != "tailed one,tailed end" {
			t.Errorf("got %q, %v", got, err)
		}
	})

	t.Run("LiveTailOfTheCLI", s.liveTailOfTheCLI)

	var want []string
	for round := range 3 {
		var lines []string
		for i := range 300 {
			lines = append(lines, fmt.Sprintf("ERROR %d-%d", round, i))
		}
		want = append(want, lines...)
		s.logLines(lines...)
		s.kill()
		s.boot()
	}
	s.await("all lines are in the stream", time.Minute, func() bool {
		out, err := s.python("logs.py", "records", "lines").Output()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, l := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			got[l] = true
		}
		for _, l := range want {
			if !got[l] {
				return false
			}
		}
		return len(got) == len(want)
	})

	s.logLines(`{"latency":12,"path":"/a"}`, `{"latency":8,"path":"/a"}`, `{"latency":1,"path":"/b"}`)
	var stats struct {
		Datapoints []struct{ Sum, SampleCount float64 }
	}
	s.awsJSON(&stats, "cloudwatch", "get-metric-statistics", "--namespace", "App", "--metric-name", "Latency", "--dimensions", "Name=Path,Value=/a",
		"--start-time", time.Now().Add(-time.Hour).Format(time.RFC3339), "--end-time", time.Now().Add(time.Hour).Format(time.RFC3339), "--period", "86400", "--statistics", "Sum", "SampleCount")
	if len(stats.Datapoints) != 1 || stats.Datapoints[0].Sum != 20 || stats.Datapoints[0].SampleCount != 2 {
		t.Errorf("got %+v", stats)
	}

	got := s.insights("g", "filter @message like /ERROR/ | parse 'ERROR *-*' as round, n | stats count_distinct(n) as lines by round | sort round")
	if fmt.Sprint(got) != "[[{round 0} {lines 300}] [{round 1} {lines 300}] [{round 2} {lines 300}]]" {
		t.Errorf("got %v", got)
	}
}

// liveTailOfTheCLI runs `aws logs start-live-tail`, which prints nothing until a line arrives: lines are put until one does.
func (s *server) liveTailOfTheCLI(t *testing.T) {
	account := s.aws("sts", "get-caller-identity", "--query", "Account", "--output", "text")
	cmd := exec.CommandContext(t.Context(), filepath.Join(cache, "venv", "bin", "aws"), "logs", "start-live-tail", "--log-group-identifiers",
		"arn:aws:logs:"+s.getenv("AWS_REGION")+":"+account+":log-group:g", "--log-stream-name-prefixes", "s", "--log-event-filter-pattern", "shown -hidden")
	cmd.Env, cmd.Stderr = s.env, t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	s.await("aws logs start-live-tail shows a line", time.Minute, func() bool {
		s.logLines("shown, but hidden", "shown by the CLI")
		select {
		case line := <-lines:
			if line != "shown by the CLI" {
				t.Errorf("it shows %q", line)
			}
			return true
		case <-time.After(200 * time.Millisecond):
			return false
		}
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	for line := range lines {
		if line != "shown by the CLI" {
			t.Errorf("it shows %q", line)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}

// cell is a field of an answer of Logs Insights.
type cell struct{ Field, Value string }

// insights runs a query over the last hour of a log group to its end.
func (s *server) insights(group, query string) [][]cell {
	s.t.Helper()
	id := strings.TrimSpace(s.aws("logs", "start-query", "--log-group-name", group, "--start-time", fmt.Sprint(time.Now().Add(-time.Hour).Unix()),
		"--end-time", fmt.Sprint(time.Now().Unix()), "--query-string", query, "--query", "queryId", "--output", "text"))
	var answer struct {
		Status  string
		Results [][]cell
	}
	s.await("the query is complete", time.Minute, func() bool {
		s.awsJSON(&answer, "logs", "get-query-results", "--query-id", id)
		return answer.Status == "Complete"
	})
	return answer.Results
}
