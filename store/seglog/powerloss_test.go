package seglog

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing/fstest"
)

// memFS is a disk that can lose power: it knows what was synced. Names are durable when their directory was synced,
// content when the file was.
type memFS struct {
	mu      sync.Mutex
	names   map[string]*memFile // nil for directories
	durable map[string]*memFile
	full    bool // no file can grow
	ops     int
	onOp    func(n int) // called before each change, with mu held
}

type memFile struct {
	fs           *memFS
	data, synced []byte
	fail         bool // the next sync fails, and what it should have written is lost with power
	lost         []byte
	dirty        map[int]bool // bytes written since
}

func newMemFS() *memFS { return &memFS{names: map[string]*memFile{}, durable: map[string]*memFile{}} }

func (m *memFS) change() {
	m.ops++
	if m.onOp != nil {
		m.onOp(m.ops)
	}
}

func (m *memFS) OpenFile(name string, flag int) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.names[name]
	if f == nil {
		if flag&os.O_CREATE == 0 {
			return nil, fs.ErrNotExist
		}
		m.change()
		f = &memFile{fs: m}
		m.names[name] = f
	}
	if flag&os.O_TRUNC != 0 {
		m.change()
		f.data = nil
	}
	return f, nil
}

func (m *memFS) ReadDir(dir string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	files := fstest.MapFS{}
	for name, f := range m.names {
		if filepath.Dir(name) != dir || name == dir {
			continue
		}
		files[filepath.Base(name)] = &fstest.MapFile{}
		if f == nil {
			files[filepath.Base(name)].Mode = fs.ModeDir
		}
	}
	return files.ReadDir(".")
}

func (m *memFS) Mkdirs(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ; dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if _, ok := m.names[dir]; !ok {
			m.change()
			m.names[dir] = nil
		}
	}
	return nil
}

func (m *memFS) MkdirAll(dir string) error {
	if err := m.Mkdirs(dir); err != nil {
		return err
	}
	for ; dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if err := m.SyncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

func (m *memFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.change()
	m.names[to] = m.names[from]
	delete(m.names, from)
	return nil
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.change()
	if _, ok := m.names[name]; !ok {
		return fs.ErrNotExist
	}
	delete(m.names, name)
	return nil
}

func (m *memFS) RemoveAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.change()
	for name := range m.names {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			delete(m.names, name)
		}
	}
	return nil
}

func (m *memFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.change()
	for name := range m.durable {
		if _, ok := m.names[name]; !ok && filepath.Dir(name) == dir {
			delete(m.durable, name)
		}
	}
	for name, f := range m.names {
		if filepath.Dir(name) == dir {
			m.durable[name] = f
		}
	}
	return nil
}

// afterPowerLoss is the disk that the next server finds. What was not synced is there, or not, or in parts. The caller
// holds mu.
func (m *memFS) afterPowerLoss(r *rand.Rand) *memFS {
	next := newMemFS()
	keep := func(name string, f *memFile) {
		if f == nil {
			next.names[name] = nil
			return
		}
		next.names[name] = &memFile{fs: next, data: f.survivor(r)}
	}
	for _, name := range slices.Sorted(maps.Keys(m.durable)) {
		keep(name, m.durable[name])
	}
	for _, name := range slices.Sorted(maps.Keys(m.names)) {
		if _, ok := m.durable[name]; !ok && r.IntN(2) == 0 {
			keep(name, m.names[name])
		}
	}
	for name := range next.names { // a name needs the directories above it
		for dir := filepath.Dir(name); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
			if _, ok := next.names[dir]; !ok {
				delete(next.names, name)
			}
		}
	}
	for name, f := range next.names {
		next.durable[name] = f
		if f != nil {
			f.synced = slices.Clone(f.data)
		}
	}
	return next
}

// survivor mixes what was synced and what was written, sector by sector.
func (f *memFile) survivor(r *rand.Rand) []byte {
	const sector = 64
	out := slices.Clone(f.synced)
	if r.IntN(3) == 0 {
		return out
	}
	if len(f.data) > len(out) {
		out = append(out, make([]byte, r.IntN(len(f.data)-len(out)+1))...)
	}
	for at := 0; at < len(out); at += sector {
		if end := min(at+sector, len(out), len(f.data)); at < end && r.IntN(2) == 0 {
			copy(out[at:end], f.data[at:end])
		}
	}
	return out
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.full && int(off)+len(b) > len(f.data) {
		return 0, syscall.ENOSPC
	}
	f.fs.change()
	for i := range b {
		if f.dirty != nil && !f.fail {
			f.dirty[int(off)+i] = true
		}
	}
	if grow := int(off) + len(b) - len(f.data); grow > 0 {
		f.data = append(f.data, make([]byte, grow)...)
	}
	return copy(f.data[off:], b), nil
}

func (f *memFile) Close() error { return nil }

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.change()
	if size > int64(len(f.data)) {
		f.data = append(f.data, make([]byte, int(size)-len(f.data))...)
	}
	f.data = slices.Clone(f.data[:size])
	return nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.change()
	if f.fail {
		f.fail, f.lost = false, slices.Clone(f.data)
		return syscall.EIO
	}
	if f.lost == nil {
		f.synced = slices.Clone(f.data)
		return nil
	}
	f.synced = slices.Concat(f.synced, make([]byte, max(0, len(f.data)-len(f.synced))))[:len(f.data)]
	for i := range f.data { // pages that were not written since pass for clean
		if i >= len(f.lost) || f.dirty[i] {
			f.synced[i] = f.data[i]
		}
	}
	return nil
}

// fill makes the disk full, or gives space again.
func (m *memFS) fill(full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = full
}

// failSync makes the next sync of a file fail.
func (m *memFS) failSync(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names[name].fail, m.names[name].dirty = true, map[int]bool{}
}
