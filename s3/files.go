package s3

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"drey/wire"
)

// files are the immutable files of objects and parts.
type files struct{ dir string }

func (f files) path(name string) string { return filepath.Join(f.dir, name[:2], name) }

const unfinished = ".new"

// dropUnfinished removes what a server that was killed had begun to write.
func (f files) dropUnfinished() error {
	left, err := filepath.Glob(filepath.Join(f.dir, "*"+unfinished))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// create writes a file and makes it durable. It appears in whole or not at all.
func (f files) create(body io.Reader) (name string, size int64, err error) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	name = hex.EncodeToString(b[:])
	tmp := filepath.Join(f.dir, name+unfinished)
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", 0, full(err)
	}
	size, err = io.Copy(out, body)
	if err == nil {
		err = out.Sync()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.install(tmp, name)
	}
	if err != nil {
		_ = os.Remove(tmp) // swept at the next start if this fails
		return "", 0, full(err)
	}
	return name, size, nil
}

// prepare makes the directories that files lie in, durably, so that no put depends on a directory that could be lost.
func (f files) prepare() error {
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(f.dir, hex.EncodeToString([]byte{byte(i)})), 0o700); err != nil {
			return err
		}
	}
	if err := syncDir(f.dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.dir))
}

func (f files) install(tmp, name string) error {
	if err := os.Rename(tmp, f.path(name)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.path(name)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// full turns a full disk into an answer that clients understand and retry.
func full(err error) error {
	var known *wire.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return slowDown.Errorf("The server's disk is full: nothing was stored. Free space below its data directory and retry.")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return incompleteBody.Errorf("You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	return err
}

func (f files) remove(name string) error {
	err := os.Remove(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// segment is a stretch of one file.
type segment struct {
	name         string
	from, length int64
}

// stretch reads segments one after the other. Its files stay until it is closed.
type stretch struct {
	files   files
	left    []segment
	open    *os.File
	n       int64 // bytes left of the open segment
	release func()
}

func (s *stretch) Read(p []byte) (int, error) {
	for s.n == 0 {
		if len(s.left) == 0 {
			return 0, io.EOF
		}
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n, err := s.open.Read(p[:min(int64(len(p)), s.n)])
	s.n -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (s *stretch) next() error {
	if err := s.closeFile(); err != nil {
		return err
	}
	seg := s.left[0]
	s.left = s.left[1:]
	f, err := os.Open(s.files.path(seg.name))
	if err != nil {
		return err
	}
	s.open, s.n = f, seg.length
	_, err = f.Seek(seg.from, io.SeekStart)
	return err
}

func (s *stretch) closeFile() error {
	if s.open == nil {
		return nil
	}
	err := s.open.Close()
	s.open = nil
	return err
}

// Close ends reading.
func (s *stretch) Close() error {
	s.release()
	s.release = func() {}
	return s.closeFile()
}

// pins are the files that somebody reads. They are not removed, although no row may name them any more.
type pins struct {
	mu    sync.Mutex
	files map[string]int
}

func (p *pins) hold(names []string) (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range names {
		p.files[name]++
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, name := range names {
			if p.files[name]--; p.files[name] == 0 {
				delete(p.files, name)
			}
		}
	}
}

func (p *pins) held(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.files[name] > 0
}
