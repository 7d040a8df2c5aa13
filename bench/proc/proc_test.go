package proc

import (
	"testing"
	"time"
)

func TestParseCPUWithBracketsInTheName(t *testing.T) {
	got, err := parseCPU([]byte("42 (a) b (c) S 1 1 1 0 -1 4194304 500 0 0 0 120 30 0 0 20 0 9 0 100 0\n"))
	if err != nil || got != 1500*time.Millisecond {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := parseCPU([]byte("42 (a) S 1")); err == nil {
		t.Error("a cut line was taken")
	}
}
