package app

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Tags of an application that say how it is scaled, beyond what AWS offers (docs/scaling.md). They count where AutoScalingEnabled
// does.
const (
	TagPrefix   = "drey:"
	TagPolicy   = "drey:scaling-policy"
	TagMin      = "drey:scaling-min"
	TagMax      = "drey:scaling-max"
	TagSchedule = "drey:scaling-schedule"
	TagDryRun   = "drey:scaling-dry-run"
	TagInPlace  = "drey:rescaling"
)

// The values of TagPolicy.
const (
	AWSPolicy    = "aws"
	Throughput   = "throughput"
	ScheduleOnly = "schedule"
)

// Policy is what the tags say.
type Policy struct {
	Name     string // AWSPolicy (also ""), Throughput or ScheduleOnly
	Min, Max int32  // 0 = not limited by a tag
	Schedule Schedule
	DryRun   bool // say what would be done, and do nothing
	Restart  bool // never in place
}

// ReadPolicy reads tags. Those of other owners mean nothing; a misspelled one of ours is an error.
func ReadPolicy(tags map[string]string) (p Policy, err error) {
	for key, value := range tags {
		if !strings.HasPrefix(key, TagPrefix) {
			continue
		}
		if err := p.set(key, value); err != nil {
			return Policy{}, err
		}
	}
	if p.Max > 0 && p.Min > p.Max {
		return Policy{}, fmt.Errorf("the tag %s is %d, which is more than the %d of %s", TagMin, p.Min, p.Max, TagMax)
	}
	if p.Name == ScheduleOnly && p.Schedule == nil {
		return Policy{}, fmt.Errorf("the tag %s is %s, and there is no %s", TagPolicy, ScheduleOnly, TagSchedule)
	}
	return p, nil
}

func (p *Policy) set(key, value string) (err error) {
	choice := func(choices ...string) error {
		for _, c := range choices {
			if value == c {
				return nil
			}
		}
		return fmt.Errorf("the tag %s is %q; it may be %s", key, value, strings.Join(choices, " or "))
	}
	switch key {
	case TagPolicy:
		p.Name, err = value, choice(AWSPolicy, Throughput, ScheduleOnly)
	case TagMin:
		p.Min, err = readParallelism(key, value)
	case TagMax:
		p.Max, err = readParallelism(key, value)
	case TagSchedule:
		p.Schedule, err = readSchedule(value)
	case TagDryRun:
		p.DryRun, err = value == "true", choice("true", "false")
	case TagInPlace:
		p.Restart, err = value == "restart", choice("in-place", "restart")
	default:
		err = fmt.Errorf("there is no tag %s; those that begin with %s are described in docs/scaling.md", key, TagPrefix)
	}
	return err
}

func readParallelism(key, value string) (int32, error) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("the tag %s is %q, which is no parallelism", key, value)
	}
	return int32(n), nil
}

// Limits are what scaling may do to a job of the application: the configured parallelism is the floor, the KPUs that one may have
// and the lowest maximum parallelism of an operator the ceiling.
func (a *Application) Limits(p Policy, maxKPUs int, maxParallelism int32) Limits {
	c := a.Version.Configuration.Parallelism
	l := Limits{Current: a.Current(), Floor: c.Parallelism, Ceiling: c.PerKPU * int32(maxKPUs)}
	if a.Run != nil {
		l.Since = a.Run.Reached
	}
	if maxParallelism > 0 {
		l.Ceiling = min(l.Ceiling, maxParallelism)
	}
	if p.Min > 0 {
		l.Floor = p.Min
	}
	if p.Max > 0 {
		l.Ceiling = min(l.Ceiling, p.Max)
	}
	return l
}

// Schedule is when which parallelism is wanted, in UTC.
type Schedule []scheduled

type scheduled struct {
	from, to    time.Weekday
	minute      int // of the day
	parallelism int32
	text        string
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// readSchedule reads entries like "08:00=4", "mon-fri@08:00=4" or "sat@10:30=1", with blanks between them.
func readSchedule(value string) (Schedule, error) {
	var s Schedule
	for text := range strings.FieldsSeq(strings.ToLower(value)) {
		e := scheduled{from: time.Sunday, to: time.Saturday, text: text}
		days, rest, found := strings.Cut(text, "@")
		if !found {
			days, rest = "", text
		}
		clock, number, ok := strings.Cut(rest, "=")
		at, err := time.Parse("15:04", clock)
		n, err2 := strconv.ParseInt(number, 10, 32)
		if !ok || err != nil || err2 != nil || n < 1 || found && !e.days(days) {
			return nil, fmt.Errorf("the tag %s has the entry %q; entries are like mon-fri@08:00=4 or 20:00=1, in UTC", TagSchedule, text)
		}
		e.minute, e.parallelism = at.Hour()*60+at.Minute(), int32(n)
		s = append(s, e)
	}
	if s == nil {
		return nil, fmt.Errorf("the tag %s is empty", TagSchedule)
	}
	return s, nil
}

func (e *scheduled) days(text string) bool {
	from, to, span := strings.Cut(text, "-")
	if !span {
		to = from
	}
	found := 0
	for i, day := range weekdays {
		if day == from {
			e.from, found = time.Weekday(i), found+1
		}
		if day == to {
			e.to, found = time.Weekday(i), found+1
		}
	}
	return found == 2
}

// on tells whether the entry is of a day. A span may go over the end of the week.
func (e scheduled) on(day time.Weekday) bool {
	if e.from <= e.to {
		return e.from <= day && day <= e.to
	}
	return day >= e.from || day <= e.to
}

// at gives the parallelism of the entry that came last; 0 = there is none.
func (s Schedule) at(now time.Time) (parallelism int32, text string) {
	now = now.UTC()
	var newest time.Time
	for back := range 8 {
		day := now.AddDate(0, 0, -back)
		for _, e := range s {
			at := time.Date(day.Year(), day.Month(), day.Day(), e.minute/60, e.minute%60, 0, 0, time.UTC)
			if e.on(day.Weekday()) && !at.After(now) && !at.Before(newest) {
				newest, parallelism, text = at, e.parallelism, e.text
			}
		}
		if parallelism > 0 {
			break
		}
	}
	return parallelism, text
}
