package iam

import "sync"

// memoLimit bounds a memo; beyond it everything is forgotten and read again.
const memoLimit = 10000

// memo remembers what load gave for a key until clear. A value whose load began before a clear is not remembered, so
// nothing stale survives a write. Errors are not remembered. The zero memo is ready.
type memo[V any] struct {
	mu         sync.Mutex
	generation uint64
	values     map[string]V
}

func (m *memo[V]) get(key string, load func() (V, error)) (V, error) {
	m.mu.Lock()
	v, ok := m.values[key]
	generation := m.generation
	m.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := load()
	if err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if generation == m.generation {
		if m.values == nil || len(m.values) >= memoLimit {
			m.values = map[string]V{}
		}
		m.values[key] = v
	}
	return v, nil
}

func (m *memo[V]) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generation++
	m.values = nil
}
