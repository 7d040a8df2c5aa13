package flink

import (
	"encoding/json"
	"math"
	"testing"
)

// TestNumbersThatAreNone: Flink writes what sources of its old interface do not know as a text.
func TestNumbersThatAreNone(t *testing.T) {
	var list []aggregate
	if err := json.Unmarshal([]byte(`[{"id":"busyTimeMsPerSecond","avg":"NaN","sum":"NaN"},{"id":"numRecordsOut","avg":190.5,"sum":381.0}]`), &list); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(float64(list[0].Sum)) || list[1].Sum != 381 || list[1].Avg != 190.5 {
		t.Errorf("%+v", list)
	}
	if err := json.Unmarshal([]byte(`[{"avg":"much"}]`), &list); err == nil {
		t.Error("a text that is no number was taken")
	}
}
