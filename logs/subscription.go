package logs

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"drey/logs/pattern"
	model "drey/model/logs"
)

// maxSubscriptions is how many subscription filters a group may have ("CloudWatch Logs quotas").
const maxSubscriptions = 2

// subscription is a row of logs_subscription_filters: events that a pattern matches go to a Kinesis stream with the rights
// of a role.
type subscription struct {
	place
	id                int64
	group             int64
	groupName         string
	name, pattern     string
	destination, role string
	distribution      model.Distribution
	created           int64 // ms
	parsed            *pattern.Pattern
}

// vendor is the service of a destination's ARN.
var vendor = regexp.MustCompile(`^arn:aws[a-z-]*:([a-z0-9-]+):([a-z0-9-]*):(\d*):(.+)$`)

// checkDestination refuses what is not a Kinesis stream of the group's account and region, as AWS refuses destinations
// that it cannot reach.
func checkDestination(p place, arn string) error {
	m := vendor.FindStringSubmatch(arn)
	if m == nil {
		return model.InvalidParameterException.Errorf("The destination ARN %s is not valid.", arn)
	}
	switch {
	case m[1] == "lambda":
		return model.InvalidParameterException.Errorf("Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.")
	case m[1] == "firehose":
		return model.InvalidParameterException.Errorf("Could not deliver test message to specified Firehose stream. Check if the given Firehose stream is in ACTIVE state.")
	case m[1] == "logs":
		return model.ResourceNotFoundException.Errorf("The specified destination does not exist.")
	case m[1] != "kinesis" || !strings.HasPrefix(m[4], "stream/"):
		return model.InvalidParameterException.Errorf("PutSubscriptionFilter operation cannot work with destinationArn for vendor %s", m[1])
	case m[2] != p.region || m[3] != p.account:
		return model.InvalidParameterException.Errorf("The destination stream has to be in the account and the region of the log group.")
	}
	return nil
}

// PutSubscriptionFilter makes a subscription filter, or changes one, after a test message has reached the destination. A
// new one delivers events from now on.
func (s *Service) PutSubscriptionFilter(ctx context.Context, in *model.PutSubscriptionFilterInput) (*model.PutSubscriptionFilterOutput, error) {
	if in.FieldSelectionCriteria != nil || len(in.EmitSystemFields) > 0 || (in.ApplyOnTransformedLogs != nil && *in.ApplyOnTransformedLogs) {
		return nil, model.InvalidParameterException.Errorf("Field selection, system fields and transformed logs are not supported by this server.")
	}
	p := placeOf(ctx)
	g, err := s.group(ctx, p, *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	parsed, err := pattern.Parse(*in.FilterPattern)
	if err != nil {
		return nil, model.InvalidParameterException.Errorf("%s", err)
	}
	if err := checkDestination(p, *in.DestinationArn); err != nil {
		return nil, err
	}
	if in.RoleArn == nil {
		return nil, model.InvalidParameterException.Errorf("destinationArn for vendor kinesis cannot be used without roleArn")
	}
	x := &subscription{
		place: p, group: g.id, groupName: g.name, name: *in.FilterName, pattern: *in.FilterPattern, parsed: parsed, destination: *in.DestinationArn, role: *in.RoleArn,
		distribution: in.Distribution, created: s.now().UnixMilli(),
	}
	if x.distribution == "" {
		x.distribution = model.DistributionByLogStream
	}
	s.filters.editing.Lock()
	defer s.filters.editing.Unlock()
	if err := s.checkSubscription(ctx, x); err != nil {
		return nil, err
	}
	return &model.PutSubscriptionFilterOutput{}, s.saveSubscription(ctx, x)
}

// checkSubscription holds a filter against the limits and sends the test message.
func (s *Service) checkSubscription(ctx context.Context, x *subscription) error {
	f := s.filters.of(x.group)
	others := slices.DeleteFunc(slices.Clone(f.deliveries), func(d *delivery) bool { return d.name == x.name })
	switch {
	case len(others) >= maxSubscriptions:
		return model.LimitExceededException.Errorf("Resource limit exceeded.")
	case x.parsed.HasRegex() && f.regexes(x.name) >= maxRegexPatterns:
		return errTooManyRegexes()
	}
	unreachable := model.InvalidParameterException.Errorf("Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in ACTIVE state.")
	if s.records == nil {
		return unreachable
	}
	data, err := controlMessage(s.now())
	if err != nil {
		return err
	}
	if err := s.records.PutRecord(ctx, x.record(newID(), data)); err != nil {
		s.log.Warn("logs: the test message of a subscription filter was not delivered", "group", x.groupName, "filter", x.name, "reason", err)
		return unreachable
	}
	return nil
}

// saveSubscription writes the filter, and for a new one where each stream is now; then it begins to deliver.
func (s *Service) saveSubscription(ctx context.Context, x *subscription) error {
	starts, err := s.starts(ctx, x.group)
	if err != nil {
		return err
	}
	isNew := false
	err = s.db.Write(ctx, func(tx *stdsql.Tx) error {
		row := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM logs_subscription_filters WHERE owner = ? AND name = ?`, x.group, x.name)
		var n int
		if err := row.Scan(&n); err != nil {
			return err
		}
		isNew = n == 0
		row = tx.QueryRowContext(ctx, `INSERT INTO logs_subscription_filters (owner, name, pattern, destination, role, distribution, created)
			SELECT ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM logs_groups WHERE id = ?1) ON CONFLICT DO UPDATE SET
			pattern = excluded.pattern, destination = excluded.destination, role = excluded.role, distribution = excluded.distribution, created = excluded.created
			RETURNING id`, x.group, x.name, x.pattern, x.destination, x.role, x.distribution, x.created)
		if err := row.Scan(&x.id); errors.Is(err, stdsql.ErrNoRows) {
			return errNoGroup()
		} else if err != nil {
			return err
		}
		for stream, next := range starts {
			if !isNew {
				break
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO logs_deliveries SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM logs_streams WHERE id = ?2)`, x.id, stream, int64(next))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.deliver(ctx, x)
}

// starts gives the next block of each stream of a group.
func (s *Service) starts(ctx context.Context, group int64) (map[int64]uint64, error) {
	rows, err := s.streamRows(ctx, group)
	if err != nil {
		return nil, err
	}
	starts := map[int64]uint64{}
	for _, r := range rows {
		_, next, _, err := s.stream(r.id).log.Bounds()
		if ignoreClosed(err) != nil {
			return nil, err
		}
		starts[r.id] = next
	}
	return starts, nil
}

// deliver replaces the delivery of the filter by one that does what x says.
func (s *Service) deliver(ctx context.Context, x *subscription) error {
	s.endDelivery(x.group, x.name)
	d, err := s.newDelivery(ctx, x)
	if err != nil {
		return err
	}
	s.filters.change(x.group, func(f *groupFilters) {
		f.deliveries = append(f.deliveries, d)
		slices.SortFunc(f.deliveries, func(a, b *delivery) int { return strings.Compare(a.name, b.name) })
	})
	d.begin(s.filters.running)
	return nil
}

// endDelivery ends the delivery of a filter, if there is one.
func (s *Service) endDelivery(group int64, name string) {
	var old *delivery
	s.filters.change(group, func(f *groupFilters) {
		f.deliveries = slices.DeleteFunc(f.deliveries, func(d *delivery) bool {
			if d.name == name {
				old = d
			}
			return d.name == name
		})
	})
	if old != nil {
		old.end()
	}
}

func (s *Service) loadSubscriptions(ctx context.Context) error {
	var list []*subscription
	err := s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT g.account, g.region, g.name, f.id, f.owner, f.name, f.pattern, f.destination, f.role, f.distribution, f.created
			FROM logs_subscription_filters f JOIN logs_groups g ON g.id = f.owner`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			x := &subscription{}
			err := rows.Scan(&x.account, &x.region, &x.groupName, &x.id, &x.group, &x.name, &x.pattern, &x.destination, &x.role, &x.distribution, &x.created)
			if err != nil {
				return err
			}
			if x.parsed, err = pattern.Parse(x.pattern); err != nil {
				return fmt.Errorf("subscription filter %s: %w", x.name, err)
			}
			list = append(list, x)
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	for _, x := range list {
		if err := s.deliver(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// DeleteSubscriptionFilter ends a subscription filter.
func (s *Service) DeleteSubscriptionFilter(ctx context.Context, in *model.DeleteSubscriptionFilterInput) (*model.DeleteSubscriptionFilterOutput, error) {
	g, err := s.group(ctx, placeOf(ctx), *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	s.filters.editing.Lock()
	defer s.filters.editing.Unlock()
	err = s.db.Write(ctx, func(tx *stdsql.Tx) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM logs_subscription_filters WHERE owner = ? AND name = ?`, g.id, *in.FilterName)
		return orMissing(done, err, model.ResourceNotFoundException.Errorf("The specified subscription filter does not exist."))
	})
	if err != nil {
		return nil, err
	}
	s.endDelivery(g.id, *in.FilterName)
	return &model.DeleteSubscriptionFilterOutput{}, nil
}

// DescribeSubscriptionFilters lists the filters of a group by name.
func (s *Service) DescribeSubscriptionFilters(ctx context.Context, in *model.DescribeSubscriptionFiltersInput) (*model.DescribeSubscriptionFiltersOutput, error) {
	from, err := parsePage(in.NextToken, "subscription filters")
	if err != nil {
		return nil, err
	}
	g, err := s.group(ctx, placeOf(ctx), *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	out := &model.DescribeSubscriptionFiltersOutput{SubscriptionFilters: []model.SubscriptionFilter{}}
	limit := limitOf(in.Limit, 50)
	for _, d := range s.filters.of(g.id).deliveries {
		if d.name <= from.Name || (in.FilterNamePrefix != nil && !strings.HasPrefix(d.name, *in.FilterNamePrefix)) {
			continue
		}
		if len(out.SubscriptionFilters) == limit {
			out.NextToken = encodeToken(page{List: "subscription filters", Name: *out.SubscriptionFilters[limit-1].FilterName})
			break
		}
		out.SubscriptionFilters = append(out.SubscriptionFilters, model.SubscriptionFilter{
			FilterName: &d.name, LogGroupName: &d.groupName, FilterPattern: &d.pattern, DestinationArn: &d.destination, RoleArn: &d.role,
			Distribution: d.distribution, ApplyOnTransformedLogs: new(false), CreationTime: &d.created,
		})
	}
	return out, nil
}
