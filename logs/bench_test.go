package logs

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	model "drey/model/logs"
	"drey/store/sql"
)

// storedLines is how many lines the searching benchmarks go through: as a Flink application writes them.
const storedLines = 1_000_000

func flinkLine(i int) string {
	level := "INFO"
	if i%1000 == 0 {
		level = "WARN"
	}
	return fmt.Sprintf(`{"locationInformation":"org.apache.flink.runtime.executiongraph.ExecutionGraph.transition(ExecutionGraph.java:1432)",`+
		`"logger":"org.apache.flink.runtime.executiongraph.ExecutionGraph","message":"Source: Orders (%d/4) (%08x) switched from SCHEDULED to DEPLOYING in %d ms.",`+
		`"threadName":"flink-pekko.actor.default-dispatcher-%d","applicationARN":"arn:aws:kinesisanalytics:us-east-1:123456789012:application/orders",`+
		`"applicationVersionId":"3","messageSchemaVersion":"1","messageType":"%s","latency":%d}`, i%4+1, uint32(i)*2654435761, i%977, i%16, level, i%500)
}

// storeLines gives a service with storedLines lines of the last hour.
func storeLines(b *testing.B) (*Service, context.Context) {
	b.Helper()
	dir := b.TempDir()
	db := must(sql.Open(filepath.Join(dir, "drey.db")))
	s := must(Open(b.Context(), Config{DB: db, Dir: filepath.Join(dir, "logs"), Log: slog.New(slog.DiscardHandler)}))
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
		_ = db.Close()
	})
	ctx := newRequest(b.Context())
	must(s.CreateLogGroup(ctx, &model.CreateLogGroupInput{LogGroupName: new(testGroup)}))
	must(s.CreateLogStream(ctx, &model.CreateLogStreamInput{LogGroupName: new(testGroup), LogStreamName: new(testStream)}))
	begin := time.Now().Add(-time.Hour).UnixMilli()
	const batch = 2000
	for i := 0; i < storedLines; i += batch {
		events := make([]Event, batch)
		for j := range events {
			events[j] = Event{begin + int64(i+j)*3600/1000, flinkLine(i + j)}
		}
		if err := s.Append(ctx, "123456789012", "us-east-1", testGroup, testStream, events, nil); err != nil {
			b.Fatal(err)
		}
	}
	return s, ctx
}

// BenchmarkFilter searches a million lines, page by page, to the end.
func BenchmarkFilter(b *testing.B) {
	s, ctx := storeLines(b)
	for _, pattern := range []string{"nowhere", `"switched from RUNNING to FAILED"`, `{ $.messageType = "ERROR" }`, `{ $.latency > 500 }`, "%RUNNING to [FR]%", "DEPLOYING -SCHEDULED"} {
		b.Run(pattern, func(b *testing.B) {
			for b.Loop() {
				in := &model.FilterLogEventsInput{LogGroupName: new(testGroup), FilterPattern: &pattern}
				for {
					out := must(s.FilterLogEvents(ctx, in))
					if len(out.Events) > 0 {
						b.Fatal("found something")
					}
					if in.NextToken = out.NextToken; in.NextToken == nil {
						break
					}
				}
			}
		})
	}
}

// BenchmarkQuery evaluates queries over a million lines.
func BenchmarkQuery(b *testing.B) {
	s, ctx := storeLines(b)
	for _, text := range []string{
		"stats count(*) by bin(5m)", "filter @message like /RUNNING to FAILED/ | fields @timestamp, message", "stats avg(latency), pct(latency, 95) by messageType",
		"filter message like /switched/ | parse message 'in * ms' as ms | stats max(ms)",
	} {
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				id := must(s.StartQuery(ctx, &model.StartQueryInput{LogGroupName: new(testGroup), QueryString: &text, StartTime: new(int64(0)), EndTime: new(time.Now().Unix())})).QueryId
				q := s.queries.find(placeOf(ctx), *id)
				<-q.done
				if q.status != model.QueryStatusComplete || q.counts.Scanned != storedLines {
					b.Fatal(q.status, q.counts)
				}
			}
		})
	}
}

// BenchmarkAppend takes lines as the tailer hands them in.
func BenchmarkAppend(b *testing.B) {
	dir := b.TempDir()
	db := must(sql.Open(filepath.Join(dir, "drey.db")))
	s := must(Open(b.Context(), Config{DB: db, Dir: filepath.Join(dir, "logs"), Log: slog.New(slog.DiscardHandler)}))
	defer func() { _ = s.Close(); _ = db.Close() }()
	ctx := newRequest(b.Context())
	must(s.CreateLogGroup(ctx, &model.CreateLogGroupInput{LogGroupName: new(testGroup)}))
	must(s.CreateLogStream(ctx, &model.CreateLogStreamInput{LogGroupName: new(testGroup), LogStreamName: new(testStream)}))
	events := make([]Event, 2000)
	for i := range events {
		events[i] = Event{time.Now().UnixMilli(), flinkLine(i)}
	}
	for b.Loop() {
		if err := s.Append(ctx, "123456789012", "us-east-1", testGroup, testStream, events, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(events)*b.N)/b.Elapsed().Seconds(), "lines/s")
}
