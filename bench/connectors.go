package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"
	"golang.org/x/sync/errgroup"

	"drey/bench/server"
)

const (
	carrierShards = 2
	carrierEvery  = 50 * time.Millisecond // a record to each shard
	carrierLimit  = time.Minute           // for records to come out again
	carrierIn     = "carrier-in"
	consumerName  = "carrier"
)

// reader is a way to read a stream: a connector and its properties.
type reader struct {
	name, class string
	properties  map[string]string
}

// readers are those of flink-connector-kinesis 4.2.0. Their names in the table say what users set.
func readers(consumerARN string) []reader {
	fanOut := func(more map[string]string) map[string]string {
		more["flink.stream.recordpublisher"] = "EFO"
		return more
	}
	const older = "FlinkKinesisConsumer"
	return []reader{
		{"KinesisStreamsSource", "KinesisStreamsSource", nil},
		{older, older, nil},
		{older + ", EFO, registration NONE", older, fanOut(map[string]string{
			"flink.stream.efo.registration": "NONE", "flink.stream.efo.consumerarn." + carrierIn: consumerARN})},
		{older + ", EFO, registration LAZY", older, fanOut(map[string]string{"flink.stream.efo.consumername": "lazy"})},
	}
}

// carrier is an application that carries records from one stream to another, which are put all the time.
type carrier struct {
	*drey
	streams *kinesis.Client
	arn     string // of the stream "carrier-in"
	keys    [carrierShards]string
}

// connectors prints for each reader how long no record came out of a job while its parallelism changed, at a stretch, of the
// shard that waited longest.
func (s *drey) connectors(ctx context.Context, jar string, rounds int) error {
	c := &carrier{drey: s, streams: kinesis.NewFromConfig(s.Config)}
	if err := s.Upload(ctx, jar); err != nil {
		return err
	}
	consumer, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	for i, r := range readers(consumer) {
		up, down, err := c.gaps(ctx, fmt.Sprint("carrier-", i), r, rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		fmt.Printf("gap between records, %-42s 1 → 2: %6.2f s, restarted %6.2f s    2 → 1: %6.2f s, restarted %6.2f s\n", r.name,
			median(up.inPlace).Seconds(), median(up.restart).Seconds(), median(down.inPlace).Seconds(), median(down.restart).Seconds())
	}
	return nil
}

// prepare makes the stream that is read, finds a partition key for each of its shards, and registers a consumer.
func (c *carrier) prepare(ctx context.Context) (consumerARN string, err error) {
	name := aws.String(carrierIn)
	if err := c.CreateStream(ctx, *name, carrierShards); err != nil {
		return "", err
	}
	d, err := c.streams.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
	if err != nil {
		return "", err
	}
	c.arn = *d.StreamDescriptionSummary.StreamARN
	for i := 0; slices.Contains(c.keys[:], ""); i++ {
		key := fmt.Sprint("key-", i)
		out, err := c.streams.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: &key, Data: []byte(key)})
		if err != nil {
			return "", err
		}
		c.keys[(*out.ShardId)[len(*out.ShardId)-1]-'0'] = key
	}
	made, err := c.streams.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: &c.arn, ConsumerName: aws.String(consumerName)})
	if err != nil {
		return "", err
	}
	return *made.Consumer.ConsumerARN, nil
}

// ways are the gaps of one change of the parallelism.
type ways struct{ inPlace, restart []time.Duration }

// gaps runs an application with the reader, and changes its parallelism both ways.
func (c *carrier) gaps(ctx context.Context, name string, r reader, rounds int) (up, down ways, err error) {
	if err := c.CreateStream(ctx, name, 1); err != nil {
		return up, down, err
	}
	if err := c.create(ctx, name, r); err != nil {
		return up, down, err
	}
	if err := c.Run(ctx, name); err != nil {
		return up, down, err
	}
	for range rounds {
		for _, way := range []struct {
			to      int
			inPlace bool
			gaps    *[]time.Duration
		}{{2, true, &up.inPlace}, {1, true, &down.inPlace}, {2, false, &up.restart}, {1, false, &down.restart}} {
			gap, err := c.gap(ctx, name, way.to, way.inPlace)
			if err != nil {
				return up, down, err
			}
			*way.gaps = append(*way.gaps, gap)
		}
	}
	return up, down, c.Stop(ctx, name)
}

func (c *carrier) create(ctx context.Context, name string, r reader) error {
	properties := map[string]string{"reader": r.class, "in": carrierIn, "in.arn": c.arn, "out": name}
	for k, v := range r.properties {
		properties[k] = v
	}
	_, err := c.Flink.CreateApplication(ctx, &flink.CreateApplicationInput{
		ApplicationName: &name, RuntimeEnvironment: types.RuntimeEnvironmentFlink118, ServiceExecutionRole: &c.role,
		ApplicationConfiguration: &types.ApplicationConfiguration{
			ApplicationCodeConfiguration:     server.Code(),
			ApplicationSnapshotConfiguration: &types.ApplicationSnapshotConfiguration{SnapshotsEnabled: aws.Bool(true)},
			EnvironmentProperties: &types.EnvironmentProperties{PropertyGroups: []types.PropertyGroup{
				{PropertyGroupId: aws.String("Carrier"), PropertyMap: properties}}},
			FlinkApplicationConfiguration: &types.FlinkApplicationConfiguration{ParallelismConfiguration: &types.ParallelismConfiguration{
				ConfigurationType: types.ConfigurationTypeCustom, Parallelism: aws.Int32(1), ParallelismPerKPU: aws.Int32(1), AutoScalingEnabled: aws.Bool(false)}},
		},
	})
	return err
}

// gap changes the parallelism while records are put, and gives how long none came out.
func (c *carrier) gap(ctx context.Context, name string, parallelism int, inPlace bool) (time.Duration, error) {
	putting, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return c.put(putting) })
	longest, err := c.watch(ctx, name, func() error { return c.changeParallelism(ctx, name, parallelism, inPlace) })
	stop()
	return longest, errors.Join(err, g.Wait())
}

// put puts a record into each shard at even times, until ctx ends. A record is its key and the time.
func (c *carrier) put(ctx context.Context) error {
	tick := time.NewTicker(carrierEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var batch []kinesistypes.PutRecordsRequestEntry
		for _, key := range c.keys {
			batch = append(batch, kinesistypes.PutRecordsRequestEntry{PartitionKey: aws.String(key), Data: fmt.Appendf(nil, "%s %d", key, time.Now().UnixMilli())})
		}
		if _, err := c.streams.PutRecords(context.WithoutCancel(ctx), &kinesis.PutRecordsInput{StreamName: aws.String(carrierIn), Records: batch}); err != nil {
			return err
		}
	}
}

// watch gives how long no record of a key came out, at a stretch, from when all flows until it flows again after the change.
func (c *carrier) watch(ctx context.Context, name string, change func() error) (time.Duration, error) {
	out, err := c.outlet(ctx, name)
	if err != nil {
		return 0, err
	}
	if err := out.await(ctx, time.Now()); err != nil {
		return 0, err
	}
	out.longest = 0
	if err := change(); err != nil {
		return 0, err
	}
	err = out.await(ctx, time.Now())
	return out.longest, err
}
