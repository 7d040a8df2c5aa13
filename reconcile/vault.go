package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/wire"
)

// vault keeps enhanced snapshots: below a directory of the server's own, one directory each, which no application sees. It
// carries out what is asked of them; what was under way when the last server ended is done again.
type vault struct {
	*Keeper
	mu   sync.Mutex
	busy map[string]bool // operations under way, by id
	free chan struct{}   // places for them
}

const transfers = 4 // operations on snapshots at a time

func newVault(k *Keeper) *vault {
	return &vault{Keeper: k, busy: map[string]bool{}, free: make(chan struct{}, transfers)}
}

// PokeSnapshots hints that an operation on an enhanced snapshot was stored or can go on.
func (k *Keeper) PokeSnapshots() {
	select {
	case k.snapshotHint <- struct{}{}:
	default:
	}
}

// run begins operations until the keeper closes.
func (v *vault) run() {
	for {
		pause, err := v.pass(v.ctx)
		if err != nil && v.ctx.Err() == nil {
			v.Log.Error("keep snapshots", "error", err)
			pause = errorPause
		}
		var timer <-chan time.Time
		if pause != never {
			timer = time.After(pause)
		}
		select {
		case <-v.ctx.Done():
			return
		case <-v.snapshotHint:
		case <-timer:
		}
	}
}

// pass begins every operation that can go on.
func (v *vault) pass(ctx context.Context) (time.Duration, error) {
	ready, waiting, err := v.ready(ctx)
	if err != nil {
		return 0, err
	}
	for _, t := range ready {
		v.mu.Lock()
		taken := v.busy[t.op.ID]
		v.busy[t.op.ID] = true
		v.mu.Unlock()
		if !taken {
			v.wg.Go(func() { v.do(ctx, t) })
		}
	}
	if waiting {
		return steadyPause, nil
	}
	return never, nil
}

// task is an operation with its snapshot.
type task struct {
	op   *app.SnapshotOperation
	snap *app.Enhanced
}

// ready lists what can be done now. waiting tells that a deletion waits for something that does not hint.
func (v *vault) ready(ctx context.Context) (list []task, waiting bool, err error) {
	err = v.DB.Read(ctx, func(tx *appdb.Tx) error {
		running, err := tx.RunningSnapshotOperations()
		if err != nil {
			return err
		}
		uses := map[string]int{}
		for _, op := range running {
			uses[op.SnapshotID]++
		}
		for _, op := range running {
			snap, err := tx.Enhanced(op.Key)
			if err != nil {
				return fmt.Errorf("the snapshot %s of operation %s: %w", op.Name, op.ID, err)
			}
			switch op.Kind {
			case app.CreateSnapshot, app.SystemCreateSnapshot:
				if snap.Local == "" {
					continue // the application's own keeper takes it first
				}
			case app.DeleteSnapshot:
				used, err := read(tx, snap)
				if err != nil {
					return err
				}
				if used || uses[snap.ID] > 1 {
					waiting = true
					continue
				}
			}
			list = append(list, task{op, snap})
		}
		return nil
	})
	return list, waiting, err
}

// read tells whether an application is about to begin from the snapshot.
func read(tx *appdb.Tx, snap *app.Enhanced) (bool, error) {
	all, err := tx.EveryApplication()
	for _, a := range all {
		if snap.Path != "" && a.Uses(snap.Path) || snap.Local != "" && a.Uses(snap.Local) {
			return true, err
		}
	}
	return false, err
}

func (v *vault) do(ctx context.Context, t task) {
	defer v.PokeSnapshots()
	defer func() {
		v.mu.Lock()
		delete(v.busy, t.op.ID)
		v.mu.Unlock()
	}()
	select {
	case v.free <- struct{}{}:
		defer func() { <-v.free }()
	case <-ctx.Done():
		return
	}
	if err := v.carry(ctx, t); err != nil && ctx.Err() == nil {
		v.Log.Error("snapshot operation", "operation", t.op.Kind, "snapshot", t.op.Name, "error", err)
		select { // it stays in progress and is tried again
		case <-time.After(errorPause):
		case <-ctx.Done():
		}
	}
}

// carry does one operation. Its error is the server's; what the owner can help closes the operation as failed.
func (v *vault) carry(ctx context.Context, t task) error {
	size := t.snap.Size
	var err error
	switch t.op.Kind {
	case app.ImportSnapshot:
		size, err = v.download(ctx, t)
	case app.ExportSnapshot:
		err = v.upload(ctx, t)
	case app.DeleteSnapshot:
		return v.remove(ctx, t)
	default:
		size, err = v.keep(ctx, t.snap)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return v.settle(ctx, t, size, err)
}

// settle closes an operation, and with it the snapshot that it made.
func (v *vault) settle(ctx context.Context, t task, size int64, failure error) error {
	makes := t.op.Kind != app.ExportSnapshot
	if failure != nil && makes {
		if err := os.RemoveAll(v.dir(t.snap)); err != nil {
			return err
		}
	}
	err := v.changeEnhanced(ctx, t.snap, func(tx *appdb.Tx, snap *app.Enhanced) error {
		switch {
		case makes && failure != nil:
			snap.Status = app.SnapshotFailed
		case makes:
			snap.Status, snap.Size, snap.Path = app.SnapshotReady, size, "file://"+v.dir(snap)
		}
		op := t.op
		op.Status, op.End = app.Successful, v.Now().UTC()
		if failure != nil {
			op.Status, op.ErrorCode, op.Error = app.Failed, code(failure), short(reason(failure))
		}
		return tx.PutSnapshotOperation(op)
	})
	if err == nil && failure != nil {
		v.Log.Warn("snapshot operation failed", "operation", t.op.Kind, "snapshot", t.op.Name, "reason", failure)
	}
	if t.snap.ApplicationID != "" {
		v.Poke(app.Key{Account: t.snap.Account, Region: t.snap.Region, Name: t.snap.Application})
	}
	return err
}

// invalid is a failure that lies in the data of a savepoint.
type invalid struct{ text string }

func (e invalid) Error() string { return e.text }

func code(err error) string {
	var refused *wire.Error
	var bad invalid
	switch {
	case errors.As(err, &refused):
		return refused.Code
	case errors.As(err, &bad):
		return codeInvalid
	}
	return codeInternal
}

func reason(err error) string {
	var refused *wire.Error
	if errors.As(err, &refused) {
		return refused.Message
	}
	return err.Error()
}

// dir is where a snapshot is kept.
func (k *Keeper) dir(snap *app.Enhanced) string { return filepath.Join(k.SnapshotDir, snap.ID) }

// remove deletes a snapshot with its files.
func (v *vault) remove(ctx context.Context, t task) error {
	if err := os.RemoveAll(v.dir(t.snap)); err != nil {
		return err
	}
	if t.snap.Local != "" {
		if err := v.removeSavepoint(t.snap.ApplicationID, t.snap.Trigger); err != nil {
			return err
		}
	}
	return v.DB.Write(ctx, func(tx *appdb.Tx) error {
		t.op.Status, t.op.End = app.Successful, v.Now().UTC()
		if err := tx.PutSnapshotOperation(t.op); err != nil {
			return err
		}
		return tx.DeleteEnhanced(t.snap)
	})
}
