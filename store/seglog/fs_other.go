//go:build !linux

package seglog

// Sync makes content and size durable.
func (f osFile) Sync() error { return f.File.Sync() }
