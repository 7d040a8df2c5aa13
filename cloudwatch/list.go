package cloudwatch

import (
	"bytes"
	"context"
	"encoding/base64"
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
	low, high, err := listRange(r, in)
	if err != nil {
		return nil, err
	}
	needed := needles(in.Dimensions)
	oldest := s.now().Add(-recently[in.RecentlyActive] - noteEvery).Unix()
	var last []byte
	err = s.kv.Scan(ctx, low, high, func(key, value []byte) error {
		if decodeTime(value) < oldest || slices.ContainsFunc(needed, func(part []byte) bool { return !bytes.Contains(key, part) }) {
			return nil
		}
		found, err := decodeSeries(key)
		if err != nil {
			return err
		}
		if !matches(found, in) {
			return nil
		}
		if len(out.Metrics) == metricsPerPage {
			out.NextToken = new(base64.URLEncoding.EncodeToString(last))
			return kv.ErrStop
		}
		last = append(last[:0], key...)
		out.Metrics = append(out.Metrics, metricOf(found))
		return nil
	})
	return out, err
}

// listRange is the part of the index that can match, behind what the token has seen.
func listRange(r *wire.Request, in *model.ListMetricsInput) (low, high []byte, err error) {
	parts := []string{r.Account, r.Region}
	if in.Namespace != nil {
		parts = append(parts, *in.Namespace)
		if in.MetricName != nil {
			parts = append(parts, *in.MetricName)
		}
	}
	low = indexKey(parts...)
	high = after(low)
	if in.NextToken == nil {
		return low, high, nil
	}
	seen, err := base64.URLEncoding.DecodeString(*in.NextToken)
	if err != nil || !bytes.HasPrefix(seen, low) {
		return nil, nil, model.InvalidParameterValueException.Errorf("The value for parameter NextToken is invalid.")
	}
	return append(seen, 0), high, nil
}

// needles are parts of the key of every series that has the dimensions; most others are told by them without being decoded.
func needles(filters []model.DimensionFilter) (parts [][]byte) {
	for _, f := range filters {
		want := []string{*f.Name}
		if f.Value != nil {
			want = append(want, *f.Value)
		}
		parts = append(parts, indexKey(want...)[1:])
	}
	return parts
}

func matches(s series, in *model.ListMetricsInput) bool {
	if in.MetricName != nil && s.name != *in.MetricName {
		return false
	}
	for _, f := range in.Dimensions {
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
