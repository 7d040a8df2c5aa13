package telemetry

import (
	"context"
	stdsql "database/sql"
	"errors"
	"io/fs"
	"os"

	"drey/store/sql"
)

var offsetMigrations = []string{
	`CREATE TABLE telemetry_offsets (
		application TEXT NOT NULL, path TEXT NOT NULL,
		device INTEGER NOT NULL, inode INTEGER NOT NULL, head INTEGER NOT NULL, sum INTEGER NOT NULL, offset INTEGER NOT NULL,
		PRIMARY KEY (application, path)) WITHOUT ROWID`,
}

// readOffset tells where a file was left; nil if it was never read.
func readOffset(ctx context.Context, db *sql.DB, id, path string) (*place, error) {
	var p place
	var device, inode int64
	err := db.Read(ctx, func(tx *stdsql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT device, inode, head, sum, offset FROM telemetry_offsets WHERE application = ? AND path = ?`, id, path).
			Scan(&device, &inode, &p.head, &p.sum, &p.offset)
	})
	if errors.Is(err, stdsql.ErrNoRows) {
		return nil, nil
	}
	p.device, p.inode = uint64(device), uint64(inode)
	return &p, err
}

func saveOffsets(ctx context.Context, db *sql.DB, id string, cursors []*cursor) error {
	return db.Write(ctx, func(tx *stdsql.Tx) error {
		for _, c := range cursors {
			p, err := c.where()
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO telemetry_offsets VALUES (?, ?, ?, ?, ?, ?, ?)`,
				id, c.path, int64(p.device), int64(p.inode), p.head, p.sum, p.offset)
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
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
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
