package cloudwatch

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestNewest(t *testing.T) {
	s, c := open(t, t.TempDir())
	put(t, s, value("orders", noon.Add(-3*time.Minute), 1), value("orders", noon.Add(-2*time.Minute), 5), value("orders", noon.Add(-2*time.Minute), 3), value("orders", noon, 100), value("old", noon.Add(-20*time.Minute), 7))
	c.set(noon.Add(30 * time.Second)) // in the midst of a minute
	newest := func() (got []string) {
		t.Helper()
		if err := s.Newest(t.Context(), 5*time.Minute, func(n Newest) bool {
			got = append(got, fmt.Sprintf("%s %s/%s %g %g %g %g", n.Region, n.Namespace, n.Name, n.Count, n.Sum, n.Min, n.Max))
			return true
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := newest(); !slices.Equal(got, []string{"us-east-1 Shop/orders 2 8 3 5"}) {
		t.Error(got)
	}
	c.set(noon.Add(time.Hour))
	if got := newest(); len(got) != 0 {
		t.Error(got)
	}
}
