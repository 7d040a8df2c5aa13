package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"

	"drey/app"
)

// job is an application that a policy scales, and what came of it.
type job struct {
	policy        string
	name, in, out string
	next          *string          // iterator of the counts
	counts        map[string]int64 // by key
	area          float64          // records × minutes
	worst         int64            // records
	kpu           float64          // minutes
	rescales      int
}

// start makes the application and waits until all of its tasks run.
func (s *server) start(ctx context.Context, j *job) error {
	if err := s.createStream(ctx, j.out, 1); err != nil {
		return err
	}
	it, err := s.streams.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: &j.out, ShardId: aws.String("shardId-000000000000"), ShardIteratorType: kinesistypes.ShardIteratorTypeTrimHorizon})
	if err != nil {
		return err
	}
	j.next, j.counts = it.ShardIterator, map[string]int64{}
	_, err = s.flink.CreateApplication(ctx, &flink.CreateApplicationInput{
		ApplicationName: &j.name, RuntimeEnvironment: types.RuntimeEnvironmentFlink118, ServiceExecutionRole: &s.role, ApplicationConfiguration: configuration(j),
		Tags: []types.Tag{{Key: aws.String(app.TagPolicy), Value: &j.policy}, {Key: aws.String(app.TagMax), Value: aws.String(strconv.Itoa(maxTasks))}},
	})
	if err != nil {
		return err
	}
	if _, err := s.flink.StartApplication(ctx, &flink.StartApplicationInput{ApplicationName: &j.name}); err != nil {
		return err
	}
	return s.awaitStatus(ctx, j, types.ApplicationStatusRunning)
}

func configuration(j *job) *types.ApplicationConfiguration {
	return &types.ApplicationConfiguration{
		ApplicationCodeConfiguration: &types.ApplicationCodeConfiguration{
			CodeContentType: types.CodeContentTypeZipfile,
			CodeContent:     &types.CodeContent{S3ContentLocation: &types.S3ContentLocation{BucketARN: aws.String("arn:aws:s3:::" + bucket), FileKey: aws.String("app.jar")}},
		},
		EnvironmentProperties: &types.EnvironmentProperties{PropertyGroups: []types.PropertyGroup{{
			PropertyGroupId: aws.String("Paced"), PropertyMap: map[string]string{"in": j.in, "out": j.out, "work.micros": workMicros, "burn.micros": burnMicros},
		}}},
		FlinkApplicationConfiguration: &types.FlinkApplicationConfiguration{
			CheckpointConfiguration: &types.CheckpointConfiguration{
				ConfigurationType: types.ConfigurationTypeCustom, CheckpointingEnabled: aws.Bool(true), CheckpointInterval: aws.Int64(5000), MinPauseBetweenCheckpoints: aws.Int64(0),
			},
			ParallelismConfiguration: &types.ParallelismConfiguration{
				ConfigurationType: types.ConfigurationTypeCustom, Parallelism: aws.Int32(1), ParallelismPerKPU: aws.Int32(tasksAKPU), AutoScalingEnabled: aws.Bool(true),
			},
		},
	}
}

// watch looks at the job each second until the curve is over, and counts its rescalings then.
func (s *server) watch(ctx context.Context, j *job, l *load) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for began, before := time.Now(), time.Now(); time.Since(began) < curveTime; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		backlog, err := s.backlog(ctx, j, l)
		if err != nil {
			return err
		}
		d, err := s.flink.DescribeApplication(ctx, &flink.DescribeApplicationInput{ApplicationName: &j.name})
		if err != nil {
			return err
		}
		tasks := *d.ApplicationDetail.ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription.ParallelismConfigurationDescription.CurrentParallelism
		minutes := time.Since(before).Minutes() / minute.Minutes()
		before = time.Now()
		j.area, j.worst = j.area+float64(backlog)*minutes, max(j.worst, backlog)
		j.kpu += float64((tasks+tasksAKPU-1)/tasksAKPU) * minutes
	}
	o, err := s.flink.ListApplicationOperations(ctx, &flink.ListApplicationOperationsInput{ApplicationName: &j.name, Operation: aws.String("AutoScaling")})
	if err != nil {
		return err
	}
	j.rescales = len(o.ApplicationOperationInfoList)
	return nil
}

// backlog is how many records were put and are not counted yet. A count is told within a second.
func (s *server) backlog(ctx context.Context, j *job, l *load) (int64, error) {
	out, err := s.streams.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: j.next})
	if err != nil {
		return 0, err
	}
	j.next = out.NextShardIterator
	for _, r := range out.Records {
		key, count, _ := strings.Cut(string(r.Data), " ")
		if j.counts[key], err = strconv.ParseInt(count, 10, 64); err != nil {
			return 0, fmt.Errorf("the count %q: %w", r.Data, err)
		}
	}
	n := l.put.Load()
	for _, count := range j.counts {
		n -= count
	}
	return max(n, 0), nil
}
