package msf

import (
	"context"
	"encoding/base64"
	"errors"
	"math"
	"strconv"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
)

// DescribeSnapshot describes one snapshot.
func (s *Service) DescribeSnapshot(ctx context.Context, in *msf.DescribeSnapshotInput) (*msf.DescribeSnapshotOutput, error) {
	snap, err := s.loadEnhanced(ctx, in.SnapshotName)
	if err != nil {
		return nil, err
	}
	d := &msf.SnapshotInfoDetails{
		SnapshotName: &snap.Name, SnapshotArn: &snap.ARN, SnapshotStatus: msf.SnapshotStatus(snap.Status), SnapshotCreationTimestamp: &snap.Created,
		RuntimeEnvironment: msf.RuntimeEnvironment(snap.Runtime), SnapshotSizeInBytes: &snap.Size,
		SnapshotEncryptionConfigurationDescription: &msf.SnapshotEncryptionConfiguration{KeyType: msf.KeyTypeAWS_OWNED_KEY},
		SnapshotInitiator:                          initiator(snap), SnapshotInitiatorOperation: msf.SnapshotInitiatorOperation(snap.Origin),
		SnapshotSourceDescription: &msf.SnapshotSourceDescription{}, SnapshotFormat: msf.SnapshotFormatCANONICAL,
	}
	if snap.Description != "" {
		d.SnapshotDescription = &snap.Description
	}
	if snap.Origin == app.ImportSnapshot {
		d.SnapshotSourceDescription.S3PrefixLocation = &msf.S3PrefixLocation{BucketARN: new(s3ARN + snap.From.Bucket), KeyPrefix: &snap.From.Prefix}
	} else {
		d.SnapshotSourceDescription.SourceApplicationDescription = &msf.SourceApplicationDescription{
			ApplicationName: &snap.Application, ApplicationCreationTimestamp: &snap.AppCreated, ApplicationVersionId: &snap.Version,
		}
	}
	return &msf.DescribeSnapshotOutput{SnapshotInfoDetails: d}, nil
}

func initiator(snap *app.Enhanced) msf.SnapshotInitiator {
	if snap.Origin == app.SystemCreateSnapshot {
		return msf.SnapshotInitiatorSYSTEM
	}
	return msf.SnapshotInitiatorUSER
}

// oneFilter refuses more than one filter.
func oneFilter(filters ...string) error {
	n := 0
	for _, f := range filters {
		if f != "" {
			n++
		}
	}
	if n > 1 {
		return msf.InvalidArgumentException.Errorf("Only one filter can be given in a request")
	}
	return nil
}

// ListSnapshots lists newest first.
func (s *Service) ListSnapshots(ctx context.Context, in *msf.ListSnapshotsInput) (*msf.ListSnapshotsOutput, error) {
	f := appdb.EnhancedFilter{Status: string(in.SnapshotStatus), Origin: app.SnapshotKind(in.SnapshotInitiatorOperation), Initiator: string(in.SnapshotInitiator)}
	set(&f.Application, in.SourceApplicationName)
	if err := oneFilter(f.Application, f.Status, string(f.Origin), f.Initiator); err != nil {
		return nil, err
	}
	below, err := belowToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	limit, k := page(in.Limit), key(ctx, new(""))
	var list []appdb.Numbered[app.Enhanced]
	err = s.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		list, err = tx.ListEnhanced(k.Account, k.Region, f, below, limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &msf.ListSnapshotsOutput{SnapshotInfoList: []msf.SnapshotInfo{}}
	list, out.NextToken = cutNumbered(list, limit)
	for _, n := range list {
		info := msf.SnapshotInfo{
			SnapshotName: &n.Row.Name, SnapshotArn: &n.Row.ARN, SnapshotStatus: msf.SnapshotStatus(n.Row.Status), SnapshotCreationTimestamp: &n.Row.Created,
			SnapshotInitiator: initiator(n.Row), SnapshotInitiatorOperation: msf.SnapshotInitiatorOperation(n.Row.Origin), SnapshotFormat: msf.SnapshotFormatCANONICAL,
		}
		if n.Row.Application != "" {
			info.SourceApplicationName = &n.Row.Application
		}
		out.SnapshotInfoList = append(out.SnapshotInfoList, info)
	}
	return out, nil
}

// DescribeSnapshotOperation tells how an operation on a snapshot stands, also of one that is deleted meanwhile.
func (s *Service) DescribeSnapshotOperation(ctx context.Context, in *msf.DescribeSnapshotOperationInput) (*msf.DescribeSnapshotOperationOutput, error) {
	k := key(ctx, in.SnapshotName)
	var op *app.SnapshotOperation
	err := s.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		op, err = tx.SnapshotOperation(k, *in.SnapshotOperationId)
		return err
	})
	if errors.Is(err, appdb.ErrNotFound) || err == nil && op.Status != app.InProgress && op.Start.Before(s.Now().Add(-app.OperationLife)) {
		return nil, msf.ResourceNotFoundException.Errorf("Operation %s does not exist for snapshot %s", *in.SnapshotOperationId, k.Name)
	}
	if err != nil {
		return nil, err
	}
	return &msf.DescribeSnapshotOperationOutput{SnapshotOperationInfoDetails: snapshotOperation(op)}, nil
}

func snapshotOperation(op *app.SnapshotOperation) *msf.SnapshotOperationInfoDetails {
	d := &msf.SnapshotOperationInfoDetails{
		SnapshotOperationId: &op.ID, SnapshotOperation: msf.SnapshotOperation(op.Kind), SnapshotOperationStatus: msf.SnapshotOperationStatus(op.Status),
		SnapshotArn: &op.SnapshotARN, StartTime: &op.Start, EndTime: optionalTime(op.End),
	}
	owned := &msf.EncryptionConfigurationDescription{KeyType: msf.KeyTypeAWS_OWNED_KEY}
	place := &msf.SnapshotOperationLocationDescription{
		LocationType:     msf.StorageLocationTypeS3,
		S3PrefixLocation: &msf.SnapshotOperationS3PrefixLocation{BucketARN: new(s3ARN + op.Place.Bucket), KeyPrefix: &op.Place.Prefix},
	}
	switch op.Kind {
	case app.ImportSnapshot:
		d.SourceEncryptionConfigurationDescription, d.DestinationEncryptionConfigurationDescription = owned, owned
		d.SnapshotSourceLocationDescription = place
	case app.ExportSnapshot:
		d.DestinationEncryptionConfigurationDescription = owned
		if op.Status == app.Successful {
			place.S3PrefixLocation.ExportedPrefix = new(op.Exported())
		}
		if op.Status != app.InProgress {
			d.SnapshotDestinationLocationDescription = place
		}
	case app.SystemCreateSnapshot:
		d.ApplicationOperationDescription = &msf.ApplicationOperationDescription{ApplicationName: &op.Application, ApplicationOperationId: &op.Operation}
	}
	if op.Status == app.Failed {
		d.SnapshotOperationFailureDetails = &msf.SnapshotOperationFailureDetails{ErrorInfo: &msf.SnapshotErrorInfo{ErrorCode: &op.ErrorCode, ErrorString: &op.Error}}
	}
	return d
}

// ListSnapshotOperations lists newest first. A snapshot that took over the name of a deleted one has its own operations
// alone.
func (s *Service) ListSnapshotOperations(ctx context.Context, in *msf.ListSnapshotOperationsInput) (*msf.ListSnapshotOperationsOutput, error) {
	if err := oneFilter(string(in.SnapshotOperation), string(in.SnapshotOperationStatus)); err != nil {
		return nil, err
	}
	below, err := belowToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	k, limit := key(ctx, in.SnapshotName), page(in.Limit)
	f := appdb.SnapshotOperationFilter{Kind: app.SnapshotKind(in.SnapshotOperation), Status: app.OperationStatus(in.SnapshotOperationStatus), Since: s.Now().Add(-app.OperationLife)}
	var list []appdb.Numbered[app.SnapshotOperation]
	err = s.DB.Read(ctx, func(tx *appdb.Tx) error {
		if f.SnapshotID, err = newestOf(tx, k); err != nil {
			return err
		}
		list, err = tx.ListSnapshotOperations(k, f, below, limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &msf.ListSnapshotOperationsOutput{SnapshotOperationInfoList: []msf.SnapshotOperationInfo{}}
	list, out.NextToken = cutNumbered(list, limit)
	for _, n := range list {
		out.SnapshotOperationInfoList = append(out.SnapshotOperationInfoList, msf.SnapshotOperationInfo{
			SnapshotOperationId: &n.Row.ID, SnapshotOperation: msf.SnapshotOperation(n.Row.Kind), SnapshotOperationStatus: msf.SnapshotOperationStatus(n.Row.Status),
			StartTime: &n.Row.Start, EndTime: optionalTime(n.Row.End),
		})
	}
	return out, nil
}

// newestOf gives the id of the snapshot that has the name, or had it last.
func newestOf(tx *appdb.Tx, k app.Key) (string, error) {
	snap, err := tx.Enhanced(k)
	if err == nil {
		return snap.ID, nil
	}
	if !errors.Is(err, appdb.ErrNotFound) {
		return "", err
	}
	last, err := tx.ListSnapshotOperations(k, appdb.SnapshotOperationFilter{}, math.MaxInt64, 1)
	if err == nil && len(last) == 0 {
		err = enhancedNotFound(k)
	}
	if err != nil {
		return "", err
	}
	return last[0].Row.SnapshotID, nil
}

// A token names the last row of the page before, so that rows that come or go between two pages move no others.

func belowToken(token *string) (int64, error) {
	if token == nil {
		return math.MaxInt64, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil {
		return 0, errToken(*token)
	}
	seq, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || seq <= 0 {
		return 0, errToken(*token)
	}
	return seq, nil
}

// cutNumbered gives the first page of a list that may have one row more, and the token of the next.
func cutNumbered[T any](list []appdb.Numbered[T], limit int) ([]appdb.Numbered[T], *string) {
	if len(list) <= limit {
		return list, nil
	}
	last := strconv.FormatInt(list[limit-1].Seq, 10)
	return list[:limit], new(base64.RawURLEncoding.EncodeToString([]byte(last)))
}
