package telemetry

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"time"

	"drey/store/sql"
)

var offsetMigrations = []string{
	`CREATE TABLE telemetry_offsets (
		application TEXT NOT NULL, path TEXT NOT NULL,
		device INTEGER NOT NULL, inode INTEGER NOT NULL, head INTEGER NOT NULL, sum INTEGER NOT NULL, offset INTEGER NOT NULL,
		PRIMARY KEY (application, path)) WITHOUT ROWID`,
	`ALTER TABLE telemetry_offsets ADD COLUMN batch INTEGER NOT NULL DEFAULT 0`,
	`ALTER TABLE telemetry_offsets ADD COLUMN saved INTEGER NOT NULL DEFAULT 0`, // ms
}

// readOffset tells where a file was left; nil if it was never read.
func readOffset(ctx context.Context, db *sql.DB, id, path string) (*place, error) {
	var p place
	var device, inode, saved int64
	err := db.Read(ctx, func(tx *stdsql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT device, inode, head, sum, offset, batch, saved FROM telemetry_offsets WHERE application = ? AND path = ?`, id, path).
			Scan(&device, &inode, &p.Head, &p.Sum, &p.Offset, &p.Batch, &saved)
	})
	if errors.Is(err, stdsql.ErrNoRows) {
		return nil, nil
	}
	p.Device, p.Inode = uint64(device), uint64(inode)
	if saved > 0 {
		p.at = time.UnixMilli(saved)
	}
	return &p, err
}

// mark is what is stored with the events of a batch: where the files of an application stand after it.
type mark struct {
	Application string
	Places      []markedPlace
}

type markedPlace struct {
	Path string
	place
}

func (m mark) encode() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers
	}
	return b
}

// move takes the places that are newer than those of the cursors.
func (m mark) move(cursors []*cursor) {
	for _, p := range m.Places {
		for _, c := range cursors {
			if c.path == p.Path && p.Batch > c.batch {
				c.saved, c.batch = new(p.place), p.Batch
			}
		}
	}
}

func saveOffsets(ctx context.Context, db *sql.DB, m mark, now time.Time) error {
	return db.Write(ctx, func(tx *stdsql.Tx) error {
		for _, p := range m.Places {
			_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO telemetry_offsets (application, path, device, inode, head, sum, offset, batch, saved) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				m.Application, p.Path, int64(p.Device), int64(p.Inode), p.Head, p.Sum, p.Offset, p.Batch, now.UnixMilli())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// forgetLostFiles deletes the offsets of files that are not there any more.
func forgetLostFiles(ctx context.Context, db *sql.DB) error {
	var lost []string
	err := db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT path FROM telemetry_offsets`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var path string
			if err := rows.Scan(&path); err != nil {
				return err
			}
			left, err := generations(path)
			if err != nil {
				return err
			}
			if len(left) == 0 {
				lost = append(lost, path)
			}
		}
		return rows.Err()
	})
	if err != nil || len(lost) == 0 {
		return err
	}
	return db.Write(ctx, func(tx *stdsql.Tx) error {
		for _, path := range lost {
			if _, err := tx.ExecContext(ctx, `DELETE FROM telemetry_offsets WHERE path = ?`, path); err != nil {
				return err
			}
		}
		return nil
	})
}
