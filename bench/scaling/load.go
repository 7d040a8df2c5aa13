package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func cosine(periods float64) float64 { return math.Cos(2 * math.Pi * periods) }

// load puts records into a stream as a curve says.
type load struct {
	server *server
	stream string
	rate   func(minute float64) float64 // tasks' worth
	put    atomic.Int64                 // records so far
}

const (
	tick = 100 * time.Millisecond
	keys = 64
)

// run plays the curve to its end.
func (l *load) run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	filler := strings.Repeat("x", 8000) // what lies in Flink's buffers is little work
	began, before, due := time.Now(), time.Now(), 0.0
	for time.Since(began) < curveTime {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		now := time.Now()
		due += realTask * l.rate(now.Sub(began).Minutes()/minute.Minutes()) * now.Sub(before).Seconds()
		before = now
		var batch []types.PutRecordsRequestEntry
		for ; due >= 1 && len(batch) < 500; due-- {
			key := fmt.Sprint("key-", (l.put.Load()+int64(len(batch)))%keys)
			batch = append(batch, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(key + " " + filler)})
		}
		if batch == nil {
			continue
		}
		out, err := l.server.streams.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &l.stream, Records: batch})
		if err != nil {
			return err
		}
		if *out.FailedRecordCount > 0 {
			return fmt.Errorf("%d records were not taken", *out.FailedRecordCount)
		}
		l.put.Add(int64(len(batch)))
	}
	return nil
}
