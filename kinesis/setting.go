package kinesis

import (
	"context"
	"slices"
	"time"

	model "drey/model/kinesis"
)

// IncreaseStreamRetentionPeriod keeps records longer.
func (s *Service) IncreaseStreamRetentionPeriod(ctx context.Context, in *model.IncreaseStreamRetentionPeriodInput) (*model.IncreaseStreamRetentionPeriodOutput, error) {
	err := s.setRetention(ctx, reference{in.StreamName, in.StreamARN, in.StreamId}, *in.RetentionPeriodHours, func(name string, have, want int32) error {
		if want < have {
			return model.InvalidArgumentException.Errorf("Requested retention period (%d hours) for stream %s can not be shorter than existing retention period (%d hours). Use DecreaseRetentionPeriod API.", want, name, have)
		}
		return nil
	})
	return &model.IncreaseStreamRetentionPeriodOutput{}, err
}

// DecreaseStreamRetentionPeriod keeps records shorter: older ones can no longer be read at once.
func (s *Service) DecreaseStreamRetentionPeriod(ctx context.Context, in *model.DecreaseStreamRetentionPeriodInput) (*model.DecreaseStreamRetentionPeriodOutput, error) {
	err := s.setRetention(ctx, reference{in.StreamName, in.StreamARN, in.StreamId}, *in.RetentionPeriodHours, func(name string, have, want int32) error {
		if want > have {
			return model.InvalidArgumentException.Errorf("Requested retention period (%d hours) for stream %s can not be longer than existing retention period (%d hours). Use IncreaseRetentionPeriod API.", want, name, have)
		}
		return nil
	})
	return &model.DecreaseStreamRetentionPeriodOutput{}, err
}

func (s *Service) setRetention(ctx context.Context, ref reference, hours int32, allowed func(name string, have, want int32) error) error {
	if hours < minHours {
		return model.InvalidArgumentException.Errorf("Minimum allowed retention period is %d hours. Requested retention period (%d hours) is too short.", minHours, hours)
	}
	if hours > maxHours {
		return model.InvalidArgumentException.Errorf("Maximum allowed retention period is %d hours. Requested retention period (%d hours) is too long.", maxHours, hours)
	}
	k, err := s.keyOf(ctx, ref)
	if err != nil {
		return err
	}
	_, err = s.changeActive(ctx, ref, func(d *document, now time.Time) error {
		if err := allowed(k.Name, d.Retention, hours); err != nil {
			return err
		}
		d.Floor = d.horizon(now)
		d.Retention, d.Updated = hours, now.Add(updating)
		return nil
	})
	return err
}

// UpdateMaxRecordSize sets how large a record may be, with its partition key. The model holds the bounds.
func (s *Service) UpdateMaxRecordSize(ctx context.Context, in *model.UpdateMaxRecordSizeInput) (*model.UpdateMaxRecordSizeOutput, error) {
	_, err := s.changeActive(ctx, reference{arn: in.StreamARN, id: in.StreamId}, func(d *document, now time.Time) error {
		d.RecordKiB, d.Updated = *in.MaxRecordSizeInKiB, now.Add(updating)
		return nil
	})
	return &model.UpdateMaxRecordSizeOutput{}, err
}

// StartStreamEncryption notes the key. Records put from then on are described as encrypted.
func (s *Service) StartStreamEncryption(ctx context.Context, in *model.StartStreamEncryptionInput) (*model.StartStreamEncryptionOutput, error) {
	_, err := s.changeActive(ctx, reference{in.StreamName, in.StreamARN, in.StreamId}, func(d *document, now time.Time) error {
		if in.EncryptionType != model.EncryptionTypeKMS {
			return model.InvalidArgumentException.Errorf("EncryptionType must be KMS.")
		}
		if err := s.spend(d, "StartStreamEncryption", now); err != nil {
			return err
		}
		d.Encryption, d.KeyID, d.Updated = in.EncryptionType, *in.KeyId, now.Add(updating)
		return nil
	})
	return &model.StartStreamEncryptionOutput{}, err
}

// StopStreamEncryption forgets the key.
func (s *Service) StopStreamEncryption(ctx context.Context, in *model.StopStreamEncryptionInput) (*model.StopStreamEncryptionOutput, error) {
	_, err := s.changeActive(ctx, reference{in.StreamName, in.StreamARN, in.StreamId}, func(d *document, now time.Time) error {
		if in.EncryptionType != model.EncryptionTypeKMS {
			return model.InvalidArgumentException.Errorf("EncryptionType must be KMS.")
		}
		if err := s.spend(d, "StopStreamEncryption", now); err != nil {
			return err
		}
		d.Encryption, d.KeyID, d.Updated = model.EncryptionTypeNONE, "", now.Add(updating)
		return nil
	})
	return &model.StopStreamEncryptionOutput{}, err
}

// shardMetrics are what ALL stands for.
var shardMetrics = []model.MetricsName{
	model.MetricsNameIncomingBytes, model.MetricsNameIncomingRecords, model.MetricsNameOutgoingBytes, model.MetricsNameOutgoingRecords,
	model.MetricsNameWriteProvisionedThroughputExceeded, model.MetricsNameReadProvisionedThroughputExceeded, model.MetricsNameIteratorAgeMilliseconds,
}

func expandMetrics(names []model.MetricsName) []model.MetricsName {
	if slices.Contains(names, model.MetricsNameALL) {
		return shardMetrics
	}
	return names
}

// metricsChange is the answer of both operations on enhanced monitoring.
type metricsChange struct {
	key            key
	before, wanted []model.MetricsName
}

func (s *Service) setMetrics(ctx context.Context, ref reference, wanted func(have []model.MetricsName) []model.MetricsName) (c metricsChange, err error) {
	st, err := s.changeActive(ctx, ref, func(d *document, now time.Time) error {
		c.before = append([]model.MetricsName{}, d.Metrics...)
		d.Metrics, d.Updated = wanted(d.Metrics), now.Add(updating)
		c.wanted = append([]model.MetricsName{}, d.Metrics...)
		return nil
	})
	if err == nil {
		c.key = st.key
	}
	return c, err
}

// EnableEnhancedMonitoring notes shard-level metrics.
func (s *Service) EnableEnhancedMonitoring(ctx context.Context, in *model.EnableEnhancedMonitoringInput) (*model.EnableEnhancedMonitoringOutput, error) {
	c, err := s.setMetrics(ctx, reference{in.StreamName, in.StreamARN, in.StreamId}, func(have []model.MetricsName) []model.MetricsName {
		all := append(slices.Clone(have), expandMetrics(in.ShardLevelMetrics)...)
		slices.Sort(all)
		return slices.Compact(all)
	})
	if err != nil {
		return nil, err
	}
	return &model.EnableEnhancedMonitoringOutput{StreamName: &c.key.Name, StreamARN: new(c.key.arn()), CurrentShardLevelMetrics: c.before, DesiredShardLevelMetrics: c.wanted}, nil
}

// DisableEnhancedMonitoring forgets shard-level metrics.
func (s *Service) DisableEnhancedMonitoring(ctx context.Context, in *model.DisableEnhancedMonitoringInput) (*model.DisableEnhancedMonitoringOutput, error) {
	c, err := s.setMetrics(ctx, reference{in.StreamName, in.StreamARN, in.StreamId}, func(have []model.MetricsName) []model.MetricsName {
		drop := expandMetrics(in.ShardLevelMetrics)
		return slices.DeleteFunc(slices.Clone(have), func(m model.MetricsName) bool { return slices.Contains(drop, m) })
	})
	if err != nil {
		return nil, err
	}
	return &model.DisableEnhancedMonitoringOutput{StreamName: &c.key.Name, StreamARN: new(c.key.arn()), CurrentShardLevelMetrics: c.before, DesiredShardLevelMetrics: c.wanted}, nil
}
