package main

import (
	"context"
	"math"
	"time"

	"drey/e2e/paced"
)

func cosine(periods float64) float64 { return math.Cos(2 * math.Pi * periods) }

const (
	tick      = 100 * time.Millisecond
	batchSize = 500
)

// load puts records as a curve says, to its end. The curve gives the tasks' worth of records that come in.
func load(ctx context.Context, records *paced.Producer, rate func(minute float64) float64) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	began, before, due := time.Now(), time.Now(), 0.0
	for time.Since(began) < curveTime {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		now := time.Now()
		due += realTask * rate(now.Sub(began).Minutes()/minute.Minutes()) * now.Sub(before).Seconds()
		before = now
		n := min(int(due), batchSize)
		if err := records.Put(ctx, n); err != nil {
			return err
		}
		due -= float64(n)
	}
	return nil
}
