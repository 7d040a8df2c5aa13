package main

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, c := range []struct {
		of   []time.Duration
		p    float64
		want time.Duration
	}{
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred, 99.5, 100}, {hundred, 0, 1},
		{hundred[:1], 50, 1}, {hundred[:1], 99, 1}, {hundred[:2], 50, 1}, {hundred[:3], 50, 2}, {hundred[:10], 99, 10}, {nil, 50, 0},
	} {
		if got := percentile(c.of, c.p); got != c.want {
			t.Errorf("percentile %v of %d values is %d, not %d", c.p, len(c.of), got, c.want)
		}
	}
}

func TestRatesOfWorkersAddUp(t *testing.T) {
	o := sum([]share{
		{records: 500, elapsed: time.Second, steps: []time.Duration{9, 1}},
		{records: 1500, elapsed: 3 * time.Second, steps: []time.Duration{5, 5, 5}},
	}, 2*time.Second)
	if o.records != 1000 || o.steps != 3 || o.p50 != 5 || o.p99 != 9 || o.cpu != time.Millisecond {
		t.Errorf("%+v", o)
	}
}

func TestMiddleTakesEachFigureByItself(t *testing.T) {
	o := middle([]outcome{{steps: 1, p50: 9, cpu: 2}, {steps: 3, p50: 7, cpu: 3}, {steps: 2, p50: 8, cpu: 1}})
	if o.steps != 2 || o.p50 != 8 || o.cpu != 2 {
		t.Errorf("%+v", o)
	}
}

// scripted plays the steps of a worker.
type scripted []error

func (s *scripted) step() (int, error) {
	err := (*s)[0]
	*s = (*s)[1:]
	return 1, err
}

func (*scripted) Close() error { return nil }

func TestAFailedStepEndsTheMeasurement(t *testing.T) {
	broken := errors.New("broken")
	w := &scripted{nil, nil, broken}
	shares, err := work(t.Context(), []worker{w}, time.Hour)
	if !errors.Is(err, broken) || shares[0].records != 2 {
		t.Errorf("%v after %d records", err, shares[0].records)
	}
}

func TestTableNumbers(t *testing.T) {
	for want, got := range map[string]string{
		"0": count(0), "999": count(999), "1,000": count(1000), "12,345,678": count(12345678),
		"0.25": decimal(0.25), "12.3": decimal(12.34), "1,234": decimal(1234.4),
	} {
		if got != want {
			t.Errorf("%s instead of %s", got, want)
		}
	}
	if !slices.Equal(names()[:2], []string{"puts", "put"}) {
		t.Errorf("parts: %v", names())
	}
	if _, err := (options{only: "puts,nonsense"}).chosen(); err == nil {
		t.Error("an unknown part was taken")
	}
}

func TestCostsAreForEachRecord(t *testing.T) {
	costs, err := parseCosts("goos: linux\npkg: drey/kinesis\n" +
		"BenchmarkPutRecords500x100B/JSON-2         \t    2000\t   1000000 ns/op\t       500.0 records/op\t  250000 B/op\t    5000 allocs/op\n" +
		"BenchmarkPutRecord100B/CBOR \t 9 \t 1.5e+03 ns/op\t 1.000 records/op\t 20 B/op\t 3 allocs/op\nPASS\n")
	want := []cost{{"PutRecords500x100B/JSON", 2000, 500, 10}, {"PutRecord100B/CBOR", 1500, 20, 3}}
	if err != nil || !slices.Equal(costs, want) {
		t.Errorf("%v, %v", costs, err)
	}
	if _, err := parseCosts("BenchmarkPutRecord\t 1\t 100 ns/op\n"); err == nil {
		t.Error("a benchmark without records was taken")
	}
}
