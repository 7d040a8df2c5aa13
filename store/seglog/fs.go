package seglog

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is the part of a file system that a log needs; a test may break it.
type FS interface {
	OpenFile(name string, flag int) (File, error)
	ReadDir(dir string) ([]fs.DirEntry, error)
	Mkdirs(dir string) error   // with all parents
	MkdirAll(dir string) error // the same, durable
	Rename(from, to string) error
	Remove(name string) error
	RemoveAll(dir string) error
	SyncDir(dir string) error // makes names in dir durable
}

// File is an open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error // makes content and size durable
}

// OS is the operating system's file system.
var OS FS = osFS{}

type osFS struct{}

func (osFS) OpenFile(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (osFS) Rename(from, to string) error              { return os.Rename(from, to) }
func (osFS) Remove(name string) error                  { return os.Remove(name) }
func (osFS) RemoveAll(dir string) error                { return os.RemoveAll(dir) }

func (osFS) Mkdirs(dir string) error { return os.MkdirAll(dir, 0o700) }

func (o osFS) MkdirAll(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := o.MkdirAll(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return o.SyncDir(parent)
}

func (osFS) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
