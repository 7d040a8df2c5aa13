package cloudwatch

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	model "drey/model/cloudwatch"
	"drey/store/kv"
	"drey/wire"
)

const (
	metricsPerPage = 500
	listed         = 14 * day // metrics without points for longer are not listed
)

// recently maps RecentlyActive to how long ago the last points may have come.
var recently = map[model.RecentlyActive]time.Duration{"": listed, model.RecentlyActivePT3H: 3 * time.Hour}

// ListMetrics reads the index from where the token says.
func (s *Service) ListMetrics(ctx context.Context, in *model.ListMetricsInput) (*model.ListMetricsOutput, error) {
	r := wire.FromContext(ctx)
	out := &model.ListMetricsOutput{Metrics: []model.Metric{}}
	if deref(in.IncludeLinkedAccounts) {
		return nil, model.InvalidParameterValueException.Errorf("The parameter IncludeLinkedAccounts is not supported: this server has no cross-account observability.")
	}
	if in.OwningAccount != nil && *in.OwningAccount != r.Account {
		return out, nil
	}
	t := target{account: r.Account, region: r.Region, namespace: deref(in.Namespace), name: deref(in.MetricName), oldest: s.now().Add(-recently[in.RecentlyActive] - noteEvery).Unix()}
	visit := s.byName
	if given := leading(in.Dimensions); given != nil {
		visit = func(ctx context.Context, t target, behind []byte, fn foundFunc) error {
			return s.byDimension(ctx, t, given, behind, fn)
		}
	}
	behind, err := decodeKey(in.NextToken)
	if err != nil {
		return nil, badListToken
	}
	var last []byte
	err = visit(ctx, t, behind, func(key []byte, of series) error {
		if !matches(of, in.Dimensions) {
			return nil
		}
		if len(out.Metrics) == metricsPerPage {
			out.NextToken = new(base64.URLEncoding.EncodeToString(last))
			return kv.ErrStop
		}
		last = append(last[:0], key...)
		out.Metrics = append(out.Metrics, metricOf(of))
		return nil
	})
	if errors.Is(err, errElsewhere) {
		return nil, badListToken
	}
	return out, err
}

var badListToken = model.InvalidParameterValueException.Errorf("The value for parameter NextToken is invalid.")

// decodeKey reads the token of a page: the last key of the page before; nil = there was none.
func decodeKey(token *string) ([]byte, error) {
	if token == nil {
		return nil, nil
	}
	return base64.URLEncoding.DecodeString(*token)
}

// leading is the dimension by which the index is read, preferably one with a value; nil = none.
func leading(filters []model.DimensionFilter) []string {
	for _, f := range filters {
		if f.Value != nil {
			return []string{*f.Name, *f.Value}
		}
	}
	if len(filters) > 0 {
		return []string{*filters[0].Name}
	}
	return nil
}

func matches(s series, filters []model.DimensionFilter) bool {
	for _, f := range filters {
		i, ok := slices.BinarySearchFunc(s.dimensions, *f.Name, func(d Dimension, name string) int { return strings.Compare(d.Name, name) })
		if !ok || f.Value != nil && s.dimensions[i].Value != *f.Value {
			return false
		}
	}
	return true
}

func metricOf(s series) model.Metric {
	m := model.Metric{Namespace: &s.namespace, MetricName: &s.name, Dimensions: []model.Dimension{}}
	for _, d := range s.dimensions {
		m.Dimensions = append(m.Dimensions, model.Dimension{Name: new(d.Name), Value: new(d.Value)})
	}
	return m
}
