package seglog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"sort"
	"time"
)

// readChunk is how much a reader reads at once.
const readChunk = 256 << 10

// Reader reads a log in order, at its own pace. It belongs to one goroutine. It keeps one file open between the first
// Next and Close, so a segment that is trimmed meanwhile can still be read to its end.
type Reader struct {
	log     *Log
	next    uint64 // no record below it is returned or looked for
	minTime int64  // nor one that arrived before

	file   File
	path   string
	first  uint64 // of the open segment
	offset int64  // of the bytes after buf
	limit  int64  // durable end of the open segment
	buf    []byte // frames read and not yet returned
}

// Reader reads from the record with ordinal from on, or from the oldest that is left.
func (l *Log) Reader(from uint64) *Reader {
	return &Reader{log: l, next: max(from, 1), minTime: math.MinInt64}
}

// ReaderAt reads from the first record on that arrived at t or later.
func (l *Log) ReaderAt(t time.Time) *Reader {
	return &Reader{log: l, next: 1, minTime: t.UnixMilli()}
}

// Since makes r leave out records that arrived before t.
func (r *Reader) Since(t time.Time) *Reader {
	r.minTime = max(r.minTime, t.UnixMilli())
	return r
}

// Close gives the file back.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// Next gives the next durable record, or io.EOF when there is none yet.
func (r *Reader) Next() (Record, error) {
	for {
		f, err := r.frame()
		if err != nil {
			return Record{}, err
		}
		wanted := f.ordinal >= r.next && f.time >= r.minTime
		r.next = max(r.next, f.ordinal+1)
		if wanted {
			return f.record(), nil
		}
	}
}

// frame gives the next frame of the open segment, or of the next one.
func (r *Reader) frame() (frame, error) {
	if len(r.buf) < frameHeader {
		if err := r.fill(frameHeader); err != nil {
			return frame{}, err
		}
	}
	size, err := frameSize(r.buf)
	if err == nil && int64(len(r.buf)) < size {
		err = r.fill(size)
	}
	if err == errFrame {
		return frame{}, r.corrupt(err)
	}
	if err != nil {
		return frame{}, err
	}
	f, err := decodeFrame(r.buf)
	if err != nil {
		return frame{}, r.corrupt(err)
	}
	r.buf = r.buf[f.size:]
	return f, nil
}

func (r *Reader) corrupt(err error) error {
	return &CorruptError{r.path, r.offset - int64(len(r.buf)), err.Error()}
}

// fill makes buf hold at least need bytes. Records handed out keep the old buffer.
func (r *Reader) fill(need int64) error {
	for r.file == nil || r.offset >= r.limit {
		if len(r.buf) > 0 {
			return r.corrupt(errShort)
		}
		if err := r.advance(); err != nil {
			return err
		}
	}
	have := int64(len(r.buf))
	take := min(max(need-have, readChunk), r.limit-r.offset)
	if have+take < need {
		return r.corrupt(errShort)
	}
	b := make([]byte, have+take)
	copy(b, r.buf)
	if _, err := r.file.ReadAt(b[have:], r.offset); err != nil {
		if err == io.EOF {
			return r.corrupt(errShort)
		}
		return fmt.Errorf("read %s: %w", r.path, err)
	}
	r.buf, r.offset = b, r.offset+take
	return nil
}

// advance finds more to read: growth of the open segment, or the next segment. io.EOF means there is none.
func (r *Reader) advance() error {
	if err := r.log.ready(); err != nil {
		return err
	}
	for {
		s, err := r.log.segmentOf(r.next, r.minTime)
		if err != nil {
			return err
		}
		if r.file != nil && s.first == r.first && s.size > r.offset {
			r.limit = s.size
			return nil
		}
		if s.empty() || s.last < r.next {
			return io.EOF
		}
		if err = r.open(s); !errors.Is(err, fs.ErrNotExist) {
			return err
		} // else it was trimmed just now
	}
}

// open goes to the place in s where the next record is.
func (r *Reader) open(s segment) error {
	f, err := r.log.opts.FS.OpenFile(s.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	if s.entries == nil {
		x, err := sealedIndex(r.log.opts.FS, s.path, s.first)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		s.entries = x.entries
	}
	_ = r.Close() // it was only read
	r.file, r.path, r.first, r.limit = f, s.path, s.first, s.size
	r.offset, r.buf = s.seek(r.next, r.minTime), nil
	return nil
}

// segmentOf gives a copy of the segment that holds the first record with at least this ordinal and time; of the active
// one if there is no such record.
func (l *Log) segmentOf(ordinal uint64, time int64) (segment, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return segment{}, ErrClosed
	}
	i := sort.Search(len(l.segments)-1, func(i int) bool {
		return l.segments[i].last >= ordinal && l.segments[i].lastTime >= time
	})
	return *l.segments[i], nil
}
