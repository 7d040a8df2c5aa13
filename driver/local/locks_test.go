package local

import (
	"fmt"
	"sync"
	"testing"
)

// TestLocks: one holder of each name at a time, whoever waits, and nothing stays when the last has left.
func TestLocks(t *testing.T) {
	var l locks
	inside := make([]int, 3)
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			n := i % len(inside)
			unlock, ok := l.tryLock(fmt.Sprint(n))
			if !ok {
				unlock = l.lock(fmt.Sprint(n))
			}
			defer unlock()
			inside[n]++ // the race detector sees two holders
		})
	}
	all.Wait()
	for n, times := range inside {
		if times != 100 {
			t.Errorf("%d was held %d times", n, times)
		}
	}
	if len(l.used) != 0 {
		t.Errorf("%d locks are left", len(l.used))
	}
}

func TestTryLockOfAHeldName(t *testing.T) {
	var l locks
	unlock := l.lock("a")
	if _, ok := l.tryLock("a"); ok {
		t.Error("a has two holders")
	}
	if free, ok := l.tryLock("b"); !ok {
		t.Error("b has none, and was refused")
	} else {
		free()
	}
	unlock()
	again, ok := l.tryLock("a")
	if !ok {
		t.Fatal("a is held by nobody, and was refused")
	}
	again()
	if len(l.used) != 0 {
		t.Errorf("%d locks are left", len(l.used))
	}
}
