package seglog

import (
	"sync/atomic"
)

// faultFS is the real file system with switches that make it fail.
type faultFS struct {
	osFS
	write, sync, truncate, open atomic.Pointer[error] // the error to answer with
	short                       atomic.Bool           // a failing write leaves half of its bytes
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
	return faultFile{file, f}, nil
}

type faultFile struct {
	File
	fs *faultFS
}

func (f faultFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.fs.write.Load(); err != nil {
		n := 0
		if f.fs.short.Load() {
			n, _ = f.File.WriteAt(b[:len(b)/2], off)
		}
		return n, *err
	}
	return f.File.WriteAt(b, off)
}

func (f faultFile) Sync() error {
	f.fs.syncs.Add(1)
	if err := f.fs.sync.Load(); err != nil {
		return *err
	}
	return f.File.Sync()
}

func (f faultFile) Truncate(size int64) error {
	if err := f.fs.truncate.Load(); err != nil {
		return *err
	}
	return f.File.Truncate(size)
}
