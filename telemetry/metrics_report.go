package telemetry

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// report turns the lines of one process into samples.
func (p *reporter) report(lines []line, now time.Time) (Application, []Datum) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(now)
	whole := map[string]float64{} // divisors, by measurement and process
	for _, l := range lines {
		whole[l.measurement+"\x00"+process(l)] = l.fields["value"]
	}
	chains := p.chains(lines)
	var data []Datum
	for _, l := range lines {
		for i := range byMeasurement[l.measurement] {
			m := &byMeasurement[l.measurement][i]
			v, ok := p.value(m, l, whole)
			if !ok {
				continue
			}
			data = p.sample(data, m, m.scopes, l, v, now)
			if m.chained != nil {
				for _, o := range chains[subtask(l)] {
					data = p.sample(data, m, m.chained, o, v, now)
				}
			}
		}
		if name, pairs, ok := custom(l); ok {
			data = p.custom(data, l, name, pairs, now)
		}
	}
	return p.app, p.downtime(data, lines, now)
}

// process names the reporting JVM.
func process(l line) string { return l.tags["host"] + "/" + l.tags["tm_id"] }

// value computes what the metric has in this line.
func (p *reporter) value(m *metric, l line, whole map[string]float64) (float64, bool) {
	v, ok := l.fields[m.field]
	if !ok || m.flink2 && !p.app.Flink2 {
		return 0, false
	}
	if m.divisor != "" {
		v /= whole[m.divisor+"\x00"+process(l)]
	}
	if m.scale != 0 {
		v *= m.scale
	}
	if m.restarts {
		v = max(0, v+float64(p.facts.Restarts)) // Flink may not have counted yet what is not to count
	}
	if m.up && !p.facts.DownSince.IsZero() {
		v = 0
	}
	return v, !math.IsNaN(v) && !math.IsInf(v, 0)
}

// subtask names the thread that a line is of.
func subtask(l line) string {
	return process(l) + "\x00" + l.tags["task_id"] + "\x00" + l.tags["subtask_index"]
}

// chains gives for each subtask a line of each of its operators, unless nothing is told of operators.
func (p *reporter) chains(lines []line) map[string][]line {
	if levels[p.app.MetricsLevel] < operator {
		return nil
	}
	of, seen := map[string][]line{}, map[string]bool{}
	for _, l := range lines {
		if l.tags["operator_id"] == "" {
			continue
		}
		thread := subtask(l)
		if o := thread + "\x00" + l.tags["operator_id"]; !seen[o] {
			seen[o] = true
			of[thread] = append(of[thread], l)
		}
	}
	return of
}

// sample adds the line's value in each of the scopes that the application publishes.
func (p *reporter) sample(data []Datum, m *metric, scopes []scope, l line, v float64, now time.Time) []Datum {
	for i, s := range scopes {
		if s.level > levels[p.app.MetricsLevel] {
			continue
		}
		if !p.due(fmt.Sprint(m.name, "\x00", m.from, "\x00", i, "\x00", entity(l)), m.minute, now) {
			continue
		}
		data = append(data, p.datum(m.name, m.unit, v, now, s.of(l)))
	}
	return data
}

// entity tells apart what reports under one measurement. A job, task or subtask that starts anew goes on where the one
// before it was.
func entity(l line) string {
	var b strings.Builder
	for _, tag := range []string{"host", "tm_id", "task_id", "operator_id", "operator_name", "subtask_index", "stream", "shardId", "topic", "partition", "client_id"} {
		b.WriteString(l.tags[tag])
		b.WriteByte(0)
	}
	return b.String()
}

// of gives the dimensions of the scope beside Application.
func (s scope) of(l line) []Dimension {
	out := make([]Dimension, 0, len(s.dimensions)+1)
	for _, d := range s.dimensions {
		value, constant := strings.CutPrefix(d.tag, "=")
		if !constant {
			value = noBlanks(l.tags[d.tag])
		}
		out = append(out, Dimension{d.name, value})
	}
	return out
}

// noBlanks writes Flink's names as the service does.
func noBlanks(s string) string {
	return strings.Join(strings.Fields(s), "_")
}

func (p *reporter) datum(name, unit string, v float64, now time.Time, dimensions []Dimension) Datum {
	return Datum{Name: name, Unit: unit, Value: v, Time: now, Dimensions: append(dimensions, Dimension{"Application", p.app.Name})}
}
