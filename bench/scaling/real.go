package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"drey/app"
	"drey/e2e/paced"
)

// What the real job is: a minute of the rule lasts two seconds, an hour two minutes, and so does each curve. A task takes fifty
// records a second, and computes for a fifth of its time. AWS's rule sees nothing but CPU, of which the JVM and the connectors
// take some as well: its thresholds are what such a task shows at 75 % and at 10 %, about.
const (
	minute     = 2 * time.Second
	realRule   = "2s,17:15,7:360"
	curveTime  = 60 * minute
	realTask   = 50 // records a second
	tasksAKPU  = 2
	maxTasks   = 6
	workMicros = "20000"
	burnMicros = "4000"
)

// realCurves give the tasks' worth of records that come in, by the minute of the hour.
var realCurves = []struct {
	name string
	rate func(minute float64) float64
}{
	{"step", func(m float64) float64 { return choose(m >= 5 && m < 35, 2.5, 0.4) }},
	{"spike", func(m float64) float64 { return choose(m >= 10 && m < 15, 4, 0.4) }},
	{"ramp", func(m float64) float64 { return 0.4 + 2.6*max(0, 1-max(m-25, 25-m)/20) }},
	{"sine", func(m float64) float64 { return 1.6 - 1.2*cosine(m/30) }},
}

// playReal plays the curves into streams, each read by one application for each policy, both at the same time.
func playReal(ctx context.Context, quick bool) (err error) {
	work, err := os.MkdirTemp("", "drey-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	s, err := openDrey(ctx, root, work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	curves := realCurves
	if quick {
		curves = curves[:1]
	}
	fmt.Println("| load | policy | backlog, records × min | worst backlog, records | KPU-minutes | rescalings |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, c := range curves {
		jobs := []*job{{policy: app.AWSPolicy}, {policy: app.Throughput}}
		if err := s.play(ctx, c.name, c.rate, jobs); err != nil {
			return err
		}
		for _, j := range jobs {
			fmt.Printf("| %s | %s | %.0f | %d | %.0f | %d |\n", c.name, j.policy, j.area, j.worst, j.kpu, j.rescales)
		}
	}
	return nil
}

// play starts the jobs, plays one curve, looks each second, and stops them.
func (s *drey) play(ctx context.Context, curve string, rate func(minute float64) float64, jobs []*job) error {
	in := "in-" + curve
	if err := s.CreateStream(ctx, in, 2); err != nil {
		return err
	}
	start, starting := errgroup.WithContext(ctx)
	for _, j := range jobs {
		j.name, j.in, j.out = curve+"-"+j.policy, in, "out-"+curve+"-"+j.policy
		start.Go(func() error { return s.start(starting, j) })
	}
	if err := start.Wait(); err != nil {
		return err
	}
	records := &paced.Producer{Client: s.streams, Stream: in}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return load(ctx, records, rate) })
	for _, j := range jobs {
		g.Go(func() error { return s.watch(ctx, j, records) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, j := range jobs {
		if err := s.Stop(context.WithoutCancel(ctx), j.name); err != nil {
			return err
		}
	}
	return nil
}
