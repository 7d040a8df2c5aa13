package cloudwatch

import (
	"context"
	"time"

	model "drey/model/cloudwatch"
	"drey/wire"
)

const maxDatapoints = 1440

// GetMetricStatistics answers the periods that have samples, oldest first.
func (s *Service) GetMetricStatistics(ctx context.Context, in *model.GetMetricStatisticsInput) (*model.GetMetricStatisticsOutput, error) {
	extended, err := checkStatistics(in)
	if err != nil {
		return nil, err
	}
	w := newWindow(*in.StartTime, *in.EndTime, s.now(), int64(*in.Period))
	if n := w.periods(); n > maxDatapoints {
		return nil, badCombination.Errorf("You have requested up to %d datapoints, which exceeds the limit of %d. "+
			"You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n, maxDatapoints)
	}
	r := wire.FromContext(ctx)
	id := newSeries(r.Account, r.Region, *in.Namespace, *in.MetricName, dimensionsOf(in.Dimensions)).id()
	points, err := s.read(ctx, id, w, string(in.Unit))
	if err != nil {
		return nil, err
	}
	out := &model.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []model.Datapoint{}}
	for _, p := range points {
		if d, ok := statistics(p, in.Statistics, extended); ok {
			out.Datapoints = append(out.Datapoints, d)
		}
	}
	return out, nil
}

// checkStatistics gives the parsed extended statistics.
func checkStatistics(in *model.GetMetricStatisticsInput) (map[string]stat, error) {
	if !in.StartTime.Before(*in.EndTime) {
		return nil, badValue.Errorf("The parameter StartTime must be less than the parameter EndTime.")
	}
	if !validPeriod(*in.Period) {
		return nil, badValue.Errorf("The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.")
	}
	if len(in.Statistics) == 0 && len(in.ExtendedStatistics) == 0 {
		return nil, badCombination.Errorf("Must specify either Statistics or ExtendedStatistics.")
	}
	if len(in.Statistics) > 0 && len(in.ExtendedStatistics) > 0 {
		return nil, badCombination.Errorf("Must specify either Statistics or ExtendedStatistics, but not both.")
	}
	extended := map[string]stat{}
	for _, name := range in.ExtendedStatistics {
		f, ok := extendedStat(name)
		if !ok {
			return nil, badValue.Errorf("The value %s for parameter ExtendedStatistics is not supported.", name)
		}
		extended[name] = f
	}
	return extended, nil
}

// validPeriod tells whether seconds is a period; those below a minute are for high-resolution metrics.
func validPeriod(seconds int32) bool {
	switch seconds {
	case 1, 5, 10, 20, 30:
		return true
	}
	return seconds > 0 && seconds%60 == 0
}

// statistics is a datapoint with what was asked for; false = none of it is known.
func statistics(p datapoint, names []model.Statistic, extended map[string]stat) (model.Datapoint, bool) {
	d := model.Datapoint{Timestamp: new(time.Unix(p.at, 0).UTC()), Unit: model.StandardUnit(p.unit)}
	place := map[model.Statistic]**float64{
		model.StatisticSampleCount: &d.SampleCount, model.StatisticAverage: &d.Average, model.StatisticSum: &d.Sum,
		model.StatisticMinimum: &d.Minimum, model.StatisticMaximum: &d.Maximum,
	}
	known := false
	for _, name := range names {
		v, _ := stats[name](p.bucket) // every bucket knows them
		*place[name], known = &v, true
	}
	for name, f := range extended {
		v, ok := f(p.bucket)
		if !ok {
			continue
		}
		if d.ExtendedStatistics == nil {
			d.ExtendedStatistics = map[string]float64{}
		}
		d.ExtendedStatistics[name], known = v, true
	}
	return d, known
}
