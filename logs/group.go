package logs

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	model "drey/model/logs"
	"drey/wire"
)

// place is whose groups a request can see.
type place struct{ account, region string }

func placeOf(ctx context.Context) place {
	r := wire.FromContext(ctx)
	return place{r.Account, r.Region}
}

// group is a row of logs_groups.
type group struct {
	place
	id        int64
	name      string
	created   int64 // ms
	retention int32 // days; 0 = for ever
	class     model.LogGroupClass
	protected bool
	tags      map[string]string
}

const groupColumns = `id, account, region, name, created, retention, class, protected, tags`

func scanGroup(scan func(...any) error) (group, error) {
	var g group
	var tags string
	if err := scan(&g.id, &g.account, &g.region, &g.name, &g.created, &g.retention, &g.class, &g.protected, &tags); err != nil {
		return group{}, err
	}
	if err := json.Unmarshal([]byte(tags), &g.tags); err != nil {
		return group{}, fmt.Errorf("tags of log group %s: %w", g.name, err)
	}
	return g, nil
}

// arn is the group's name in tagging operations; everywhere else ":*" follows.
func (g *group) arn() string { return groupARN(g.place, g.name) }

func groupARN(p place, name string) string {
	return "arn:aws:logs:" + p.region + ":" + p.account + ":log-group:" + name
}

// oldest is the first time that retention shows.
func (g *group) oldest(now time.Time) int64 {
	if g.retention == 0 {
		return 0
	}
	return now.AddDate(0, 0, -int(g.retention)).UnixMilli()
}

func errNoGroup() error {
	return model.ResourceNotFoundException.Errorf("The specified log group does not exist.")
}

func findGroup(ctx context.Context, tx *stdsql.Tx, p place, name string) (group, error) {
	row := tx.QueryRowContext(ctx, `SELECT `+groupColumns+` FROM logs_groups WHERE account = ? AND region = ? AND name = ?`, p.account, p.region, name)
	g, err := scanGroup(row.Scan)
	if errors.Is(err, stdsql.ErrNoRows) {
		return group{}, errNoGroup()
	}
	return g, err
}

func (s *Service) group(ctx context.Context, p place, name string) (g group, err error) {
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		g, err = findGroup(ctx, tx, p, name)
		return err
	})
	return g, err
}

// changeGroup runs one statement that ends with the group's key, and tells when there is no such group.
func (s *Service) changeGroup(ctx context.Context, name, statement string, args ...any) error {
	p := placeOf(ctx)
	return s.db.Write(ctx, func(tx *stdsql.Tx) error {
		done, err := tx.ExecContext(ctx, statement+` WHERE account = ? AND region = ? AND name = ?`, append(args, p.account, p.region, name)...)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return errNoGroup()
	})
}

// CreateLogGroup makes a group. There are no KMS keys here, so naming one is answered as AWS answers for a key that
// does not exist.
func (s *Service) CreateLogGroup(ctx context.Context, in *model.CreateLogGroupInput) (*model.CreateLogGroupOutput, error) {
	if in.KmsKeyId != nil {
		return nil, model.InvalidParameterException.Errorf("The specified KMS Key Id could not be found.")
	}
	if strings.HasPrefix(strings.ToLower(*in.LogGroupName), "aws/") {
		return nil, model.InvalidParameterException.Errorf("Log groups starting with AWS/ are reserved for AWS.")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	p, class := placeOf(ctx), in.LogGroupClass
	if class == "" {
		class = model.LogGroupClassSTANDARD
	}
	err := s.db.Write(ctx, func(tx *stdsql.Tx) error {
		done, err := tx.ExecContext(ctx, `INSERT INTO logs_groups (account, region, name, created, retention, class, protected, tags)
			VALUES (?, ?, ?, ?, 0, ?, ?, ?) ON CONFLICT DO NOTHING`,
			p.account, p.region, *in.LogGroupName, s.now().UnixMilli(), class, in.DeletionProtectionEnabled != nil && *in.DeletionProtectionEnabled, tagsText(in.Tags))
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return model.ResourceAlreadyExistsException.Errorf("The specified log group already exists")
	})
	if err != nil {
		return nil, err
	}
	return &model.CreateLogGroupOutput{}, nil
}

// DeleteLogGroup deletes a group with all streams and events.
func (s *Service) DeleteLogGroup(ctx context.Context, in *model.DeleteLogGroupInput) (*model.DeleteLogGroupOutput, error) {
	s.filters.editing.Lock()
	defer s.filters.editing.Unlock()
	var ids []int64
	var id int64
	err := s.db.Write(ctx, func(tx *stdsql.Tx) error {
		g, err := findGroup(ctx, tx, placeOf(ctx), *in.LogGroupName)
		if err != nil {
			return err
		}
		id = g.id
		if g.protected {
			return model.ValidationException.Errorf("The log group cannot be deleted because deletion protection is enabled.")
		}
		if ids, err = queryIDs(ctx, tx, `SELECT id FROM logs_streams WHERE owner = ?`, g.id); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM logs_groups WHERE id = ?`, g.id)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.filters.forget(id)
	return &model.DeleteLogGroupOutput{}, s.drop(ids)
}

// PutLogGroupDeletionProtection lets a group be deleted or not.
func (s *Service) PutLogGroupDeletionProtection(ctx context.Context, in *model.PutLogGroupDeletionProtectionInput) (*model.PutLogGroupDeletionProtectionOutput, error) {
	p, name, err := target(ctx, nil, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if p != placeOf(ctx) {
		return nil, errNoGroup()
	}
	return &model.PutLogGroupDeletionProtectionOutput{}, s.changeGroup(ctx, name, `UPDATE logs_groups SET protected = ?`, *in.DeletionProtectionEnabled)
}

// retentions are the days that PutRetentionPolicy takes.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// PutRetentionPolicy sets after how many days events vanish.
func (s *Service) PutRetentionPolicy(ctx context.Context, in *model.PutRetentionPolicyInput) (*model.PutRetentionPolicyOutput, error) {
	if !slices.Contains(retentions, *in.RetentionInDays) {
		return nil, model.InvalidParameterException.Errorf("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %s",
			*in.RetentionInDays, strings.ReplaceAll(fmt.Sprint(retentions), " ", ", "))
	}
	return &model.PutRetentionPolicyOutput{}, s.changeGroup(ctx, *in.LogGroupName, `UPDATE logs_groups SET retention = ?`, *in.RetentionInDays)
}

// DeleteRetentionPolicy makes events stay for ever.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *model.DeleteRetentionPolicyInput) (*model.DeleteRetentionPolicyOutput, error) {
	return &model.DeleteRetentionPolicyOutput{}, s.changeGroup(ctx, *in.LogGroupName, `UPDATE logs_groups SET retention = 0`)
}

// DescribeLogGroups lists groups by name.
func (s *Service) DescribeLogGroups(ctx context.Context, in *model.DescribeLogGroupsInput) (*model.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, model.InvalidParameterException.Errorf("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	if in.LogGroupIdentifiers != nil && (in.LogGroupNamePrefix != nil || in.LogGroupNamePattern != nil || in.LogGroupClass != "") {
		return nil, model.InvalidParameterException.Errorf("logGroupIdentifiers cannot be combined with other filters.")
	}
	from, err := parsePage(in.NextToken, "groups")
	if err != nil {
		return nil, err
	}
	p, limit := placeOf(ctx), limitOf(in.Limit, 50)
	var list []group
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT `+groupColumns+` FROM logs_groups WHERE account = ? AND region = ? AND name > ? ORDER BY name`, p.account, p.region, from.Name)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() && len(list) <= limit {
			g, err := scanGroup(rows.Scan)
			if err != nil {
				return err
			}
			if describes(in, &g) {
				list = append(list, g)
			}
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	out := &model.DescribeLogGroupsOutput{LogGroups: []model.LogGroup{}}
	if len(list) > limit {
		list = list[:limit]
		out.NextToken = encodeToken(page{List: "groups", Name: list[limit-1].name})
	}
	for i := range list {
		d, err := s.describeGroup(ctx, &list[i], in.LogGroupNamePattern != nil)
		if err != nil {
			return nil, err
		}
		out.LogGroups = append(out.LogGroups, d)
	}
	return out, nil
}

func limitOf(limit *int32, most int) int {
	if limit == nil {
		return most
	}
	return min(int(*limit), most)
}

// describes tells whether the request asks for the group.
func describes(in *model.DescribeLogGroupsInput, g *group) bool {
	switch {
	case in.LogGroupNamePrefix != nil && !strings.HasPrefix(g.name, *in.LogGroupNamePrefix),
		in.LogGroupNamePattern != nil && !strings.Contains(g.name, *in.LogGroupNamePattern),
		in.LogGroupIdentifiers != nil && !slices.Contains(in.LogGroupIdentifiers, g.name) && !slices.Contains(in.LogGroupIdentifiers, g.arn()),
		in.LogGroupClass == model.LogGroupClassSTANDARD && g.class != in.LogGroupClass,
		in.LogGroupClass == model.LogGroupClassDELIVERY && g.class != in.LogGroupClass:
		return false
	case in.LogGroupClass == model.LogGroupClassINFREQUENT_ACCESS, in.LogGroupClass == model.LogGroupClassESSENTIALS:
		return g.class == model.LogGroupClassINFREQUENT_ACCESS || g.class == model.LogGroupClassESSENTIALS
	}
	return true
}

func (s *Service) describeGroup(ctx context.Context, g *group, short bool) (model.LogGroup, error) {
	d := model.LogGroup{LogGroupName: new(g.name), CreationTime: new(g.created), Arn: new(g.arn() + ":*")}
	if short {
		return d, nil
	}
	stored, err := s.storedBytes(ctx, g.id)
	if err != nil {
		return d, err
	}
	d.LogGroupArn, d.LogGroupClass, d.MetricFilterCount, d.StoredBytes = new(g.arn()), g.class, new(int32(len(s.filters.of(g.id).metrics))), new(stored)
	if g.retention > 0 {
		d.RetentionInDays = new(g.retention)
	}
	if g.protected {
		d.DeletionProtectionEnabled = new(true)
	}
	return d, nil
}

// storedBytes adds up the streams of a group: exactly for those in use, as of the last saved zone for the others.
func (s *Service) storedBytes(ctx context.Context, group int64) (total int64, err error) {
	saved := map[int64]int64{}
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT s.id, COALESCE(SUM(z.bytes), 0) FROM logs_streams s LEFT JOIN logs_zones z ON z.stream = s.id WHERE s.owner = ? GROUP BY s.id`, group)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, bytes int64
			if err := rows.Scan(&id, &bytes); err != nil {
				return err
			}
			saved[id] = bytes
		}
		return rows.Err()
	})
	for id, bytes := range saved {
		s.mu.Lock()
		st := s.streams[id]
		s.mu.Unlock()
		if st != nil {
			st.mu.Lock()
			if st.loaded {
				bytes = summarise(st.zones).bytes
			}
			st.mu.Unlock()
		}
		total += bytes
	}
	return total, err
}
