package telemetry

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// downtime adds the sample that the JobManager's report and the keeper's facts come to. Flink's own gauge stays 0 while
// the job is RESTARTING after the failure of a task, for it counts from FAILING alone; restartingTime is the rest.
func (p *reporter) downtime(data []Datum, lines []line, now time.Time) []Datum {
	down, reported := 0.0, false
	for _, l := range lines {
		switch l.measurement {
		case job + "downtime":
			reported = true
			if down = max(down, l.fields["value"]); l.fields["value"] < 0 {
				return p.down(data, l.fields["value"], now) // the job has ended
			}
		case job + "restartingTime":
			down = max(down, l.fields["value"])
		}
	}
	if !reported {
		return data
	}
	return p.down(data, max(down, p.downFor(now)), now)
}

func (p *reporter) downFor(now time.Time) float64 {
	if p.facts.DownSince.IsZero() {
		return 0
	}
	return math.Max(0, float64(now.Sub(p.facts.DownSince).Milliseconds()))
}

func (p *reporter) down(data []Datum, v float64, now time.Time) []Datum {
	if p.due(downtime.name, downtime.minute, now) {
		data = append(data, p.derived(&downtime, v, now))
	}
	return data
}

// derived is a sample of what is known of the application as a whole.
func (p *reporter) derived(m *metric, v float64, now time.Time) Datum {
	return p.datum(m.name, m.unit, v, now, nil)
}

// observed gives the samples that only the keeper's facts tell: downtime while no JobManager reports, and KPUs, at once
// and then every hour.
func (p *reporter) observed(now time.Time) (Application, []Datum) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var data []Datum
	if v := p.downFor(now); v > 0 {
		data = p.down(data, v, now)
	}
	const part = 60 * 60 // an hour is one part of 60 minutes
	if p.facts.KPUs > 0 {
		if hour := now.Unix() / part; p.kpus < hour {
			p.kpus = hour
			data = append(data, p.derived(&kpus, float64(p.facts.KPUs), now))
		}
	}
	return p.app, data
}

// containers measures the TaskManagers twice a minute.
func (p *reporter) containers(ctx context.Context, minute time.Duration, now time.Time) ([]Datum, error) {
	p.mu.Lock()
	measure := p.app.Containers
	if measure == nil || !p.due("containers", twice*int(time.Minute/minute), now) {
		p.mu.Unlock()
		return nil, nil
	}
	p.mu.Unlock()
	found, err := measure(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var data []Datum
	before := p.cpu
	p.cpu = map[string]cpuUse{}
	for _, c := range found {
		p.cpu[c.Name] = cpuUse{now, c.CPUSeconds}
		if b, ok := before[c.Name]; ok {
			n := len(data)
			data = p.ratio(data, &containerCPU, c.CPUSeconds-b.seconds, now.Sub(b.at).Seconds()*c.CPULimit, now)
			if len(data) > n {
				p.note(data[n].Value, minute, now)
			}
		}
		data = p.ratio(data, &containerMemory, float64(c.MemoryBytes), float64(c.MemoryMax), now)
		data = p.ratio(data, &containerDisk, float64(c.DiskBytes), float64(c.DiskMax), now)
	}
	return data, nil
}

// ratio adds a percentage; one without limit, or of a process that was replaced meanwhile, is left out.
func (p *reporter) ratio(data []Datum, m *metric, used, limit float64, now time.Time) []Datum {
	if limit <= 0 || used < 0 {
		return data
	}
	return append(data, p.derived(m, 100*used/limit, now))
}

// flinkTags are the scope variables of Flink's own; all others are key-value groups of the user.
var flinkTags = map[string]bool{
	"host": true, "tm_id": true, "job_id": true, "job_name": true, "task_id": true, "task_name": true, "task_attempt_id": true,
	"task_attempt_num": true, "subtask_index": true, "operator_id": true, "operator_name": true,
}

const userGroup = "kinesisanalytics_"

// custom recognises a metric below the group that the service exports: "Use custom metrics with Amazon Managed Service
// for Apache Flink". The pairs of key-value groups become dimensions; plain groups stay in the name. Histograms are not
// supported, there as here.
func custom(l line) (name string, pairs []Dimension, ok bool) {
	const prefix = op + userGroup
	if len(l.measurement) <= len(prefix) || !strings.EqualFold(l.measurement[:len(prefix)], prefix) {
		return "", nil, false
	}
	if _, histogram := l.fields["max"]; histogram {
		return "", nil, false
	}
	name = l.measurement[len(prefix):]
	for more := true; more; {
		more = false
		for key, value := range l.tags {
			rest, found := strings.CutPrefix(name, key+"_")
			if found && rest != "" && !flinkTags[key] {
				name, pairs, more = rest, append(pairs, Dimension{key, value}), true
				break
			}
		}
	}
	return name, pairs, true
}

// customKinds say what the fields of a counter, gauge and meter are worth; a meter has a rate beside its count.
var customKinds = []struct{ field, unit string }{{"rate", perSecond}, {"value", noUnit}, {"count", count}}

var customScopes = []scope{byApplication, byTask, byOperator, byInstance}

func (p *reporter) custom(data []Datum, l line, name string, pairs []Dimension, now time.Time) []Datum {
	for _, kind := range customKinds {
		v, ok := l.fields[kind.field]
		if !ok {
			continue
		}
		for i, s := range customScopes {
			if s.level > levels[p.app.MetricsLevel] || !p.due(fmt.Sprint(l.measurement, "\x00", i, "\x00", pairs, entity(l)), snapshots, now) {
				continue
			}
			data = append(data, p.datum(name, kind.unit, v, now, append(s.of(l), pairs...)))
		}
		break
	}
	return data
}
