package seglog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A segment begins with a magic; its name is the ordinal of its first record.
const (
	segmentMagic  = "DREYLOG2"
	segmentHeader = int64(len(segmentMagic))
	segmentSuffix = ".seg"
	indexSuffix   = ".idx"
)

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", first, segmentSuffix))
}

func indexPath(segment string) string {
	return strings.TrimSuffix(segment, segmentSuffix) + indexSuffix
}

// segmentFirst reads the name of a segment; ok is false for other files.
func segmentFirst(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && first > 0
}

// createSegment makes an empty segment.
func createSegment(fsys FS, dir string, first uint64, durable bool) (File, error) {
	path := segmentPath(dir, first)
	f, err := fsys.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt([]byte(segmentMagic), 0)
	if err == nil && durable {
		err = f.Sync()
	}
	if err == nil && durable {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), fsys.Remove(path))
	}
	return f, nil
}

// damage is where a scan met bytes that are no frame.
type damage struct {
	offset int64
	reason error
	rest   []byte // from offset to the end of the file
}

// scanChunk is how much of a segment a scan holds in memory, longer frames apart.
const scanChunk = 1 << 20

// scan reads all groups of a segment. The index covers those before the damage.
func scan(fsys FS, path string, first uint64) (index, *damage, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY)
	if err != nil {
		return index{}, nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return index{}, nil, err
	}
	x, d, err := scanFrames(f, size, first)
	if err != nil {
		err = fmt.Errorf("read %s: %w", path, err)
	}
	return x, d, err
}

var errGroup = errors.New("the group is cut off")

// scanFrames reads the whole groups of a segment. What stands behind them is damage.
func scanFrames(f io.ReaderAt, size int64, first uint64) (index, *damage, error) {
	x, w := newIndex(first), window{f: f, size: size}
	whole := x // as of the last whole group
	head, err := w.bytes(0, segmentHeader)
	if err != nil {
		return x, nil, err
	}
	if string(head) != segmentMagic {
		d, err := w.damage(0, errors.New("the file does not begin as a segment"))
		return x, d, err
	}
	for x.size < size {
		fr, bad, err := w.frame(x.size)
		if err != nil {
			return x, nil, err
		}
		if bad == nil && fr.ordinal != x.last+1 {
			bad = fmt.Errorf("record %d stands where %d belongs", fr.ordinal, x.last+1)
		}
		if bad != nil {
			d, err := w.damage(whole.size, bad)
			return whole, d, err
		}
		if x.add(fr); fr.last {
			whole = x
		}
	}
	if whole.size < size {
		d, err := w.damage(whole.size, errGroup)
		return whole, d, err
	}
	return whole, nil, nil
}

// window is the part of a file that is in memory.
type window struct {
	f    io.ReaderAt
	size int64 // of the file
	at   int64
	buf  []byte
}

// bytes gives n bytes from offset on, fewer where the file ends. They are good until the next call.
func (w *window) bytes(offset, n int64) ([]byte, error) {
	n = min(n, w.size-offset)
	if offset < w.at || offset+n > w.at+int64(len(w.buf)) {
		take := min(max(n, scanChunk), w.size-offset)
		w.at, w.buf = offset, slices.Grow(w.buf[:0], int(take))[:take]
		if _, err := w.f.ReadAt(w.buf, offset); err != nil && err != io.EOF {
			return nil, err
		}
	}
	return w.buf[offset-w.at:][:n], nil
}

// frame reads the frame at offset; bad tells why there is none.
func (w *window) frame(offset int64) (f frame, bad, err error) {
	b, err := w.bytes(offset, frameHeader)
	if err != nil {
		return frame{}, nil, err
	}
	if len(b) < frameHeader {
		return frame{}, errShort, nil
	}
	size, bad := frameSize(b)
	if bad != nil {
		return frame{}, bad, nil
	}
	if b, err = w.bytes(offset, size); err != nil {
		return frame{}, nil, err
	}
	f, bad = decodeFrame(b)
	return f, bad, nil
}

func (w *window) damage(offset int64, reason error) (*damage, error) {
	rest, err := w.bytes(offset, w.size)
	return &damage{offset, reason, slices.Clone(rest)}, err
}

// sealedIndex gives the index of a segment that grows no more: from its sidecar, or from the segment itself.
func sealedIndex(fsys FS, path string, first uint64) (index, error) {
	if x, err := readSidecar(fsys, path); err == nil && x.first == first {
		return x, nil
	}
	x, d, err := scan(fsys, path, first)
	if err != nil {
		return index{}, err
	}
	if d != nil {
		return index{}, &CorruptError{path, d.offset, d.reason.Error()}
	}
	writeSidecar(fsys, path, x)
	return x, nil
}

// readSidecar fails when the sidecar is missing, damaged, or about another size of segment.
func readSidecar(fsys FS, segment string) (index, error) {
	b, err := readAll(fsys, indexPath(segment))
	if err != nil {
		return index{}, err
	}
	x, err := decodeIndex(b)
	if err != nil {
		return index{}, err
	}
	f, err := fsys.OpenFile(segment, os.O_RDONLY)
	if err != nil {
		return index{}, err
	}
	defer f.Close()
	if size, err := f.Size(); err != nil || size != x.size {
		return index{}, errors.Join(errIndex, err)
	}
	return x, nil
}

// writeSidecar may fail unnoticed: the index is only a shortcut and is made again from the segment.
func writeSidecar(fsys FS, segment string, x index) {
	tmp := indexPath(segment) + ".tmp"
	f, err := fsys.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return
	}
	_, err = f.WriteAt(x.encode(), 0)
	if err = errors.Join(err, f.Close()); err == nil {
		err = fsys.Rename(tmp, indexPath(segment))
	}
	if err != nil {
		_ = fsys.Remove(tmp)
	}
}

func readAll(fsys FS, path string) ([]byte, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	_, err = f.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return b, err
}
