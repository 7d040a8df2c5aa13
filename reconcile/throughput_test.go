package reconcile

import (
	"math"
	"strings"
	"testing"
	"time"

	"drey/app"
	msfmodel "drey/model/kinesisanalyticsv2"
)

// work is what a job of a source of the old interface and a worker has done since it began: three times as much arrives as a
// task can take, until the load ends.
func (h *house) work(began, ends time.Time) func(vertex string, subtask int) map[string]float64 {
	return func(vertex string, _ int) map[string]float64 {
		seconds := h.clock.Sub(began).Seconds()
		loaded := min(seconds, ends.Sub(began).Seconds())
		if vertex == "a" {
			return map[string]float64{
				"numRecordsOut": 100 * seconds, "accumulateBusyTimeMs": math.NaN(), "accumulateIdleTimeMs": 0, "accumulateBackPressuredTimeMs": 1000 * loaded,
				"In.KinesisConsumer.stream.in.shardId.1.millisBehindLatest": 1000 * max(loaded*2/3-3*(seconds-loaded), 0),
			}
		}
		return map[string]float64{
			"numRecordsIn": 100 * seconds, "accumulateBusyTimeMs": 1000*loaded + 100*(seconds-loaded), "accumulateIdleTimeMs": 900 * (seconds - loaded), "accumulateBackPressuredTimeMs": 0,
		}
	}
}

// TestThroughputPolicy goes by what Flink tells, in one step up and in one down, and the log tells why.
func TestThroughputPolicy(t *testing.T) {
	h := running(t)
	h.must(h.enableScaling())
	h.settled(app.Running)
	_, err := h.api.TagResource(h.as(), &msfmodel.TagResourceInput{ResourceARN: new(h.application().ARN), Tags: []msfmodel.Tag{
		{Key: new(app.TagPolicy), Value: new(app.Throughput)}, {Key: new(app.TagMax), Value: new("8")},
	}})
	h.must(err)
	began := h.clock
	h.jm.Metrics = h.work(began, began.Add(time.Hour))
	h.scales(5, 7)
	if len(h.notes) != 1 || !strings.Contains(h.notes[0], "b takes 100 records/s at 100 % of its time with parallelism 1") || !strings.Contains(h.notes[0], "3.00 times as much as it takes arrives") {
		t.Errorf("the log says %q", h.notes)
	}
	h.jm.Metrics = h.work(h.clock, h.clock)
	h.scales(15, 1)
	if len(h.notes) != 2 || !strings.Contains(h.notes[1], "no vertex is busy") {
		t.Errorf("the log says %q", h.notes)
	}
}

// scales lets so many minutes pass at most, and wants the job to have a parallelism then.
func (h *house) scales(minutes, want int) {
	h.Helper()
	for range 12 * minutes {
		h.must(h.pass())
		if h.application().Status() == app.Autoscaling {
			h.settled(app.Running)
			h.runs(want, want)
			return
		}
		h.clock = h.clock.Add(4 * time.Second)
		h.load = append(h.load, app.Load{At: h.clock.Truncate(time.Minute), CPU: 5})
	}
	h.Errorf("it does not scale to %d; the log says %q", want, h.notes)
}
