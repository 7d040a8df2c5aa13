package telemetry_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	model "drey/model/logs"
	"drey/telemetry"
	"drey/wire"
)

// BenchmarkShip carries a file of 200,000 lines into a log stream. What it costs the processors for a line tells how much of
// one an application of 10,000 lines a second takes away from its host.
func BenchmarkShip(b *testing.B) {
	const lines = 200_000
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		db, s, err := openLogs(dir)
		if err != nil {
			b.Fatal(err)
		}
		ctx := wire.WithRequest(b.Context(), &wire.Request{Account: killTarget.Account, Region: killTarget.Region})
		if _, err := s.CreateLogGroup(ctx, &model.CreateLogGroupInput{LogGroupName: new("g")}); err != nil {
			b.Fatal(err)
		}
		if _, err := s.CreateLogStream(ctx, &model.CreateLogStreamInput{LogGroupName: new("g"), LogStreamName: new("s")}); err != nil {
			b.Fatal(err)
		}
		path := filepath.Join(dir, "taskmanager.log")
		var text strings.Builder
		for i := range lines {
			fmt.Fprintf(&text, `{"applicationARN":"arn:aws:kinesisanalytics:us-east-1:123456789012:application/orders","applicationVersionId":"1","locationInformation":"org.apache.flink.X.y(X.java:%d)","logger":"org.apache.flink.X","message":"line %d %s","messageSchemaVersion":"1","messageType":"INFO","threadName":"Source: Orders (1/1)#0","timestamp":%d}`+"\n",
				i%500, i, strings.Repeat("word ", 20), time.Now().UnixMilli())
		}
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			b.Fatal(err)
		}
		t, err := telemetry.NewTailer(b.Context(), telemetry.TailerConfig{DB: db, Sink: shipped{s}, Poll: time.Millisecond})
		if err != nil {
			b.Fatal(err)
		}
		var before, after syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before) // cannot fail
		b.StartTimer()
		t.Follow(telemetry.LoggedApplication{ID: "app", ARN: "arn", Target: killTarget}, []string{path})
		for t.Counts("app").Shipped < lines {
			time.Sleep(time.Millisecond)
		}
		b.StopTimer()
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
		used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
		b.ReportMetric(float64(used.Microseconds())/lines, "cpu-µs/line")
		if err := t.Close(); err != nil {
			b.Error(err)
		}
		if err := s.Close(); err != nil {
			b.Error(err)
		}
		if err := db.Close(); err != nil {
			b.Error(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(lines*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
