package kinesis

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestMetricsOfRecordsThatCannotBeStored(t *testing.T) {
	var m meter
	now, l := time.Unix(1_700_000_000, 0), new(lane)
	m.putRecord(now, now.Add(3*time.Millisecond), l, 10, failed)
	lost := &batch{lane: l, places: []int{0, 1}, refused: []int{2}}
	lost.Err = errors.New("the disk is full")
	m.putRecords(now, now.Add(5*time.Millisecond), []*batch{lost})
	got := m.takeAll()[0]
	for x, want := range map[streamMetric]tally{
		putRecordLatency:  {1, 3, 3, 3},
		putRecordsLatency: {1, 5, 5, 5},
		putRecordSuccess:  {1, 0, 0, 0},
		putRecordsSuccess: {1, 0, 0, 0},
		totalRecords:      {1, 3, 3, 3},
		failedRecords:     {1, 2, 2, 2},
		throttledRecords:  {1, 1, 1, 1},
		writeExceeded:     {2, 1, 0, 1},
		incomingBytes:     {},
		incomingRecords:   {},
	} {
		if got.stream[x] != want {
			t.Errorf("%s: %v", streamDescriptions[x].name, got.stream[x])
		}
	}
}

// TestMinutesOfAMeter: samples go to the minute in which their operation ended, and never to one that was handed over.
func TestMinutesOfAMeter(t *testing.T) {
	var m meter
	l, start := new(lane), time.Unix(1_700_000_000, 0).Truncate(time.Minute)
	count := func(after time.Duration) { m.putRecord(start.Add(after), start.Add(after), l, 1, succeeded) }
	took := func(after time.Duration) (out []string) {
		for _, x := range m.take(start.Add(after)) {
			out = append(out, fmt.Sprint(x.start.Sub(start), " ", x.stream[incomingRecords].sum))
		}
		return out
	}
	count(0)
	count(59 * time.Second)
	if got := took(59999 * time.Millisecond); got != nil {
		t.Error(got)
	}
	count(61 * time.Second)
	count(59 * time.Second) // by a clock that was set back
	count(5 * time.Minute)
	if got := fmt.Sprint(took(5*time.Minute + time.Second)); got != "[0s 2 1m0s 2]" {
		t.Error(got)
	}
	if got := fmt.Sprint(took(6 * time.Minute)); got != "[5m0s 1]" {
		t.Error(got)
	}
	if got := took(time.Hour); got != nil {
		t.Error(got)
	}
}

func TestMeterCostsNoAllocation(t *testing.T) {
	var m meter
	now, p := time.Unix(1_700_000_000, 0), page{}
	batches := []*batch{{lane: new(lane), places: []int{0}, size: 10}, {lane: &lane{shard: shard{Index: 1}}, places: []int{1}, size: 10}}
	if n := testing.AllocsPerRun(100, func() {
		m.putRecord(now, now, batches[0].lane, 10, succeeded)
		m.putRecords(now, now, batches)
		m.getRecords(now, now, batches[0].lane, p, succeeded)
		m.pushed(now, "reader", batches[1].lane, p)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSpreadIsNearItsSamples(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		v := math.Exp2(random.Float64()*float64(spreadMost-spreadLeast) + spreadLeast)
		var s spread
		s.add(v)
		values, counts := s.values(0, math.Inf(1))
		if len(values) != 1 || counts[0] != 1 || math.Abs(values[0]-v) > 0.032*v {
			t.Fatalf("%v became %v times %v", v, counts, values)
		}
	}
	var s spread
	for _, v := range []float64{0, 1e-9, 5, 5, 1e12} {
		s.add(v)
	}
	values, counts := s.values(0, 1e12)
	if len(values) != 3 || !slices.Equal(counts, []float64{2, 2, 1}) || !slices.IsSorted(values) || values[2] < 1e6 {
		t.Errorf("%v times %v", counts, values)
	}
}

func BenchmarkMeter(b *testing.B) {
	var m meter
	l := new(lane)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			now := time.Now()
			m.putRecord(now, time.Now(), l, 100, succeeded)
		}
	})
}
