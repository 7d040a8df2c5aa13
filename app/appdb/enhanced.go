package appdb

import (
	"errors"
	"time"

	"drey/app"
)

// PutEnhanced stores an enhanced snapshot, a new one as the newest.
func (tx *Tx) PutEnhanced(s *app.Enhanced) error {
	doc, err := encode(s)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO msf_enhanced (account, region, name, app, source, origin, status, local, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (account, region, name) DO UPDATE SET status = excluded.status, local = excluded.local, doc = excluded.doc`,
		s.Account, s.Region, s.Name, s.ApplicationID, s.Application, s.Origin, s.Status, s.Local != "", doc)
	return err
}

// Enhanced loads an enhanced snapshot.
func (tx *Tx) Enhanced(k app.Key) (*app.Enhanced, error) {
	var s app.Enhanced
	if err := tx.one(&s, `SELECT doc FROM msf_enhanced WHERE account = ? AND region = ? AND name = ?`, k.Account, k.Region, k.Name); err != nil {
		return nil, err
	}
	return &s, nil
}

// DeleteEnhanced removes the snapshot and its tags. Its operations stay.
func (tx *Tx) DeleteEnhanced(s *app.Enhanced) error {
	if _, err := tx.exec(`DELETE FROM msf_tags WHERE arn = ?`, s.ARN); err != nil {
		return err
	}
	_, err := tx.exec(`DELETE FROM msf_enhanced WHERE account = ? AND region = ? AND name = ?`, s.Account, s.Region, s.Name)
	return err
}

// EnhancedFilter narrows a list of snapshots; "" = any.
type EnhancedFilter struct {
	Application string
	Status      string
	Origin      app.SnapshotKind
	Initiator   string // USER or SYSTEM
}

// Numbered is a row with its place in the order of creation.
type Numbered[T any] struct {
	Seq int64
	Row *T
}

// ListEnhanced lists up to limit snapshots of an account and Region, newest first, below the given number.
func (tx *Tx) ListEnhanced(account, region string, f EnhancedFilter, below int64, limit int) ([]Numbered[app.Enhanced], error) {
	return numbered[app.Enhanced](tx, `SELECT seq, doc FROM msf_enhanced WHERE account = ? AND region = ? AND seq < ?
		AND ? IN ('', source) AND ? IN ('', status) AND ? IN ('', origin) AND ? IN ('', CASE origin WHEN ? THEN 'SYSTEM' ELSE 'USER' END)
		ORDER BY seq DESC LIMIT ?`, account, region, below, f.Application, f.Status, f.Origin, f.Initiator, app.SystemCreateSnapshot, limit)
}

// EnhancedOf lists the snapshots of an application that are being created or have files in its state directory, oldest
// first.
func (tx *Tx) EnhancedOf(appID string) ([]*app.Enhanced, error) {
	return all[app.Enhanced](tx, `SELECT doc FROM msf_enhanced WHERE app = ? AND (status = ? OR local) ORDER BY seq`, appID, app.SnapshotCreating)
}

// LatestSnapshot is the newest one of either kind, of a runtime that reads says yes to, that is READY, or whose savepoint is taken and
// being kept; of an enhanced one with its ARN.
func (tx *Tx) LatestSnapshot(appID string, reads func(runtime string) bool) (*app.Snapshot, error) {
	snapshots, err := tx.Snapshots(appID)
	if err != nil {
		return nil, err
	}
	var latest *app.Snapshot
	for _, s := range snapshots {
		if s.Status == app.SnapshotReady && reads(s.Runtime) {
			latest = s
		}
	}
	for n := 0; ; n++ {
		var e app.Enhanced
		err := tx.one(&e, `SELECT doc FROM msf_enhanced WHERE app = ? AND (status = ? OR status = ? AND local) ORDER BY seq DESC LIMIT 1 OFFSET ?`, appID, app.SnapshotReady, app.SnapshotCreating, n)
		switch {
		case errors.Is(err, ErrNotFound) && latest == nil:
			return nil, ErrNotFound
		case errors.Is(err, ErrNotFound), err == nil && latest != nil && latest.Created.After(e.Created):
			return latest, nil
		case err != nil:
			return nil, err
		case reads(e.Runtime):
			return &app.Snapshot{Name: e.Name, ARN: e.ARN, Status: app.SnapshotReady, Version: e.Version, Runtime: e.Runtime, Created: e.Created, Path: e.Savepoint()}, nil
		}
	}
}

// AnyRuntime reads everything.
func AnyRuntime(string) bool { return true }

// PutSnapshotOperation stores an operation, a new one as the latest. What is older than operations live goes.
func (tx *Tx) PutSnapshotOperation(op *app.SnapshotOperation) error {
	doc, err := encode(op)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE msf_enhanced_operations SET status = ?, doc = ? WHERE id = ?`, op.Status, doc, op.ID)
	if err != nil || n > 0 {
		return err
	}
	if _, err := tx.exec(`DELETE FROM msf_enhanced_operations WHERE started < ? AND status <> ?`, op.Start.Add(-app.OperationLife).Unix(), app.InProgress); err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO msf_enhanced_operations (account, region, name, id, snapshot, kind, status, started, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		op.Account, op.Region, op.Name, op.ID, op.SnapshotID, op.Kind, op.Status, op.Start.Unix(), doc)
	return err
}

// SnapshotOperation loads an operation on the snapshot of a name.
func (tx *Tx) SnapshotOperation(k app.Key, id string) (*app.SnapshotOperation, error) {
	var op app.SnapshotOperation
	err := tx.one(&op, `SELECT doc FROM msf_enhanced_operations WHERE account = ? AND region = ? AND name = ? AND id = ?`, k.Account, k.Region, k.Name, id)
	if err != nil {
		return nil, err
	}
	return &op, nil
}

// SnapshotOperationFilter narrows a list of operations; "" = any.
type SnapshotOperationFilter struct {
	SnapshotID string
	Kind       app.SnapshotKind
	Status     app.OperationStatus
	Since      time.Time
}

// ListSnapshotOperations lists up to limit operations on the snapshots that have or had the name, newest first, below the
// given number.
func (tx *Tx) ListSnapshotOperations(k app.Key, f SnapshotOperationFilter, below int64, limit int) ([]Numbered[app.SnapshotOperation], error) {
	return numbered[app.SnapshotOperation](tx, `SELECT seq, doc FROM msf_enhanced_operations WHERE account = ? AND region = ? AND name = ? AND seq < ?
		AND ? IN ('', snapshot) AND ? IN ('', kind) AND ? IN ('', status) AND (started >= ? OR status = ?) ORDER BY seq DESC LIMIT ?`,
		k.Account, k.Region, k.Name, below, f.SnapshotID, f.Kind, f.Status, f.Since.Unix(), app.InProgress, limit)
}

// RunningSnapshotOperations lists those in progress, oldest first.
func (tx *Tx) RunningSnapshotOperations() ([]*app.SnapshotOperation, error) {
	return all[app.SnapshotOperation](tx, `SELECT doc FROM msf_enhanced_operations WHERE status = ? ORDER BY seq`, app.InProgress)
}

// RunningOn lists the operations in progress on one snapshot, oldest first.
func (tx *Tx) RunningOn(snapshotID string) ([]*app.SnapshotOperation, error) {
	return all[app.SnapshotOperation](tx, `SELECT doc FROM msf_enhanced_operations WHERE status = ? AND snapshot = ? ORDER BY seq`, app.InProgress, snapshotID)
}

func numbered[T any](tx *Tx, query string, args ...any) ([]Numbered[T], error) {
	rows, err := tx.tx.QueryContext(tx.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Numbered[T]
	for rows.Next() {
		var raw string
		n := Numbered[T]{Row: new(T)}
		if err := rows.Scan(&n.Seq, &raw); err != nil {
			return nil, err
		}
		if err := decode(raw, n.Row); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}
