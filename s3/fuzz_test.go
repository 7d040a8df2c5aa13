package s3

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"drey/wire"
)

// FuzzRange holds every Range header to stretches that lie within the object.
func FuzzRange(f *testing.F) {
	for _, h := range []string{"bytes=0-4", "bytes=5-", "bytes=-3", "bytes=-0", "bytes=9-1", "bytes=0-9223372036854775807", "bytes=--1", "bytes=0-1,3-4", "items=0-1", ""} {
		f.Add(h, int64(10))
	}
	f.Add("bytes=0-", int64(0))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		sp, err := want(&object{Size: size}, &header, nil)
		if err != nil {
			if !errors.Is(err, invalidRange) {
				t.Fatal(err)
			}
			return
		}
		if sp.from < 0 || sp.length < 0 || sp.from > size-sp.length {
			t.Errorf("%q of %d bytes gives %+v", header, size, sp)
		}
	})
}

// FuzzCopySource reads foreign headers: an error, or a bucket and a key.
func FuzzCopySource(f *testing.F) {
	for _, h := range []string{"/b/k", "b/k%2Fx?versionId=1", "b", "/", "b/%zz", "b/a+b?x=y", "b/k?versionId="} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if src, err := parseSource(header); err == nil && (src.bucket == "" || src.key == "") {
			t.Errorf("%q gives %+v", header, src)
		}
	})
}

// FuzzTagHeader reads foreign tagging headers: an error, or tags with keys and values.
func FuzzTagHeader(f *testing.F) {
	for _, h := range []string{"a=b&c=d", "a=b&a=c", "%zz", "a", "=b", ""} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, header string) {
		tags, err := headerTags(&header)
		for _, tag := range tags {
			if err == nil && (tag.Key == nil || tag.Value == nil) {
				t.Errorf("%q gives a tag without key or value", header)
			}
		}
	})
}

// fullDisk gives some bytes and then fails as a write to a full disk does.
type fullDisk struct{ left int }

func (d *fullDisk) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	}
	n := min(d.left, len(p))
	d.left -= n
	return n, nil
}

// TestFullDiskLeavesNothing fails a file in the middle: the caller is told to retry, and no file is left.
func TestFullDiskLeavesNothing(t *testing.T) {
	fs := files{t.TempDir()}
	if err := fs.prepare(); err != nil {
		t.Fatal(err)
	}
	_, _, err := fs.create(&fullDisk{left: 1 << 20})
	var e *wire.Error
	if !errors.As(err, &e) || e.Code != "SlowDown" {
		t.Errorf("got %v, want SlowDown", err)
	}
	for _, pattern := range []string{"*" + unfinished, "*/*"} {
		if left, err := filepath.Glob(filepath.Join(fs.dir, pattern)); err != nil || len(left) != 0 {
			t.Errorf("left: %q, %v", left, err)
		}
	}
}
