package app_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"drey/app"
)

// minutes makes datapoints that end with the minute before now: "12x80 3x74 -" are twelve of 80 %, three of 74 %, and a minute
// without one.
func minutes(t *testing.T, now time.Time, text string) (load []app.Load) {
	t.Helper()
	var values []float64
	for word := range strings.FieldsSeq(text) {
		n, value := 1, word
		if count, v, ok := strings.Cut(word, "x"); ok {
			n, value = atoi(t, count), v
		}
		cpu := math.NaN()
		if value != "-" {
			cpu = float64(atoi(t, value))
		}
		values = append(values, slices.Repeat([]float64{cpu}, n)...)
	}
	end := now.Truncate(time.Minute)
	for i, v := range values {
		if !math.IsNaN(v) {
			load = append(load, app.Load{At: end.Add(time.Duration(i-len(values)) * time.Minute), CPU: v})
		}
	}
	return load
}

func atoi(t *testing.T, s string) (n int) {
	t.Helper()
	for _, c := range s {
		if c < '0' || c > '9' {
			t.Fatalf("%q is no number", s)
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// TestAWSRule is the table of "Use automatic scaling" of the developer guide.
func TestAWSRule(t *testing.T) {
	at := time.Date(2026, 1, 2, 12, 0, 10, 0, time.UTC)
	for _, c := range []struct {
		name                    string
		load                    string
		current, floor, ceiling int32
		want                    int32 // 0 = stay
	}{
		{"nothing measured", "", 1, 1, 64, 0},
		{"15 minutes at 75 % double", "15x75", 1, 1, 64, 2},
		{"whatever was before", "300x5 15x75", 4, 4, 64, 8},
		{"14 do not", "14x99", 1, 1, 64, 0},
		{"just below 75 % does not", "15x74", 1, 1, 64, 0},
		{"one minute below begins anew", "14x99 74 14x99", 1, 1, 64, 0},
		{"a minute without a datapoint begins anew", "10x99 - 14x99", 1, 1, 64, 0},
		{"the newest minute has to be there", "20x99 -", 1, 1, 64, 0},
		{"odd ones too", "15x80", 3, 3, 64, 6},
		{"up to the ceiling", "15x80", 3, 3, 5, 5},
		{"and not beyond", "15x80", 5, 3, 5, 0},
		{"360 minutes below 10 % halve", "360x9", 8, 1, 64, 4},
		{"rounding up", "360x0", 5, 1, 64, 3},
		{"359 do not", "359x0", 8, 1, 64, 0},
		{"10 % does not", "360x10", 8, 1, 64, 0},
		{"one minute of load begins anew", "359x0 10", 8, 1, 64, 0},
		{"a missing minute as well", "200x0 - 200x0", 8, 1, 64, 0},
		{"never below the configured parallelism", "360x0", 4, 4, 64, 0},
		{"up to it, if it is below", "", 2, 4, 64, 4},
		{"down to it", "360x0", 6, 4, 64, 4},
		{"neither high nor low", "400x50", 4, 1, 64, 0},
		{"a floor above the ceiling is the ceiling", "360x0", 4, 9, 4, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := app.Limits{Current: c.current, Floor: c.floor, Ceiling: c.ceiling}
			s := app.Scaling{Rule: app.AWSRule, Load: minutes(t, at, c.load)}
			got := app.Scale(s, l, at)
			if got.Parallelism != c.want || (got.Reason == "") != (c.want == 0) {
				t.Errorf("got %+v, expected %d", got, c.want)
			}
			s.Load = append(s.Load, app.Load{At: at.Truncate(time.Minute), CPU: 42}) // of the minute that is not over
			if again := app.Scale(s, l, at); again != got {
				t.Errorf("the running minute changes %+v to %+v", got, again)
			}
		})
	}
}

// TestAWSRuleBeginsAnewAfterScaling: with a clock that goes on, high load doubles every 15 minutes up to the ceiling, and none at all
// halves every six hours down to the floor.
func TestAWSRuleBeginsAnewAfterScaling(t *testing.T) {
	clock := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	l := app.Limits{Current: 2, Floor: 2, Ceiling: 12, Since: clock}
	var load []app.Load
	var steps []int32
	var took []time.Duration
	for minute := range 26 * 60 {
		cpu := 90.0
		if minute >= 60 {
			cpu = 1
		}
		load = append(load, app.Load{At: clock, CPU: cpu})
		clock = clock.Add(time.Minute)
		if d := app.Scale(app.Scaling{Rule: app.AWSRule, Load: load}, l, clock); d.Parallelism > 0 {
			steps, took = append(steps, d.Parallelism), append(took, clock.Sub(l.Since))
			l.Current, l.Since = d.Parallelism, clock
		}
	}
	if want := []int32{4, 8, 12, 6, 3, 2}; !slices.Equal(steps, want) {
		t.Errorf("it went to %v, expected %v", steps, want)
	}
	if want := []time.Duration{15 * time.Minute, 15 * time.Minute, 15 * time.Minute, 375 * time.Minute, 6 * time.Hour, 6 * time.Hour}; !slices.Equal(took, want) {
		t.Errorf("the steps took %v, expected %v", took, want)
	}
}

// TestLimits come from the configuration, the KPUs of an application, its operators and its tags.
func TestLimits(t *testing.T) {
	a := &app.Application{Run: &app.Run{Parallelism: 8, Reached: now}}
	a.Version.Configuration.Parallelism = app.Parallelism{Parallelism: 4, PerKPU: 2}
	for _, c := range []struct {
		policy app.Policy
		max    int32
		want   app.Limits
	}{
		{app.Policy{}, 0, app.Limits{Current: 8, Floor: 4, Ceiling: 128, Since: now}},
		{app.Policy{}, 100, app.Limits{Current: 8, Floor: 4, Ceiling: 100, Since: now}},
		{app.Policy{Min: 2, Max: 16}, 100, app.Limits{Current: 8, Floor: 2, Ceiling: 16, Since: now}},
		{app.Policy{Max: 200}, 100, app.Limits{Current: 8, Floor: 4, Ceiling: 100, Since: now}},
	} {
		if got := a.Limits(c.policy, 64, c.max); got != c.want {
			t.Errorf("%+v, %d: got %+v, expected %+v", c.policy, c.max, got, c.want)
		}
	}
}

func TestCarriedParallelism(t *testing.T) {
	configured := app.Parallelism{Parallelism: 2, PerKPU: 1, AutoScaling: true}
	a := &app.Application{Run: &app.Run{Parallelism: 8}}
	a.Version.Configuration.Parallelism = configured
	off := configured
	off.AutoScaling = false
	for _, c := range []struct {
		name  string
		next  app.Parallelism
		given bool
		want  int32
	}{
		{"an update of something else keeps what the service has made of it", configured, false, 8},
		{"the same parallelism, but given", configured, true, 2},
		{"another one", app.Parallelism{Parallelism: 3, PerKPU: 1, AutoScaling: true}, true, 3},
		{"the end of automatic scaling", off, false, 2},
	} {
		if got := a.Carry(c.next, c.given); got != c.want {
			t.Errorf("%s: %d, expected %d", c.name, got, c.want)
		}
	}
}
