package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// call sends one request that is not measured.
func (s *server) call(ctx context.Context, op string, in map[string]any, out any) error {
	c, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	request, err := s.request(asJSON, op, in)
	if err != nil {
		return err
	}
	body, err := c.roundTrip(request)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", s.name, op, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(body, out)
}

// createStream waits until the stream is ACTIVE.
func (s *server) createStream(ctx context.Context, name string, shards int) error {
	if err := s.call(ctx, "CreateStream", map[string]any{"StreamName": name, "ShardCount": shards}, nil); err != nil {
		return err
	}
	return s.awaitStream(ctx, name)
}

type streamSummary struct {
	StreamDescriptionSummary struct {
		StreamARN    string
		StreamStatus string
	}
}

func (s *server) describe(ctx context.Context, name string) (streamSummary, error) {
	var d streamSummary
	err := s.call(ctx, "DescribeStreamSummary", map[string]any{"StreamName": name}, &d)
	return d, err
}

func (s *server) awaitStream(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		d, err := s.describe(ctx, name)
		if err != nil || d.StreamDescriptionSummary.StreamStatus == "ACTIVE" {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("stream %s is %s: %w", name, d.StreamDescriptionSummary.StreamStatus, ctx.Err())
		}
	}
}

// onStream measures on a stream of its own, which is deleted afterwards, so that no measurement meets what another has
// stored.
func (b *bench) onStream(ctx context.Context, s *server, shards int, measure func(stream string) (outcome, error)) (outcome, error) {
	name := b.streamName()
	if err := s.createStream(ctx, name, shards); err != nil {
		return outcome{}, err
	}
	o, err := measure(name)
	if err != nil {
		return outcome{}, err
	}
	return o, s.call(ctx, "DeleteStream", map[string]any{"StreamName": name, "EnforceConsumerDeletion": true}, nil)
}

// streamName gives a name that no stream of the run has had.
func (b *bench) streamName() string {
	b.streams++
	return fmt.Sprintf("bench-%d", b.streams)
}
