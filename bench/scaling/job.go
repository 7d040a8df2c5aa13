package main

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"

	"drey/app"
	"drey/bench/server"
	"drey/e2e/paced"
)

// job is an application that a policy scales, and what came of it.
type job struct {
	policy        string
	name, in, out string
	counts        *paced.Counts
	area          float64 // records × minutes
	worst         int64   // records
	kpu           float64 // minutes
	rescales      int
}

// start makes the application and waits until all of its tasks run.
func (s *drey) start(ctx context.Context, j *job) error {
	if err := s.CreateStream(ctx, j.out, 1); err != nil {
		return err
	}
	counts, err := paced.ReadCounts(ctx, s.streams, j.out)
	if err != nil {
		return err
	}
	j.counts = counts
	_, err = s.Flink.CreateApplication(ctx, &flink.CreateApplicationInput{
		ApplicationName: &j.name, RuntimeEnvironment: types.RuntimeEnvironmentFlink118, ServiceExecutionRole: &s.role, ApplicationConfiguration: configuration(j),
		Tags: []types.Tag{{Key: aws.String(app.TagPolicy), Value: &j.policy}, {Key: aws.String(app.TagMax), Value: aws.String(strconv.Itoa(maxTasks))}},
	})
	if err != nil {
		return err
	}
	return s.Run(ctx, j.name)
}

func configuration(j *job) *types.ApplicationConfiguration {
	return &types.ApplicationConfiguration{
		ApplicationCodeConfiguration: server.Code(),
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
func (s *drey) watch(ctx context.Context, j *job, records *paced.Producer) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for began, before := time.Now(), time.Now(); time.Since(began) < curveTime; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		backlog, _, err := j.counts.Backlog(ctx, records)
		if err != nil {
			return err
		}
		d, err := s.Flink.DescribeApplication(ctx, &flink.DescribeApplicationInput{ApplicationName: &j.name})
		if err != nil {
			return err
		}
		tasks := *d.ApplicationDetail.ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription.ParallelismConfigurationDescription.CurrentParallelism
		minutes := time.Since(before).Minutes() / minute.Minutes()
		before = time.Now()
		j.area, j.worst = j.area+float64(backlog)*minutes, max(j.worst, backlog)
		j.kpu += float64((tasks+tasksAKPU-1)/tasksAKPU) * minutes
	}
	o, err := s.Flink.ListApplicationOperations(ctx, &flink.ListApplicationOperationsInput{ApplicationName: &j.name, Operation: aws.String("AutoScaling")})
	if err != nil {
		return err
	}
	j.rescales = len(o.ApplicationOperationInfoList)
	return nil
}
