package cloudwatch

import (
	"math"
	"testing"
)

// TestExtendedStatistics counts by hand on the values 1 to 10 and on a few more.
func TestExtendedStatistics(t *testing.T) {
	var parts []bucket
	for v := 1.0; v <= 10; v++ {
		parts = append(parts, sample(v, 1))
	}
	ten, weighted := fold(parts...), fold(sample(5, 6), sample(100, 2), sample(1000, 2))
	for _, c := range []struct {
		name string
		of   bucket
		want float64
	}{
		{"p50", ten, 5}, {"p99.9", ten, 10}, {"tm90", ten, 5}, {"TM(:90%)", ten, 5}, {"TM(10%:90%)", ten, 5.5}, {"IQM", ten, 6}, {"TM(80%:)", ten, 9.5},
		{"TM(2:5)", ten, 4}, {"tc90", ten, 9}, {"TC(2:5)", ten, 3}, {"TC(:0.5)", ten, 0}, {"TS(80%:)", ten, 19}, {"ts90", ten, 45}, {"TS(20:30)", ten, 0},
		{"PR(:3)", ten, 30}, {"PR(3:5)", ten, 20}, {"PR(8:)", ten, 20}, {"wm80", ten, 5.2}, {"WM(20%:80%)", ten, 5.3}, {"WM(3:8)", ten, 5.5},
		{"tm60", weighted, 5}, {"tm70", weighted, (30 + 100) / 7.0}, {"TM(70%:90%)", weighted, 550}, {"PR(5:100)", weighted, 20}, {"tc100", weighted, 10},
	} {
		f, ok := namedStat(c.name)
		if !ok {
			t.Errorf("%s is not known", c.name)
			continue
		}
		if got, ok := f(c.of); !ok || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s = %g, %v, want %g", c.name, got, ok, c.want)
		}
	}
	for _, name := range []string{"tm90", "TC(1:2)", "WM(10%:)", "PR(:1)", "IQM"} {
		f, _ := namedStat(name)
		for what, b := range map[string]bucket{"a statistic set": statisticSet(3, 6, 1, 3), "a negative value": fold(sample(-1, 1), sample(2, 1))} {
			if got, ok := f(b); ok {
				t.Errorf("%s of %s = %g", name, what, got)
			}
		}
	}
	if _, ok := rangeStats["tm"](bounds{low: 50, high: 60})(ten); ok {
		t.Error("the mean of nothing is known")
	}
}

func TestStatisticNamesThatAreNone(t *testing.T) {
	for _, name := range []string{"", "Mean", "average", "p101", "p", "tm", "tm101", "TM(90)", "TM(:)", "TM(1:50%)", "TM(90%:10%)", "TM(-1%:5%)", "PR(1%:5%)", "TM(a:b)", "TM(1.2.3:)", "PR90", "q50", "TM(:%)"} {
		if _, ok := namedStat(name); ok {
			t.Errorf("%s is known", name)
		}
	}
}
