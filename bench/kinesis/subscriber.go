package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
)

// subscriber takes events of SubscribeToShard. At the end of the shard it subscribes again from the beginning, if it is
// to read in laps.
type subscriber struct {
	ctx      context.Context
	server   *server
	consumer string // ARN
	shard    string
	position string
	laps     bool
	conn     *conn
	stream   io.Reader
	events   events
}

type subscribeInput struct {
	ConsumerARN      string
	ShardId          string
	StartingPosition startingPosition
}

type startingPosition struct{ Type string }

// subscribe waits for the place that the subscription before has had, and for the event that tells that it stands.
func (s *subscriber) subscribe() error {
	request, err := s.server.request(asJSON, "SubscribeToShard", subscribeInput{s.consumer, s.shard, startingPosition{s.position}})
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(stopLimit); ; {
		if s.conn, err = s.server.dial(s.ctx); err != nil {
			return err
		}
		if s.stream, err = s.conn.open(request); err == nil {
			_, err = s.events.next(s.stream) // initial-response
			return err
		}
		_ = s.conn.Close()
		refused, ok := errors.AsType[*errRefused](err)
		if !ok || !strings.Contains(refused.body, "ResourceInUse") || time.Now().After(deadline) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *subscriber) step() (int, error) {
	event, err := s.events.next(s.stream)
	if err != nil {
		return 0, err
	}
	n := asJSON.recordsIn(event)
	if s.laps && atTip(event) {
		if err := s.Close(); err != nil {
			return 0, err
		}
		return n, s.subscribe()
	}
	return n, nil
}

func (s *subscriber) Close() error { return s.conn.Close() }

// register adds a consumer to the stream and waits until it is ACTIVE.
func (s *server) register(ctx context.Context, stream, name string) (arn string, err error) {
	d, err := s.describe(ctx, stream)
	if err != nil {
		return "", err
	}
	in := map[string]any{"StreamARN": d.StreamDescriptionSummary.StreamARN, "ConsumerName": name}
	if err := s.call(ctx, "RegisterStreamConsumer", in, nil); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var out struct {
			ConsumerDescription struct{ ConsumerARN, ConsumerStatus string }
		}
		err := s.call(ctx, "DescribeStreamConsumer", in, &out)
		if err != nil || out.ConsumerDescription.ConsumerStatus == "ACTIVE" {
			return out.ConsumerDescription.ConsumerARN, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// subscribers are one for each of the first shards of a stream.
func (s *server) subscribers(ctx context.Context, consumer, position string, shards int) ([]*subscriber, error) {
	var all []*subscriber
	for i := range shards {
		x := &subscriber{ctx: ctx, server: s, consumer: consumer, shard: shard(i), position: position}
		if err := x.subscribe(); err != nil {
			for _, x := range all {
				_ = x.Close()
			}
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}
