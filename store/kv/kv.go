// Package kv keeps small ordered data of one service in a Pebble store of its own. A write that was acknowledged survives
// kill -9 and loss of power. The files are opened at the first use, so a service that is never asked costs neither time
// nor memory. The package knows no service and interprets no key.
package kv

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Config is what a DB needs.
type Config struct {
	Dir string       // made if absent
	Log *slog.Logger // of what Pebble finds wrong; nil = slog.Default

	// Merge folds the values that Batch.Merge gave to one key, oldest first, into one. It may see its own results again
	// as operands, and any run of neighbours may be folded first.
	Merge func(key []byte, operands [][]byte) ([]byte, error)
}

// DB is one store. Its methods may be called at the same time.
type DB struct {
	Config

	fs   vfs.FS                // of tests; nil = the disk
	free func() (int64, error) // bytes left on the disk

	mu     sync.Mutex
	db     *pebble.DB // nil = not opened yet
	closed bool

	breaking sync.Once
	broken   chan struct{} // closed when Pebble could go no further
}

// What a call may meet beside errors of the disk.
var (
	ErrClosed = errors.New("kv: closed")
	ErrFull   = errors.New("kv: the disk is almost full")
	ErrBroken = errors.New("kv: the store failed to write to its files and takes no more until the server is started again")
)

// New names a store; nothing is opened yet.
func New(c Config) *DB {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	d := &DB{Config: c, broken: make(chan struct{})}
	d.free = func() (int64, error) {
		var s syscall.Statfs_t
		err := syscall.Statfs(d.Dir, &s)
		return int64(s.Bavail) * s.Bsize, err
	}
	return d
}

// reserve is the space that is left to Pebble's own work: it cannot live on a disk that is full to the last block.
const reserve = 32 << 20

// Sizes that keep an opened store small: Pebble's own defaults are made for databases. Pebble begins with tables of 256 KB in memory
// and doubles them while they fill, so a store that takes few writes never has one of memTableSize, of which there may be two. Smaller ones
// would have the files merged over and over when many series come in.
const (
	cacheSize    = 4 << 20
	memTableSize = 32 << 20
	openFiles    = 200
)

func (d *DB) open() (*pebble.DB, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, ErrClosed
	}
	select {
	case <-d.broken:
		return nil, ErrBroken
	default:
	}
	if d.db != nil {
		return d.db, nil
	}
	o := &pebble.Options{
		CacheSize: cacheSize, MemTableSize: memTableSize, MaxOpenFiles: openFiles,
		FormatMajorVersion: pebble.FormatNewest,
		FS:                 d.fs,
		Logger:             logger{d},
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionBalanced })
	if d.Merge != nil {
		o.Merger = &pebble.Merger{Name: "drey.fold", Merge: d.fold}
	}
	db, err := pebble.Open(d.Dir, o)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", d.Dir, err)
	}
	d.db = db
	return db, nil
}

// Close waits for nothing: callers have returned before. What was acknowledged is on disk already.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	select {
	case <-d.broken: // half of Pebble's goroutines may be gone: closing could wait for them forever
		d.db = nil
	default:
	}
	if d.db == nil {
		return nil
	}
	err := d.db.Close()
	d.db = nil
	return err
}

// Batch collects writes that are applied all or not at all.
type Batch struct{ b *pebble.Batch }

// Set replaces the value of key.
func (b Batch) Set(key, value []byte) error { return b.b.Set(key, value, nil) }

// Merge adds an operand to key; Config.Merge says what they come to.
func (b Batch) Merge(key, operand []byte) error { return b.b.Merge(key, operand, nil) }

// Delete removes key.
func (b Batch) Delete(key []byte) error { return b.b.Delete(key, nil) }

// DeleteRange removes every key in [low, high).
func (b Batch) DeleteRange(low, high []byte) error { return b.b.DeleteRange(low, high, nil) }

// Write applies what fn collects. When it returns nil the writes are durable; neighbours share one sync.
func (d *DB) Write(fn func(Batch) error) error {
	db, err := d.open()
	if err != nil {
		return err
	}
	if free, err := d.free(); err != nil {
		return fmt.Errorf("write to %s: %w", d.Dir, err)
	} else if free < reserve {
		return fmt.Errorf("write to %s: %w: %d MB left", d.Dir, ErrFull, free>>20)
	}
	b := db.NewBatch()
	if err := fn(Batch{b}); err != nil {
		return errors.Join(err, b.Close())
	}
	return d.commit(b)
}

// commit outlives a failure that Pebble holds to be fatal.
func (d *DB) commit(b *pebble.Batch) error {
	done := make(chan error, 1)
	go func() {
		err := b.Commit(pebble.Sync)
		done <- errors.Join(err, b.Close())
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("write to %s: %w", d.Dir, err)
		}
		return nil
	case <-d.broken:
		return fmt.Errorf("write to %s: %w", d.Dir, ErrBroken)
	}
}

// ErrStop ends a scan early without an error.
var ErrStop = errors.New("stop")

// Scan calls fn for every key in [low, high), in order, on a consistent view. Key and value are valid during the call.
func (d *DB) Scan(ctx context.Context, low, high []byte, fn func(key, value []byte) error) error {
	return d.Walk(ctx, low, high, func(key, value []byte) ([]byte, error) { return nil, fn(key, value) })
}

// Walk is a Scan that can leave keys out: it goes on at the key that fn gives, which is behind the one it was called with; nil = the
// next one.
func (d *DB) Walk(ctx context.Context, low, high []byte, fn func(key, value []byte) (from []byte, err error)) error {
	db, err := d.open()
	if err != nil {
		return err
	}
	it, err := db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return fmt.Errorf("read %s: %w", d.Dir, err)
	}
	for ok := it.First(); ok && err == nil; {
		var value, from []byte
		if value, err = it.ValueAndErr(); err == nil {
			from, err = fn(it.Key(), value)
		}
		if err == nil {
			err = ctx.Err()
		}
		ok = advance(it, from)
	}
	err = cmp.Or(err, it.Error())
	if cerr := it.Close(); err == nil {
		err = cerr
	}
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// steps is how many keys cost less to pass one by one than a search does.
const steps = 4

// advance goes to the first key behind the present one that is not before from.
func advance(it *pebble.Iterator, from []byte) bool {
	for range steps {
		if !it.Next() {
			return false
		}
		if bytes.Compare(it.Key(), from) >= 0 {
			return true
		}
	}
	return it.SeekGE(from)
}

// ScanEach does what n calls of Scan would, on one consistent view, and is much cheaper when there is little in each range. Best,
// the ranges ascend. fn is told of which range key is.
func (d *DB) ScanEach(ctx context.Context, n int, bounds func(i int) (low, high []byte), fn func(i int, key, value []byte) error) error {
	db, err := d.open()
	if err != nil {
		return err
	}
	it, err := db.NewIterWithContext(ctx, nil)
	if err != nil {
		return fmt.Errorf("read %s: %w", d.Dir, err)
	}
	for i := 0; i < n && err == nil; i++ {
		low, high := bounds(i)
		for ok := it.SeekGE(low); ok && err == nil && bytes.Compare(it.Key(), high) < 0; ok = it.Next() {
			var value []byte
			if value, err = it.ValueAndErr(); err == nil {
				err = fn(i, it.Key(), value)
			}
		}
		err = cmp.Or(err, it.Error(), ctx.Err())
	}
	if cerr := it.Close(); err == nil {
		err = cerr
	}
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// folding collects the operands of one key.
type folding struct {
	*DB
	key      []byte
	operands [][]byte // oldest first
}

func (d *DB) fold(key, value []byte) (pebble.ValueMerger, error) {
	return &folding{DB: d, key: slices.Clone(key), operands: [][]byte{slices.Clone(value)}}, nil
}

func (f *folding) MergeNewer(value []byte) error {
	f.operands = append(f.operands, slices.Clone(value))
	return nil
}

func (f *folding) MergeOlder(value []byte) error {
	f.operands = slices.Insert(f.operands, 0, slices.Clone(value))
	return nil
}

func (f *folding) Finish(bool) ([]byte, io.Closer, error) {
	if len(f.operands) == 1 {
		return f.operands[0], nil, nil
	}
	v, err := f.Merge(f.key, f.operands)
	return v, nil, err
}

// logger passes on what Pebble reports.
type logger struct{ *DB }

func (l logger) Infof(format string, args ...any)  { l.Log.Debug(fmt.Sprintf(format, args...)) }
func (l logger) Errorf(format string, args ...any) { l.Log.Error(fmt.Sprintf(format, args...)) }

// Fatalf is called where Pebble would end the process. Only the goroutine ends: the server has other things to serve.
func (l logger) Fatalf(format string, args ...any) {
	l.Log.Error("the store is broken", "dir", l.Dir, "error", fmt.Sprintf(format, args...))
	l.breaking.Do(func() { close(l.broken) })
	runtime.Goexit()
}
