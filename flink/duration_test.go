package flink

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 1500 * time.Millisecond: "1500 ms", 2 * time.Second: "2 s", 90 * time.Second: "90 s", time.Hour: "1 h", 48 * time.Hour: "2 d",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v is %q, expected %q", d, got, want)
		}
	}
}
