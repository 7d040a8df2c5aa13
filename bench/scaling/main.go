// Scaling holds the rules of automatic scaling against curves of load, in a model of a job: a queue, and a worker whose every
// parallel task takes a thousand records a second. The rules are the server's own (app.Scale); nothing runs. With -real a server and
// real jobs do, in compressed time. It judges nothing.
//
//	go run ./bench/scaling [-real [-quick]]
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"syscall"
	"time"

	"drey/app"
)

const (
	perTask = 1000.0 // records a second
	hours   = 24
	gap     = 1 // seconds without processing at each change
)

// curves give the records that come in a second, by the hour.
var curves = []struct {
	name string
	rate func(hour float64) float64
}{
	{"step", func(h float64) float64 { return choose(h >= 2 && h < 10, 6500, 700) }},
	{"ramp", func(h float64) float64 { return 500 + 7000*math.Max(0, 1-math.Abs(h-8)/6) }},
	{"sine", func(h float64) float64 { return 4000 - 3500*math.Cos(2*math.Pi*h/12) }},
	{"spike", func(h float64) float64 { return choose(h >= 4 && h < 4.25, 12000, 900) }},
}

func choose(yes bool, a, b float64) float64 {
	if yes {
		return a
	}
	return b
}

// outcome is what a rule made of a curve.
type outcome struct {
	backlog  float64 // million records times hours
	worst    float64 // seconds that the oldest record waited
	kpu      int     // minutes
	rescales int
}

func main() {
	jobs := flag.Bool("real", false, "play the curves to real jobs, an hour in two minutes")
	quick := flag.Bool("quick", false, "with -real: one curve")
	flag.Parse()
	if *jobs {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if err := playReal(ctx, *quick); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	model()
}

// model plays the curves to a queue.
func model() {
	fmt.Println("| load | policy | backlog, million records × h | longest wait, s | KPU-minutes | rescalings |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, c := range curves {
		for _, policy := range []string{app.AWSPolicy, app.Throughput} {
			o := play(policy, c.rate)
			fmt.Printf("| %s | %s | %.2f | %.0f | %d | %d |\n", c.name, policy, o.backlog, o.worst, o.kpu, o.rescales)
		}
	}
}

// play runs a day, second by second, and lets the policy decide each minute.
func play(policy string, rate func(hour float64) float64) (o outcome) {
	began := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	s := app.Scaling{Rule: app.AWSRule, Policy: app.Policy{Name: policy}}
	l := app.Limits{Current: 1, Floor: 1, Ceiling: 64, Since: began}
	queue, down := 0.0, 0
	for minute := range hours * 60 {
		at := began.Add(time.Duration(minute) * time.Minute)
		arrived, done, capacity := 0.0, 0.0, 0.0
		for second := range 60 {
			in := rate(float64(minute)/60 + float64(second)/3600)
			can := perTask * float64(l.Current)
			capacity += can
			if down > 0 {
				can, down = 0, down-1
			}
			out := math.Min(queue+in, can)
			queue += in - out
			arrived, done = arrived+in, done+out
			o.backlog += queue / 1e6 / 3600
			o.worst = math.Max(o.worst, queue/perTask/float64(l.Current))
		}
		o.kpu += int(l.Current)
		busy := done / capacity
		s.Load = append(s.Load, app.Load{At: at, CPU: 100 * busy})
		end := at.Add(time.Minute)
		s.Flow = append(s.Flow, app.Flow{From: at, At: end, Vertices: []app.VertexFlow{
			{Vertex: app.Vertex{Name: "Source", Parallelism: int(l.Current)}, Out: done / 60, Busy: busy / 10, Backlog: queue / math.Max(arrived/60, 1), Arriving: arrived / math.Max(done, 1)},
			{Vertex: app.Vertex{Name: "Worker", Parallelism: int(l.Current), Inputs: []int{0}}, In: done / 60, Busy: busy, Backlog: math.NaN()},
		}})
		if d := app.Scale(s, l, end); d.Parallelism > 0 {
			l.Current, l.Since, down = d.Parallelism, end, gap
			o.rescales++
		}
	}
	return o
}
