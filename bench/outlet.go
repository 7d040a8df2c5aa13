package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"drey/bench/server"
)

// outlet reads what a carrier writes, from now on.
type outlet struct {
	streams *kinesis.Client
	next    *string // iterator
	keys    map[string]*flow
	longest time.Duration // between two records of a key
}

// flow is the newest record of a key.
type flow struct{ put, arrived time.Time }

func (c *carrier) outlet(ctx context.Context, stream string) (*outlet, error) {
	it, err := c.streams.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &stream, ShardId: aws.String("shardId-000000000000"), ShardIteratorType: kinesistypes.ShardIteratorTypeLatest,
	})
	if err != nil {
		return nil, err
	}
	o := &outlet{streams: c.streams, next: it.ShardIterator, keys: map[string]*flow{}}
	for _, key := range c.keys {
		o.keys[key] = &flow{}
	}
	return o, nil
}

// await reads until records of all keys have come that were put after a time.
func (o *outlet) await(ctx context.Context, since time.Time) error {
	return server.Poll(ctx, 250*time.Millisecond, carrierLimit, func() (bool, error) {
		page, err := o.streams.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: o.next})
		if err != nil {
			return false, err
		}
		o.next = page.NextShardIterator
		for _, r := range page.Records {
			if err := o.note(r); err != nil {
				return false, err
			}
		}
		for _, f := range o.keys {
			if f.put.Before(since) {
				return false, nil
			}
		}
		return true, nil
	})
}

func (o *outlet) note(r kinesistypes.Record) error {
	var key string
	var put int64
	if _, err := fmt.Sscanf(string(r.Data), "%s %d", &key, &put); err != nil {
		return err
	}
	f := o.keys[key]
	if f == nil {
		return fmt.Errorf("a record of the key %q, which none was put under", key)
	}
	if !f.arrived.IsZero() {
		o.longest = max(o.longest, r.ApproximateArrivalTimestamp.Sub(f.arrived))
	}
	*f = flow{time.UnixMilli(put), *r.ApproximateArrivalTimestamp}
	return nil
}
