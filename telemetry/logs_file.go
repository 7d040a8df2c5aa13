package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// fileID tells a file from others, also when its inode was used again: by how its content begins.
type fileID struct {
	Device, Inode uint64
	Head          int64  // so many bytes from the beginning on …
	Sum           uint32 // … have this checksum
}

// headBytes is how much of a file its identity looks at.
const headBytes = 512

// place is where a file was left.
type place struct {
	fileID
	Offset int64
	Batch  int64     // counts the batches with lines of the path
	at     time.Time // when it was saved; zero: by a server that left no marks
}

// cursor reads the file at a path line by line, and when it was rolled the files that came after it.
type cursor struct {
	path  string
	saved *place // where an earlier cursor was; nil: read all there is

	file   *os.File
	id     fileID
	offset int64  // everything before it is in a batch
	buf    []byte // bytes from offset on
	gone   bool   // nothing is left at the path and all of it was read
	missed bool   // files went before they were read
	batch  int64  // of the last one shipped
}

func (c *cursor) close() {
	if c.file != nil {
		_ = c.file.Close() // it was only read
		c.file = nil
	}
}

// readBytes is how much is read at once.
const readBytes = 256 << 10

// fill puts lines into b until the batch is full (then it returns true) or the file has no more.
func (c *cursor) fill(b *batch, draining bool, now func() time.Time) (full bool, err error) {
	if c.file == nil {
		if err := c.open(); err != nil || c.file == nil {
			return false, err
		}
	}
	for {
		rolled, err := c.rolled() // asked first: what was written before the rolling is then read below
		if err != nil {
			return false, err
		}
		atEnd, err := c.lines(b, now)
		if err != nil || !atEnd {
			return !atEnd, err
		}
		if (rolled || draining) && len(c.buf) > 0 {
			if !c.take(b, len(c.buf), len(c.buf), now) {
				return true, nil
			}
		}
		if !rolled {
			return false, nil
		}
		turned, err := c.turn()
		if err != nil || !turned {
			return false, err
		}
		b.move(c)
	}
}

// lines takes whole lines until the file ends (true) or the batch is full.
func (c *cursor) lines(b *batch, now func() time.Time) (atEnd bool, err error) {
	for {
		for {
			i := bytes.IndexByte(c.buf, '\n')
			if i < 0 {
				if len(c.buf) <= maxLogMessage {
					break
				}
				i = maxLogMessage // a line without an end: in pieces
				if !c.take(b, i, i, now) {
					return false, nil
				}
				continue
			}
			if !c.take(b, i, i+1, now) {
				return false, nil
			}
		}
		info, err := c.file.Stat()
		if err != nil {
			return true, err
		}
		n := len(c.buf)
		left := info.Size() - c.offset - int64(n)
		if left < 0 { // it was made shorter: what is there now is new
			c.offset, c.buf = 0, nil
			continue
		}
		if left == 0 {
			return true, nil
		}
		chunk := make([]byte, int64(n)+min(left, readBytes))
		copy(chunk, c.buf)
		m, err := c.file.ReadAt(chunk[n:], c.offset+int64(n))
		if c.buf = chunk[:n+m]; m == 0 && err != nil && err != io.EOF {
			return true, fmt.Errorf("read %s: %w", c.path, err)
		}
	}
}

// take makes an event of the first n bytes and passes over the first used. It returns false if the batch is full.
func (c *cursor) take(b *batch, n, used int, now func() time.Time) bool {
	line := bytes.TrimRight(c.buf[:n], "\r")
	if len(line) > 0 && !b.add(logLine(line, now().UnixMilli())) {
		return false
	}
	c.buf, c.offset = c.buf[used:], c.offset+int64(used)
	b.move(c)
	return true
}

// move notes that the place of c is to be saved with the batch.
func (b *batch) move(c *cursor) {
	if !slices.Contains(b.moved, c) {
		b.moved = append(b.moved, c)
	}
}

// open finds the file to begin with.
func (c *cursor) open() error {
	list, err := generations(c.path)
	if err != nil || len(list) == 0 {
		c.gone = err == nil
		return err
	}
	for _, g := range list {
		if c.saved != nil && g.is(c.saved.fileID) {
			found, err := c.resume(g)
			if err != nil || found {
				return err
			}
		}
	}
	turned, err := c.turnTo(list[0]) // new, or the one that was read is gone: the oldest left comes after it
	c.missed = turned && c.saved != nil && c.saved.Offset > 0
	return err
}

// resume opens a file if it is the one that was left, and not one that was given its inode. What was rolled at this moment
// counts as found, and is looked for again.
func (c *cursor) resume(g generation) (bool, error) {
	f, id, size, err := openLog(g.path)
	if f == nil || err != nil {
		return err == nil, err
	}
	if !g.is(id) {
		return true, f.Close()
	}
	sum, err := checksum(f, c.saved.Head)
	if err != nil || size < c.saved.Offset || sum != c.saved.Sum {
		return false, errors.Join(err, f.Close())
	}
	c.file, c.id, c.offset, c.buf = f, id, c.saved.Offset, nil
	return true, nil
}

// turnTo reads another file from its beginning; false if that was rolled at this moment.
func (c *cursor) turnTo(g generation) (bool, error) {
	f, id, _, err := openLog(g.path)
	if f == nil || err != nil {
		return false, err
	}
	if !g.is(id) {
		return false, f.Close()
	}
	c.close()
	c.file, c.id, c.offset, c.buf, c.gone = f, id, 0, nil, false
	return true, nil
}

// openLog opens a file; nil if there is none. An application may write where its log files lie: a link in the place of
// one would lead to what only the server may read, and a pipe would make it wait.
func openLog(path string) (*os.File, fileID, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) {
		return nil, fileID{}, 0, nil
	}
	if err != nil {
		return nil, fileID{}, 0, err
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, fileID{}, 0, errors.Join(err, f.Close())
	}
	return f, identify(info), info.Size(), nil
}

// is tells whether both are about one inode.
func (id fileID) is(other fileID) bool { return id.Device == other.Device && id.Inode == other.Inode }

func identify(info fs.FileInfo) fileID {
	st := info.Sys().(*syscall.Stat_t)
	return fileID{Device: uint64(st.Dev), Inode: st.Ino}
}

func checksum(f *os.File, n int64) (uint32, error) {
	b := make([]byte, min(n, headBytes))
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return 0, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return crc32.ChecksumIEEE(b), nil
}

// where is what is saved of the cursor.
func (c *cursor) where() (place, error) {
	head := min(c.offset, headBytes)
	sum, err := checksum(c.file, head)
	p := place{fileID: c.id, Offset: c.offset}
	p.Head, p.Sum = head, sum
	return p, err
}

// rolled tells whether another file, or none, is at the path now.
func (c *cursor) rolled() (bool, error) {
	info, err := os.Stat(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return !identify(info).is(c.id), nil
}
