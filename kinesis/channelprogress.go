package kinesis

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"

	"drey/kinesis/parcel"
)

// progress is how far a channel has come. What it is about to write is stored before it is written, and where it stands
// after: so whoever takes over writes the same objects again, under the same keys, and no record comes twice.
type progress struct {
	Positions map[int]uint64 // by shard: the ordinal to go on with; 1 in shards that are not there
	Parcel    *sealed        // nil: nothing is being written
}

// sealed is a batch that is being written.
type sealed struct {
	parcel.Batch
	Suffix string // of its keys
}

func (p progress) position(shard int) uint64 { return max(1, p.Positions[shard]) }

// delivered is the progress when the parcel has been written. Shards that are not there any more are left out.
func (p progress) delivered(x *state) progress {
	next := progress{Positions: map[int]uint64{}}
	for _, l := range x.lanes {
		next.Positions[l.Index] = p.Parcel.Next(l.Index, p.position(l.Index))
	}
	return next
}

// loadProgress gives the progress of a channel; none if it never began.
func (s *Service) loadProgress(ctx context.Context, id string) (p progress, err error) {
	err = s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		var text string
		err := tx.QueryRowContext(ctx, `SELECT progress FROM kinesis_channels WHERE id = ?`, id).Scan(&text)
		if errors.Is(err, stdsql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(text), &p)
	})
	return p, err
}

func (s *Service) saveProgress(ctx context.Context, id string, p progress) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *stdsql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO kinesis_channels VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET progress = excluded.progress`, id, string(text))
		return err
	})
}
