package reconcile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"drey/app"
)

// Transfer says with whose rights a savepoint moves, for which snapshot, and to or from which bucket.
type Transfer struct{ Account, Region, Role, SnapshotARN, Bucket string }

// Object is one of a list.
type Object struct {
	Key  string
	Size int64
}

// Objects reaches S3 with the rights of a role and with no others. Refusals are *wire.Error.
type Objects interface {
	// List gives the objects below a prefix, or an error if the bucket is not the account's or not in the Region.
	List(ctx context.Context, t Transfer, prefix string) ([]Object, error)
	Read(ctx context.Context, t Transfer, key string) (io.ReadCloser, error)
	// Write makes or replaces an object.
	Write(ctx context.Context, t Transfer, key string, body io.Reader, size int64) error
}

func transfer(op *app.SnapshotOperation) Transfer {
	return Transfer{Account: op.Account, Region: op.Region, Role: op.Role, SnapshotARN: op.SnapshotARN, Bucket: op.Place.Bucket}
}

// upload writes a savepoint below the export's own prefix, its metadata last: where they are, it is whole.
func (v *vault) upload(ctx context.Context, t task) error {
	all, err := v.files()
	if err != nil {
		return err
	}
	defer all.Close()
	from, err := all.OpenRoot(t.snap.ID)
	if err != nil {
		return err
	}
	defer from.Close()
	send := func(name string) error {
		f, err := from.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		i, err := f.Stat()
		if err != nil {
			return err
		}
		return v.Objects.Write(ctx, transfer(t.op), t.op.Exported()+"/"+name, f, i.Size())
	}
	err = fs.WalkDir(from.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == metadata {
			return err
		}
		return send(name)
	})
	if err != nil {
		return err
	}
	return send(metadata)
}

// download brings in the one savepoint below a prefix.
func (v *vault) download(ctx context.Context, t task) (size int64, err error) {
	list, err := v.Objects.List(ctx, transfer(t.op), t.op.Place.Prefix)
	if err != nil {
		return 0, err
	}
	base, err := savepointIn(list, t.op.Place)
	if err != nil {
		return 0, err
	}
	to, err := v.files()
	if err != nil {
		return 0, err
	}
	defer to.Close()
	err = whole(to, t.snap.ID, func(dir *os.Root) error {
		for _, o := range list {
			name, ok := strings.CutPrefix(o.Key, base)
			if !ok || strings.HasSuffix(name, "/") { // a directory's marker
				continue
			}
			if !fs.ValidPath(name) {
				return invalid{"the savepoint has a file that cannot be stored: " + o.Key}
			}
			n, err := v.fetch(ctx, transfer(t.op), o, dir, name)
			if err != nil {
				return err
			}
			size += n
		}
		return checkMetadata(dir)
	})
	return size, err
}

func (v *vault) fetch(ctx context.Context, t Transfer, o Object, dir *os.Root, name string) (int64, error) {
	body, err := v.Objects.Read(ctx, t, o.Key)
	if err != nil {
		return 0, err
	}
	n, err := write(ctx, dir, name, body)
	if err = errors.Join(err, body.Close()); err == nil && n != o.Size {
		err = invalid{fmt.Sprintf("the object %s was replaced while it was read", o.Key)}
	}
	return n, err
}

// savepointIn finds the directory of the one savepoint among objects, as a prefix of their keys.
func savepointIn(list []Object, from app.Place) (string, error) {
	var found []string
	for _, o := range list {
		if path.Base(o.Key) == metadata && !strings.HasSuffix(o.Key, "/") {
			found = append(found, strings.TrimSuffix(o.Key, metadata))
		}
	}
	slices.Sort(found)
	switch len(found) {
	case 0:
		return "", invalid{fmt.Sprintf("there is no savepoint below s3://%s/%s: no object is called %s", from.Bucket, from.Prefix, metadata)}
	case 1:
		return found[0], nil
	}
	return "", invalid{fmt.Sprintf("below s3://%s/%s is more than one savepoint: %s and %s", from.Bucket, from.Prefix, found[0], found[1])}
}

// magic begins Flink's savepoint metadata (class Checkpoints of flink-runtime).
const magic = 0x4960672d

func checkMetadata(dir *os.Root) error {
	f, err := dir.Open(metadata)
	if err != nil {
		return err
	}
	defer f.Close()
	var head [4]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || binary.BigEndian.Uint32(head[:]) != magic {
		return invalid{"the object " + metadata + " is not the metadata of a Flink savepoint"}
	}
	return nil
}
