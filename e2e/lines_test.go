package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// line is a numbered line of the test application (e2e/jars, Lines) in Logs.
type line struct {
	number, written, stored int64 // times in milliseconds
}

// lineReader reads the lines in a log group.
type lineReader struct {
	t      *testing.T
	client *logs.Client
	group  *string
}

func (s *server) readLines(group string) lineReader {
	s.t.Helper()
	return lineReader{s.t, logs.New(logs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + s.listen),
		Credentials: credentials.NewStaticCredentialsProvider(s.getenv("AWS_ACCESS_KEY_ID"), s.getenv("AWS_SECRET_ACCESS_KEY"), ""),
	}), &group}
}

const lineText = "is about an order"

// add reads the number of an event's line; what Flink itself logs is passed over.
func (r lineReader) add(lines []line, message *string, written, stored *int64) []line {
	r.t.Helper()
	var record struct{ Message string }
	if err := json.Unmarshal([]byte(*message), &record); err != nil {
		r.t.Fatalf("the event %s: %v", *message, err)
	}
	l := line{-1, *written, *stored}
	if n, _ := fmt.Sscanf(record.Message, "line %d "+lineText, &l.number); n == 1 {
		lines = append(lines, l)
	}
	return lines
}

// gotten is what GetLogEvents gives of a stream, page by page from its head.
func (r lineReader) gotten(stream string) (lines []line) {
	r.t.Helper()
	for in := (&logs.GetLogEventsInput{LogGroupName: r.group, LogStreamName: &stream, StartFromHead: aws.Bool(true)}); ; {
		out, err := r.client.GetLogEvents(r.t.Context(), in)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range out.Events {
			lines = r.add(lines, e.Message, e.Timestamp, e.IngestionTime)
		}
		if in.NextToken != nil && *in.NextToken == *out.NextForwardToken {
			return lines
		}
		in.NextToken = out.NextForwardToken
	}
}

// filtered is what FilterLogEvents finds, page by page.
func (r lineReader) filtered() (lines []line) {
	r.t.Helper()
	for in := (&logs.FilterLogEventsInput{LogGroupName: r.group, FilterPattern: aws.String(`"` + lineText + `"`)}); ; {
		out, err := r.client.FilterLogEvents(r.t.Context(), in)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range out.Events {
			lines = r.add(lines, e.Message, e.Timestamp, e.IngestionTime)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return lines
		}
	}
}

// newest is the number of the newest line; -1 = there is none.
func (r lineReader) newest() int64 {
	r.t.Helper()
	out, err := r.client.FilterLogEvents(r.t.Context(), &logs.FilterLogEventsInput{
		LogGroupName: r.group, FilterPattern: aws.String(`"` + lineText + `"`), StartFromHead: aws.Bool(false), StartTime: aws.Int64(time.Now().Add(-time.Hour).UnixMilli()), Limit: aws.Int32(1),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range out.Events {
		return r.add(nil, e.Message, e.Timestamp, e.IngestionTime)[0].number
	}
	return -1
}

// eachOnce wants the numbers below n, each once.
func eachOnce(t *testing.T, how string, lines []line, n int) {
	t.Helper()
	times := make([]int, n)
	for _, l := range lines {
		if l.number >= int64(n) {
			t.Fatalf("%s gives line %d, which nobody wrote", how, l.number)
		}
		times[l.number]++
	}
	for want := range 3 {
		if i := slices.Index(times, want); want != 1 && i >= 0 {
			t.Errorf("%s gives line %d %d times; %d lines of %d", how, i, want, len(lines), n)
		}
	}
}

// begunFiles counts the log files that TaskManagers have begun, of those that are there.
func (s *server) begunFiles() int {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.data, "clusters", "*", "log", "*taskmanager*.json*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(files)
}

// TestTenThousandLinesASecond has an application log that much. The server is killed while lines are on their way, and again for
// as long as it takes the application to begin another file. The application keeps its pace, each line is there once, and at the
// end the server is not behind.
func TestTenThousandLinesASecond(t *testing.T) {
	const rate, seconds = 10_000, 30
	s := serve(t)
	s.makeRole("app")
	a := s.create("lines", createOptions{jar: jar("test-lines.jar"), groups: map[string]map[string]string{
		"lines": {"lines": fmt.Sprint(rate * seconds), "per.second": fmt.Sprint(rate)},
	}})
	s.aws("logs", "create-log-group", "--log-group-name", "lines")
	a.logTo("lines")
	a.run()
	r := s.readLines("lines")
	s.await("lines of five seconds", time.Minute, func() bool { return r.newest() >= 5*rate })
	s.kill()
	s.boot()
	s.await("lines of ten seconds", time.Minute, func() bool { return r.newest() >= 10*rate })
	s.kill()
	files := s.begunFiles()
	s.await("the application begins another file", time.Minute, func() bool { return s.begunFiles() > files })
	s.boot()
	s.await("the last line", time.Minute, func() bool { return r.newest() == rate*seconds-1 })

	gotten := r.gotten(a.name)
	eachOnce(t, "GetLogEvents", gotten, rate*seconds)
	eachOnce(t, "FilterLogEvents", r.filtered(), rate*seconds)
	byNumber := func(x, y line) int { return int(x.number - y.number) }
	first, last := slices.MinFunc(gotten, byNumber), slices.MaxFunc(gotten, byNumber)
	took, late := time.Duration(last.written-first.written)*time.Millisecond, time.Duration(last.stored-last.written)*time.Millisecond
	t.Logf("%d lines in %.1f s, the last one stored %.2f s later", len(gotten), took.Seconds(), late.Seconds())
	if took > seconds*time.Second*11/10 {
		t.Errorf("the application took %v for the lines of %d seconds", took, seconds)
	}
	if late > 5*time.Second {
		t.Errorf("the last line was stored %v after it was written", late)
	}
}
