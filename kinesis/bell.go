package kinesis

import (
	"sync"
	"sync/atomic"
)

// bell wakes all who wait for something to happen. To ring costs nothing while nobody waits.
type bell struct {
	waiting atomic.Bool
	mu      sync.Mutex
	rung    chan struct{} // nil: nobody waits
}

// wait gives a channel that the next ring closes. Who waits asks for it first, and then looks whether there is a reason to
// wait: what happens after the look rings.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	b.waiting.Store(true)
	return b.rung
}

func (b *bell) ring() {
	if !b.waiting.Load() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting.Store(false)
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}
