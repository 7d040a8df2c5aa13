package reconcile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"drey/app"
	"drey/flink"
)

const (
	scheme    = "file://"
	restored  = "restored" // in the state directory of an application: what its jobs began from
	metadata  = "_metadata"
	copyChunk = 64 << 20 // after which a copy looks whether it is still wanted
)

// keep copies the savepoint of a snapshot out of the state directory of its application.
func (v *vault) keep(ctx context.Context, snap *app.Enhanced) (size int64, err error) {
	state := filepath.Join(v.StateDir, snap.ApplicationID)
	rel, err := filepath.Rel(state, strings.TrimPrefix(snap.Local, scheme))
	if err != nil {
		return 0, err
	}
	from, err := os.OpenRoot(state)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	to, err := v.files()
	if err != nil {
		return 0, err
	}
	defer to.Close()
	return copySavepoint(ctx, from, filepath.ToSlash(rel), to, snap.ID)
}

// files is the directory of all snapshots.
func (k *Keeper) files() (*os.Root, error) {
	if err := os.MkdirAll(k.SnapshotDir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenRoot(k.SnapshotDir)
}

// kept gives the id of the snapshot whose savepoint is at uri; "" = it is none of ours.
func (k *Keeper) kept(uri string) string {
	id, ok := strings.CutPrefix(uri, scheme+k.SnapshotDir+"/")
	if !ok || k.SnapshotDir == "" {
		return ""
	}
	return id
}

// bring copies a snapshot that is kept outside of the state directory to where the application can read it, and gives its
// place there; any other savepoint stays where it is. What was brought for earlier jobs goes.
func (l *loop) bring(ctx context.Context, a *app.Application, uri string) (string, error) {
	id := l.kept(uri)
	if id == "" {
		return uri, nil
	}
	l.bringing.Lock() // a call that was abandoned may still be at it
	defer l.bringing.Unlock()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	state, err := os.OpenRoot(l.state(a))
	if err != nil {
		return "", err
	}
	defer state.Close()
	if err := l.clearRestored(state, a, id); err != nil {
		return "", err
	}
	place := path.Join(restored, id)
	there := scheme + filepath.Join(l.state(a), restored, id)
	if _, err := state.Stat(path.Join(place, metadata)); err == nil {
		return there, nil
	}
	from, err := l.files()
	if err != nil {
		return "", err
	}
	defer from.Close()
	_, err = copySavepoint(ctx, from, id, state, place)
	return there, err
}

// clearRestored removes what no job of the application needs any more.
func (k *Keeper) clearRestored(state *os.Root, a *app.Application, id string) error {
	needed := map[string]bool{id: true}
	if a.Run != nil {
		needed[k.kept(a.Run.Restore.Path)] = true
	}
	if a.Operation != nil {
		needed[k.kept(a.Operation.Wanted.Path)] = true
	}
	found, err := fs.ReadDir(state.FS(), restored)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, d := range found {
		if !needed[d.Name()] {
			if err := state.RemoveAll(path.Join(restored, d.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// copySavepoint copies a directory, which appears in whole or not at all. Nothing outside of the roots is read or written,
// whatever an application has put into its own.
func copySavepoint(ctx context.Context, root *os.Root, dir string, to *os.Root, name string) (size int64, err error) {
	from, err := root.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	err = whole(to, name, func(to *os.Root) error {
		return fs.WalkDir(from.FS(), ".", func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			n, err := copyFile(ctx, from, to, file)
			size += n
			return err
		})
	})
	return size, err
}

// copyFile copies a regular file; the kernel does it where it can. A pipe that an application has put there is not waited
// for.
func copyFile(ctx context.Context, from, to *os.Root, file string) (int64, error) {
	in, err := from.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	if i, err := in.Stat(); err != nil || !i.Mode().IsRegular() {
		return 0, errors.Join(invalid{"the savepoint holds " + file + ", which is not a file"}, err)
	}
	return write(ctx, to, file, in)
}

// whole makes a directory that appears, durably, when fill has filled it.
func whole(root *os.Root, name string, fill func(*os.Root) error) error {
	tmp := name + ".part"
	for _, old := range []string{tmp, name} {
		if err := root.RemoveAll(old); err != nil {
			return err
		}
	}
	if err := root.MkdirAll(tmp, 0o700); err != nil {
		return err
	}
	err := fillDir(root, tmp, fill)
	if err == nil {
		err = root.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, root.RemoveAll(tmp))
	}
	return syncDir(root, path.Dir(name))
}

func fillDir(root *os.Root, name string, fill func(*os.Root) error) error {
	dir, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := fill(dir); err != nil {
		return err
	}
	return syncDir(dir, ".")
}

// write makes a file and its directories, durably.
func write(ctx context.Context, root *os.Root, name string, body io.Reader) (size int64, err error) {
	if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return 0, err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	for err == nil {
		var n int64
		n, err = io.CopyN(f, body, copyChunk)
		size += n
		if err == nil {
			err = ctx.Err()
		}
	}
	if errors.Is(err, io.EOF) {
		err = f.Sync()
	}
	return size, errors.Join(err, f.Close())
}

func syncDir(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// newestCheckpoint finds the newest completed checkpoint of a job; "" = it has none.
func newestCheckpoint(state, job string) string {
	found, err := filepath.Glob(filepath.Join(flink.CheckpointDir(state), job, "chk-*", "_metadata"))
	if err != nil {
		return ""
	}
	best, newest := "", -1
	for _, path := range found {
		dir := filepath.Dir(path)
		if n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), "chk-")); err == nil && n > newest {
			best, newest = dir, n
		}
	}
	if best == "" {
		return ""
	}
	return "file://" + best
}
