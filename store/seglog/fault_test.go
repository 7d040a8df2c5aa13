package seglog

import (
	"sync/atomic"
)

// faultFS is the real file system with switches that make it fail.
type faultFS struct {
	osFS
	write, sync, truncate, open atomic.Pointer[error]  // the error to answer with
	short                       atomic.Bool            // a failing write leaves half of its bytes
	onlyFile                    atomic.Pointer[string] // the one whose writes and syncs fail; nil = all
	syncs                       atomic.Int64
}

func (f *faultFS) OpenFile(name string, flag int) (File, error) {
	if err := f.open.Load(); err != nil {
		return nil, *err
	}
	file, err := f.osFS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return faultFile{file, f, name}, nil
}

type faultFile struct {
	File
	fs   *faultFS
	name string
}

// fails gives the error that an act on f has to answer with.
func (f faultFile) fails(with *atomic.Pointer[error]) error {
	if only := f.fs.onlyFile.Load(); only != nil && *only != f.name {
		return nil
	}
	if err := with.Load(); err != nil {
		return *err
	}
	return nil
}

func (f faultFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.fails(&f.fs.write); err != nil {
		n := 0
		if f.fs.short.Load() {
			n, _ = f.File.WriteAt(b[:len(b)/2], off)
		}
		return n, err
	}
	return f.File.WriteAt(b, off)
}

func (f faultFile) Sync() error {
	f.fs.syncs.Add(1)
	if err := f.fails(&f.fs.sync); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f faultFile) Truncate(size int64) error {
	if err := f.fs.truncate.Load(); err != nil {
		return *err
	}
	return f.File.Truncate(size)
}
