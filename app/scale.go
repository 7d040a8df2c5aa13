package app

import (
	"fmt"
	"time"
)

// Rule is when the service scales (developer guide, "Use automatic scaling"). Memory, lag and backpressure do not count.
type Rule struct {
	Minute  time.Duration // the length of a datapoint
	Up      float64       // percent of a KPU's CPU from which on the parallelism is doubled …
	UpFor   int           // … after so many consecutive datapoints
	Down    float64       // percent below which it is halved …
	DownFor int
}

// AWSRule is the rule as AWS documents it.
var AWSRule = Rule{Minute: time.Minute, Up: 75, UpFor: 15, Down: 10, DownFor: 360}

// Load is a datapoint: the highest containerCPUUtilization of any KPU in the minute that begins at a time.
type Load struct {
	At  time.Time
	CPU float64 // percent
}

// Scaling is what a decision about scaling looks at.
type Scaling struct {
	Rule   Rule
	Policy Policy
	Load   []Load // oldest first
	Flow   []Flow // oldest first, one for each minute; empty unless the policy asks for it
}

// Limits are what scaling may do.
type Limits struct {
	Current        int32
	Floor, Ceiling int32
	Since          time.Time // when the job took on its current parallelism: what was measured before is of no account
}

// Decision is another parallelism, and why; 0 = stay.
type Decision struct {
	Parallelism int32
	Reason      string
}

// Scale decides whether a running job should have another parallelism. Limits and schedules count at once, before what was measured.
func Scale(s Scaling, l Limits, now time.Time) Decision {
	if l.Ceiling < l.Floor {
		l.Floor = l.Ceiling
	}
	if n, entry := s.Policy.Schedule.at(now); n > 0 {
		l.Floor = min(max(n, l.Floor), l.Ceiling)
		if s.Policy.Name == ScheduleOnly || l.Current < l.Floor {
			return l.to(l.Floor, "the schedule says "+entry)
		}
	}
	switch {
	case l.Current < l.Floor:
		return l.to(l.Floor, fmt.Sprintf("it is below the least parallelism, which is %d", l.Floor))
	case s.Policy.Max > 0 && l.Current > s.Policy.Max: // what KPUs and operators allow is no reason to give up what runs
		return l.to(l.Ceiling, fmt.Sprintf("it is above %s, which is %d", TagMax, s.Policy.Max))
	}
	switch s.Policy.Name {
	case ScheduleOnly:
		return Decision{}
	case Throughput:
		return throughput(s, l, now)
	}
	return s.Rule.decide(s.Load, l, now)
}

// to decides for a parallelism within the limits, unless the job has it already.
func (l Limits) to(parallelism int32, reason string) Decision {
	parallelism = max(min(parallelism, l.Ceiling), l.Floor)
	if parallelism == l.Current {
		return Decision{}
	}
	return Decision{parallelism, reason}
}

// decide is AWS's rule: twice as much after a while of high load, half as much after a long while of hardly any.
func (r Rule) decide(load []Load, l Limits, now time.Time) Decision {
	switch {
	case l.Current < l.Ceiling && r.streak(load, l.Since, now, r.UpFor, func(cpu float64) bool { return cpu >= r.Up }):
		return l.to(2*l.Current, fmt.Sprintf("containerCPUUtilization was at least %g %% in %d consecutive datapoints of %v", r.Up, r.UpFor, r.Minute))
	case l.Current > l.Floor && r.streak(load, l.Since, now, r.DownFor, func(cpu float64) bool { return cpu < r.Down }):
		return l.to((l.Current+1)/2, fmt.Sprintf("containerCPUUtilization was below %g %% in %d consecutive datapoints of %v", r.Down, r.DownFor, r.Minute))
	}
	return Decision{}
}

// streak tells whether the last n whole minutes all have a datapoint that is so. A minute that began before since has not.
func (r Rule) streak(load []Load, since, now time.Time, n int, so func(cpu float64) bool) bool {
	minute := now.Truncate(r.Minute).Add(-r.Minute)
	for i := len(load) - 1; i >= 0 && n > 0; i-- {
		switch p := load[i]; {
		case p.At.After(minute): // not over yet
			continue
		case !p.At.Equal(minute) || p.At.Before(since) || !so(p.CPU):
			return false
		}
		minute, n = minute.Add(-r.Minute), n-1
	}
	return n == 0
}
