package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"

	"drey/bench/proc"
	"drey/bench/server"
)

const (
	lineWork   = 85 * time.Microsecond // what the job computes for each record: with a line for each it takes about 10,000 a second
	lineWarmUp = 10 * time.Second
	lineWindow = 15 * time.Second
	logStream  = "arn:aws:logs:us-east-1:123456789012:log-group:bench:log-stream:bench"
)

// pace is how a job went.
type pace struct {
	records float64       // a second, as Flink counts them
	server  time.Duration // processor time of the server in a second
}

// lines prints how many records a job takes that logs a line for each and is as fast as it can: on stock Flink, here with the
// lines staying in their file, and here with a log stream.
func (s *drey) lines(ctx context.Context, jar string, stock stockFlink, rounds int) error {
	sh := shape{jar, 1, "1g", map[string]map[string]string{"lines": {"work.micros": strconv.FormatInt(lineWork.Microseconds(), 10)}}}
	if err := s.replace(ctx, sh); err != nil {
		return err
	}
	l := logs.NewFromConfig(s.Config)
	if _, err := l.CreateLogGroup(ctx, &logs.CreateLogGroupInput{LogGroupName: aws.String("bench")}); err != nil {
		return err
	}
	if _, err := l.CreateLogStream(ctx, &logs.CreateLogStreamInput{LogGroupName: aws.String("bench"), LogStreamName: aws.String("bench")}); err != nil {
		return err
	}
	var theirs, kept, collected, cpu []float64
	for i := range rounds {
		t, err := s.stockPace(ctx, stock, sh)
		if err != nil {
			return fmt.Errorf("stock Flink: %w", err)
		}
		k, err := s.pace(ctx)
		if err != nil {
			return err
		}
		c, err := s.collectedPace(ctx)
		if err != nil {
			return err
		}
		theirs, kept, collected = append(theirs, t.records), append(kept, k.records), append(collected, c.records)
		cpu = append(cpu, float64((c.server-k.server).Milliseconds())/c.records*10_000)
		fmt.Printf("round %d: records/s with a line each %6.0f    not collected %.0f    stock Flink %.0f    server's processor time %.1f %%, not collecting %.1f %%\n",
			i+1, c.records, k.records, t.records, 100*c.server.Seconds(), 100*k.server.Seconds())
	}
	c, k, t := median(collected), median(kept), median(theirs)
	fmt.Printf("records/s, a line each  %6.0f      not collected %.0f    stock Flink %.0f (medians)\n", c, k, t)
	fmt.Printf("ratio to not collected  %6.3f      to stock Flink %.3f\n", c/k, c/t)
	fmt.Printf("server's processor time %6.0f ms   for 10,000 lines\n", median(cpu))
	return nil
}

func (s *drey) stockPace(ctx context.Context, stock stockFlink, sh shape) (pace, error) {
	if err := stock.configure(sh); err != nil {
		return pace{}, err
	}
	stop, err := stock.run(ctx, sh)
	defer stop()
	if err != nil {
		return pace{}, err
	}
	return s.paceAt(ctx, rest)
}

// pace runs the application for a while.
func (s *drey) pace(ctx context.Context) (pace, error) {
	if err := s.Run(ctx, application); err != nil {
		return pace{}, err
	}
	base, err := s.rest()
	if err != nil {
		return pace{}, err
	}
	p, err := s.paceAt(ctx, base)
	if err != nil {
		return pace{}, err
	}
	return p, s.Stop(ctx, application)
}

// collectedPace does so with a logging option, which the application has for this time.
func (s *drey) collectedPace(ctx context.Context) (pace, error) {
	name := aws.String(application)
	d, err := s.Flink.DescribeApplication(ctx, &flink.DescribeApplicationInput{ApplicationName: name})
	if err != nil {
		return pace{}, err
	}
	added, err := s.Flink.AddApplicationCloudWatchLoggingOption(ctx, &flink.AddApplicationCloudWatchLoggingOptionInput{
		ApplicationName: name, CurrentApplicationVersionId: d.ApplicationDetail.ApplicationVersionId, CloudWatchLoggingOption: &types.CloudWatchLoggingOption{LogStreamARN: aws.String(logStream)},
	})
	if err != nil {
		return pace{}, err
	}
	p, err := s.pace(ctx)
	if err != nil {
		return pace{}, err
	}
	_, err = s.Flink.DeleteApplicationCloudWatchLoggingOption(ctx, &flink.DeleteApplicationCloudWatchLoggingOptionInput{
		ApplicationName: name, CurrentApplicationVersionId: added.ApplicationVersionId, CloudWatchLoggingOptionId: added.CloudWatchLoggingOptionDescriptions[0].CloudWatchLoggingOptionId,
	})
	return p, err
}

// paceAt measures the job of a Flink after it has warmed up. Flink renews what it tells of its counters every ten seconds: the time
// goes from one such moment to another.
func (s *drey) paceAt(ctx context.Context, base string) (pace, error) {
	select {
	case <-ctx.Done():
		return pace{}, ctx.Err()
	case <-time.After(lineWarmUp):
	}
	count, err := counter(ctx, base)
	if err != nil {
		return pace{}, err
	}
	n, err := count()
	if err != nil {
		return pace{}, err
	}
	first, err := s.renewed(ctx, count, n)
	last := first
	for err == nil && last.at.Sub(first.at) < lineWindow {
		last, err = s.renewed(ctx, count, last.count)
	}
	seconds := last.at.Sub(first.at).Seconds()
	return pace{(last.count - first.count) / seconds, time.Duration(float64(last.server-first.server) / seconds)}, err
}

// moment is when a counter was renewed.
type moment struct {
	at     time.Time
	count  float64
	server time.Duration // processor time that the server has used
}

// renewed waits for another count.
func (s *drey) renewed(ctx context.Context, count func() (float64, error), than float64) (m moment, err error) {
	err = server.Poll(ctx, 50*time.Millisecond, time.Minute, func() (bool, error) {
		m.count, err = count()
		return m.count != than, err
	})
	if err != nil {
		return m, err
	}
	m.at = time.Now()
	m.server, err = proc.CPU(s.PID())
	return m, err
}

// counter gives a function that asks how many records the operator Write has taken.
func counter(ctx context.Context, base string) (func() (float64, error), error) {
	var overview struct {
		Jobs []struct{ JID, State string }
	}
	if err := get(ctx, base+"/jobs/overview", &overview); err != nil {
		return nil, err
	}
	for _, j := range overview.Jobs {
		if j.State != "RUNNING" {
			continue
		}
		var job struct{ Vertices []struct{ ID string } }
		if err := get(ctx, base+"/jobs/"+j.JID, &job); err != nil {
			return nil, err
		}
		if len(job.Vertices) != 1 {
			return nil, fmt.Errorf("the job has %d vertices", len(job.Vertices))
		}
		return func() (float64, error) {
			var metrics []struct{ Value string }
			err := get(ctx, base+"/jobs/"+j.JID+"/vertices/"+job.Vertices[0].ID+"/metrics?get=0.Write.numRecordsIn", &metrics)
			if err != nil || len(metrics) == 0 {
				return 0, err // not told yet
			}
			return strconv.ParseFloat(metrics[0].Value, 64)
		}, nil
	}
	return nil, fmt.Errorf("no job runs at %s", base)
}
