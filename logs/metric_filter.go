package logs

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"drey/logs/pattern"
	model "drey/model/logs"
)

// Limits of metric filters ("CloudWatch Logs quotas").
const (
	maxMetricFilters    = 100 // of a group
	maxMetricDimensions = 3
)

// metricFilter makes samples of the events that a pattern matches.
type metricFilter struct {
	place
	group          int64
	name, pattern  string
	created        int64 // ms
	parsed         *pattern.Pattern
	transformation model.MetricTransformation
	value          metricValue
	dimensions     []metricDimension // by name

	mu     sync.Mutex
	minute minute
}

// metricDimension is a dimension whose value comes from the event.
type metricDimension struct {
	name  string
	value pattern.Reference
}

// newMetricFilter checks what the model cannot express. The text of an error is meant for the caller.
func newMetricFilter(p place, group int64, name, text string, t model.MetricTransformation, created int64) (*metricFilter, error) {
	parsed, err := pattern.Parse(text)
	if err != nil {
		return nil, err
	}
	m := &metricFilter{place: p, group: group, name: name, pattern: text, created: created, parsed: parsed, transformation: t}
	if m.value, err = parseMetricValue(*t.MetricValue); err != nil {
		return nil, fmt.Errorf("Invalid metric transformation: metric value must be a valid number or selector")
	}
	switch {
	case strings.HasPrefix(*t.MetricNamespace, "AWS/"):
		return nil, fmt.Errorf("Invalid metric transformation: the namespace must not begin with AWS/")
	case *t.MetricName == "" || *t.MetricNamespace == "":
		return nil, fmt.Errorf("Invalid metric transformation: a metric has a name and a namespace")
	case len(t.Dimensions) > maxMetricDimensions:
		return nil, fmt.Errorf("Invalid metric transformation: at most %d dimensions", maxMetricDimensions)
	case len(t.Dimensions) > 0 && t.DefaultValue != nil:
		return nil, fmt.Errorf("Invalid metric transformation: dimensions and default value are mutually exclusive properties.")
	}
	for k, v := range t.Dimensions {
		r, err := pattern.ParseReference(v)
		if err != nil || k == "" {
			return nil, fmt.Errorf("Invalid metric transformation: the dimension value %s is not a selector", v)
		}
		m.dimensions = append(m.dimensions, metricDimension{k, r})
	}
	slices.SortFunc(m.dimensions, func(a, b metricDimension) int { return strings.Compare(a.name, b.name) })
	return m, nil
}

// PutMetricFilter makes a metric filter, or changes one. Events that are there already are not looked at.
func (s *Service) PutMetricFilter(ctx context.Context, in *model.PutMetricFilterInput) (*model.PutMetricFilterOutput, error) {
	if in.FieldSelectionCriteria != nil || len(in.EmitSystemFieldDimensions) > 0 || (in.ApplyOnTransformedLogs != nil && *in.ApplyOnTransformedLogs) {
		return nil, model.InvalidParameterException.Errorf("Field selection, system fields and transformed logs are not supported by this server.")
	}
	if s.metrics == nil {
		return nil, model.ServiceUnavailableException.Errorf("There is no place for metrics.")
	}
	p := placeOf(ctx)
	g, err := s.group(ctx, p, *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	m, err := newMetricFilter(p, g.id, *in.FilterName, *in.FilterPattern, in.MetricTransformations[0], s.now().UnixMilli())
	if err != nil {
		return nil, model.InvalidParameterException.Errorf("%s", err)
	}
	s.filters.editing.Lock()
	defer s.filters.editing.Unlock()
	f := s.filters.of(g.id)
	others := slices.DeleteFunc(slices.Clone(f.metrics), func(o *metricFilter) bool { return o.name == m.name })
	switch {
	case len(others) >= maxMetricFilters:
		return nil, model.LimitExceededException.Errorf("Resource limit exceeded.")
	case m.parsed.HasRegex() && f.regexes(m.name) >= maxRegexPatterns:
		return nil, errTooManyRegexes()
	}
	return &model.PutMetricFilterOutput{}, s.saveMetricFilter(ctx, m)
}

func (s *Service) saveMetricFilter(ctx context.Context, m *metricFilter) error {
	text, err := json.Marshal(m.transformation)
	if err != nil {
		return fmt.Errorf("metric filter %s: %w", m.name, err)
	}
	err = s.db.Write(ctx, func(tx *stdsql.Tx) error {
		done, err := tx.ExecContext(ctx, `INSERT INTO logs_metric_filters SELECT ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM logs_groups WHERE id = ?1)
			ON CONFLICT DO UPDATE SET pattern = excluded.pattern, transformation = excluded.transformation, created = excluded.created`,
			m.group, m.name, m.pattern, string(text), m.created)
		return orMissing(done, err, errNoGroup())
	})
	if err == nil {
		s.filters.change(m.group, func(f *groupFilters) { f.putMetric(m) })
	}
	return err
}

// putMetric adds a filter in its place by name.
func (f *groupFilters) putMetric(m *metricFilter) {
	i, found := slices.BinarySearchFunc(f.metrics, m.name, func(o *metricFilter, name string) int { return strings.Compare(o.name, name) })
	if found {
		f.metrics[i] = m
		return
	}
	f.metrics = slices.Insert(f.metrics, i, m)
}

func (s *Service) loadMetricFilters(ctx context.Context) error {
	return s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT g.account, g.region, f.owner, f.name, f.pattern, f.transformation, f.created
			FROM logs_metric_filters f JOIN logs_groups g ON g.id = f.owner`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var p place
			var group, created int64
			var name, text, saved string
			var t model.MetricTransformation
			if err := rows.Scan(&p.account, &p.region, &group, &name, &text, &saved, &created); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(saved), &t); err != nil {
				return fmt.Errorf("metric filter %s: %w", name, err)
			}
			m, err := newMetricFilter(p, group, name, text, t, created)
			if err != nil {
				return fmt.Errorf("metric filter %s: %w", name, err)
			}
			s.filters.change(group, func(f *groupFilters) { f.putMetric(m) })
		}
		return rows.Err()
	})
}

// DeleteMetricFilter deletes a metric filter; its samples stay.
func (s *Service) DeleteMetricFilter(ctx context.Context, in *model.DeleteMetricFilterInput) (*model.DeleteMetricFilterOutput, error) {
	g, err := s.group(ctx, placeOf(ctx), *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	s.filters.editing.Lock()
	defer s.filters.editing.Unlock()
	err = s.db.Write(ctx, func(tx *stdsql.Tx) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM logs_metric_filters WHERE owner = ? AND name = ?`, g.id, *in.FilterName)
		return orMissing(done, err, model.ResourceNotFoundException.Errorf("The specified metric filter does not exist."))
	})
	if err != nil {
		return nil, err
	}
	s.filters.change(g.id, func(f *groupFilters) {
		f.metrics = slices.DeleteFunc(f.metrics, func(m *metricFilter) bool { return m.name == *in.FilterName })
	})
	return &model.DeleteMetricFilterOutput{}, nil
}

// DescribeMetricFilters lists filters by group and name: those of one group, or of one metric, or all.
func (s *Service) DescribeMetricFilters(ctx context.Context, in *model.DescribeMetricFiltersInput) (*model.DescribeMetricFiltersOutput, error) {
	if (in.MetricName == nil) != (in.MetricNamespace == nil) {
		return nil, model.InvalidParameterException.Errorf("Both metricName and metricNamespace have to be specified.")
	}
	from, err := parsePage(in.NextToken, "metric filters")
	if err != nil {
		return nil, err
	}
	groups, err := s.filteredGroups(ctx, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	out := &model.DescribeMetricFiltersOutput{MetricFilters: []model.MetricFilter{}}
	limit := limitOf(in.Limit, 50)
	for _, g := range groups {
		for _, m := range s.filters.of(g.id).metrics {
			place := g.name + ":" + m.name // group names have no colon
			if (in.NextToken != nil && !afterFilter(place, from.Name)) || !describesMetric(in, m) {
				continue
			}
			if len(out.MetricFilters) == limit {
				last := out.MetricFilters[limit-1]
				out.NextToken = encodeToken(page{List: "metric filters", Name: *last.LogGroupName + ":" + *last.FilterName})
				return out, nil
			}
			out.MetricFilters = append(out.MetricFilters, model.MetricFilter{
				FilterName: &m.name, FilterPattern: &m.pattern, MetricTransformations: []model.MetricTransformation{m.transformation},
				CreationTime: &m.created, LogGroupName: new(g.name), ApplyOnTransformedLogs: new(false),
			})
		}
	}
	return out, nil
}

func describesMetric(in *model.DescribeMetricFiltersInput, m *metricFilter) bool {
	return (in.FilterNamePrefix == nil || strings.HasPrefix(m.name, *in.FilterNamePrefix)) &&
		(in.MetricName == nil || (*in.MetricName == *m.transformation.MetricName && *in.MetricNamespace == *m.transformation.MetricNamespace))
}

// afterFilter compares places in the list, which are group:filter.
func afterFilter(place, from string) bool {
	g, name, _ := strings.Cut(place, ":")
	fromGroup, fromName, _ := strings.Cut(from, ":")
	return g > fromGroup || (g == fromGroup && name > fromName)
}

// filteredGroups are one group or all of the caller, by name.
func (s *Service) filteredGroups(ctx context.Context, name *string) (list []group, err error) {
	p := placeOf(ctx)
	if name != nil {
		g, err := s.group(ctx, p, *name)
		return []group{g}, err
	}
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT `+groupColumns+` FROM logs_groups WHERE account = ? AND region = ? ORDER BY name`, p.account, p.region)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			g, err := scanGroup(rows.Scan)
			if err != nil {
				return err
			}
			list = append(list, g)
		}
		return rows.Err()
	})
	return list, err
}

// TestMetricFilter tells which of the messages a pattern matches, and what it extracts.
func (s *Service) TestMetricFilter(_ context.Context, in *model.TestMetricFilterInput) (*model.TestMetricFilterOutput, error) {
	p, err := pattern.Parse(*in.FilterPattern)
	if err != nil {
		return nil, model.InvalidParameterException.Errorf("%s", err)
	}
	out := &model.TestMetricFilterOutput{Matches: []model.MetricFilterMatchRecord{}}
	for i, m := range in.LogEventMessages {
		if !p.Match(m) {
			continue
		}
		values := p.Fields(m)
		if values == nil {
			values = map[string]string{}
		}
		out.Matches = append(out.Matches, model.MetricFilterMatchRecord{EventNumber: new(int64(i + 1)), EventMessage: &m, ExtractedValues: values})
	}
	return out, nil
}
