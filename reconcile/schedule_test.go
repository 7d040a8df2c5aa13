package reconcile

import (
	"strings"
	"testing"
	"time"

	"drey/app"
	msfmodel "drey/model/kinesisanalyticsv2"
)

// TestScheduleScales the running job at its times, up and down, without a look at the load; the log names the entry.
func TestScheduleScales(t *testing.T) {
	h := running(t)
	h.must(h.enableScaling())
	h.settled(app.Running)
	job := h.application().Run.JobID
	_, err := h.api.TagResource(h.as(), &msfmodel.TagResourceInput{ResourceARN: new(h.application().ARN), Tags: []msfmodel.Tag{
		{Key: new(app.TagPolicy), Value: new(app.ScheduleOnly)}, {Key: new(app.TagSchedule), Value: new("08:00=3 20:00=1")},
	}})
	h.must(err)
	h.measure(15, 99)
	for range 10 {
		h.must(h.pass())
	}
	if h.application().Operation != nil || h.application().Current() != 1 {
		t.Error("it scales before its time")
	}
	for _, c := range []struct {
		hour, want int
		entry      string
	}{{8, 3, "from parallelism 1 to 3: the schedule says 08:00=3"}, {20, 1, "from parallelism 3 to 1: the schedule says 20:00=1"}} {
		h.clock = time.Date(2026, 1, 2, c.hour, 0, 1, 0, time.UTC)
		h.until("scaling", func(a *app.Application) bool { return a.Status() == app.Autoscaling })
		h.settled(app.Running)
		h.runs(c.want, c.want)
		if last := h.notes[len(h.notes)-1]; !strings.Contains(last, c.entry) {
			t.Errorf("the log says %q", last)
		}
	}
	if len(h.notes) != 2 || h.application().Run.JobID != job {
		t.Errorf("the log says %q, or it is another job", h.notes)
	}
}

// TestForestalledScalingIsNotTold decides to scale, and the owner changes the application before that has begun.
func TestForestalledScalingIsNotTold(t *testing.T) {
	h := running(t)
	seen := h.application()
	h.rescale(2, 1, false)
	h.must(h.loop.scale(t.Context(), seen, app.Step{Kind: app.ScaleTo, Parallelism: 4, Error: "of load"}))
	if a := h.application(); a.Operation == nil || a.Operation.Kind != app.Update {
		t.Errorf("the operation is %+v", a.Operation)
	}
	if len(h.notes) != 0 {
		t.Errorf("the log says %q", h.notes)
	}
}
