package logs

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"errors"
	"slices"
	"strings"

	model "drey/model/logs"
)

// streamRow is a row of logs_streams.
type streamRow struct {
	id      int64
	name    string
	created int64 // ms
}

func errNoStream() error {
	return model.ResourceNotFoundException.Errorf("The specified log stream does not exist.")
}

func findStream(ctx context.Context, tx *stdsql.Tx, group int64, name string) (streamRow, error) {
	r := streamRow{name: name}
	err := tx.QueryRowContext(ctx, `SELECT id, created FROM logs_streams WHERE owner = ? AND name = ?`, group, name).Scan(&r.id, &r.created)
	if errors.Is(err, stdsql.ErrNoRows) {
		return streamRow{}, errNoStream()
	}
	return r, err
}

// lookup finds a group and a stream of it.
func (s *Service) lookup(ctx context.Context, p place, name, stream string) (g group, st *stream, err error) {
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		if g, err = findGroup(ctx, tx, p, name); err != nil {
			return err
		}
		r, err := findStream(ctx, tx, g.id, stream)
		if err == nil {
			st = s.stream(r.id)
		}
		return err
	})
	return g, st, err
}

// streamRows lists the streams of a group by name.
func (s *Service) streamRows(ctx context.Context, group int64) (list []streamRow, err error) {
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id, name, created FROM logs_streams WHERE owner = ? ORDER BY name`, group)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r streamRow
			if err := rows.Scan(&r.id, &r.name, &r.created); err != nil {
				return err
			}
			list = append(list, r)
		}
		return rows.Err()
	})
	return list, err
}

// CreateLogStream makes a stream.
func (s *Service) CreateLogStream(ctx context.Context, in *model.CreateLogStreamInput) (*model.CreateLogStreamOutput, error) {
	err := s.db.Write(ctx, func(tx *stdsql.Tx) error {
		g, err := findGroup(ctx, tx, placeOf(ctx), *in.LogGroupName)
		if err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, `INSERT INTO logs_streams (owner, name, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, g.id, *in.LogStreamName, s.now().UnixMilli())
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return model.ResourceAlreadyExistsException.Errorf("The specified log stream already exists")
	})
	if err != nil {
		return nil, err
	}
	return &model.CreateLogStreamOutput{}, nil
}

// DeleteLogStream deletes a stream with its events.
func (s *Service) DeleteLogStream(ctx context.Context, in *model.DeleteLogStreamInput) (*model.DeleteLogStreamOutput, error) {
	var r streamRow
	err := s.db.Write(ctx, func(tx *stdsql.Tx) error {
		g, err := findGroup(ctx, tx, placeOf(ctx), *in.LogGroupName)
		if err != nil {
			return err
		}
		if r, err = findStream(ctx, tx, g.id, *in.LogStreamName); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM logs_streams WHERE id = ?`, r.id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &model.DeleteLogStreamOutput{}, s.drop([]int64{r.id})
}

// described is a stream in a list of DescribeLogStreams.
type described struct {
	streamRow
	summary
	sort page // its place in the list
}

// DescribeLogStreams lists the streams of a group, by name or by their newest event. A stream without events stands
// where an event at its creation would put it.
func (s *Service) DescribeLogStreams(ctx context.Context, in *model.DescribeLogStreamsInput) (*model.DescribeLogStreamsOutput, error) {
	p, name, err := target(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byTime, descending := in.OrderBy == model.OrderByLastEventTime, in.Descending != nil && *in.Descending
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, model.InvalidParameterException.Errorf("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	from, err := parsePage(in.NextToken, "streams")
	if err != nil {
		return nil, err
	}
	g, err := s.group(ctx, p, name)
	if err != nil {
		return nil, err
	}
	list, err := s.sorted(ctx, g.id, in.LogStreamNamePrefix, byTime)
	if err != nil {
		return nil, err
	}
	if descending {
		slices.Reverse(list)
	}
	if in.NextToken != nil {
		list = slices.DeleteFunc(list, func(d described) bool {
			c := cmp.Or(cmp.Compare(d.sort.Time, from.Time), cmp.Compare(d.sort.Name, from.Name))
			return c == 0 || (c < 0) != descending
		})
	}
	out := &model.DescribeLogStreamsOutput{LogStreams: []model.LogStream{}}
	if limit := limitOf(in.Limit, 50); len(list) > limit {
		list = list[:limit]
		out.NextToken = encodeToken(list[limit-1].sort)
	}
	for _, d := range list {
		v, err := s.describeStream(ctx, &g, d)
		if err != nil {
			return nil, err
		}
		out.LogStreams = append(out.LogStreams, v)
	}
	return out, nil
}

// sorted gives the streams in ascending order. Only the order by time has to look into all of them.
func (s *Service) sorted(ctx context.Context, group int64, prefix *string, byTime bool) ([]described, error) {
	rows, err := s.streamRows(ctx, group)
	if err != nil {
		return nil, err
	}
	var list []described
	for _, r := range rows {
		if prefix != nil && !strings.HasPrefix(r.name, *prefix) {
			continue
		}
		d := described{streamRow: r, sort: page{List: "streams", Name: r.name}}
		if byTime {
			if d.summary, err = s.stream(r.id).summary(ctx); ignoreClosed(err) != nil {
				return nil, err
			}
			d.sort.Time = r.created
			if d.events > 0 {
				d.sort.Time = d.high
			}
		}
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b described) int { return cmp.Compare(a.sort.Time, b.sort.Time) })
	return list, nil
}

func (s *Service) describeStream(ctx context.Context, g *group, d described) (model.LogStream, error) {
	v := model.LogStream{
		LogStreamName: new(d.name), CreationTime: new(d.created), Arn: new(g.arn() + ":log-stream:" + d.name),
		UploadSequenceToken: new(sequenceToken(d.id)), StoredBytes: new(int64(0)), // of streams it is always zero
	}
	sum, err := s.stream(d.id).summary(ctx)
	if ignoreClosed(err) != nil {
		return v, err
	}
	if sum.events > 0 {
		v.FirstEventTimestamp, v.LastEventTimestamp, v.LastIngestionTime = new(max(sum.low, g.oldest(s.now()))), new(sum.high), new(sum.ingested)
	}
	return v, nil
}
