package msf

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
)

func errToken(token string) error {
	return msf.InvalidArgumentException.Errorf("The NextToken %s is not valid", token)
}

// offset reads a paging token: the number of entries before the page.
func offset(token *string) (int, error) {
	if token == nil {
		return 0, nil
	}
	n, err := strconv.Atoi(*token)
	if err != nil || n < 0 {
		return 0, errToken(*token)
	}
	return n, nil
}

// cut gives one page of a list and the token of the next.
func cut[T any](list []T, token *string, limit *int32) (part []T, next *string, err error) {
	from, err := offset(token)
	if err != nil {
		return nil, nil, err
	}
	from = min(from, len(list))
	to := min(from+page(limit), len(list))
	if to < len(list) {
		next = new(strconv.Itoa(to))
	}
	return list[from:to], next, nil
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// ListApplicationOperations lists newest first.
func (s *Service) ListApplicationOperations(ctx context.Context, in *msf.ListApplicationOperationsInput) (*msf.ListApplicationOperationsOutput, error) {
	a, err := s.load(ctx, key(ctx, in.ApplicationName))
	if err != nil {
		return nil, err
	}
	var all, kept []*app.Operation
	err = s.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		all, err = tx.Operations(a.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, op := range all {
		if (in.Operation == nil || *in.Operation == op.Kind.APIName()) && (in.OperationStatus == "" || string(in.OperationStatus) == string(op.Status)) {
			kept = append(kept, op)
		}
	}
	part, next, err := cut(kept, in.NextToken, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &msf.ListApplicationOperationsOutput{ApplicationOperationInfoList: []msf.ApplicationOperationInfo{}, NextToken: next}
	for _, op := range part {
		out.ApplicationOperationInfoList = append(out.ApplicationOperationInfoList, msf.ApplicationOperationInfo{
			Operation: new(op.Kind.APIName()), OperationId: &op.ID, StartTime: &op.Start, EndTime: optionalTime(op.End), OperationStatus: msf.OperationStatus(op.Status),
		})
	}
	return out, nil
}

// DescribeApplicationOperation tells how an operation stands, and why it failed.
func (s *Service) DescribeApplicationOperation(ctx context.Context, in *msf.DescribeApplicationOperationInput) (*msf.DescribeApplicationOperationOutput, error) {
	a, err := s.load(ctx, key(ctx, in.ApplicationName))
	if err != nil {
		return nil, err
	}
	var op *app.Operation
	err = s.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		op, err = tx.Operation(a.ID, *in.OperationId)
		return err
	})
	if errors.Is(err, appdb.ErrNotFound) {
		return nil, msf.ResourceNotFoundException.Errorf("Operation %s does not exist for application %s", *in.OperationId, a.Name)
	}
	if err != nil {
		return nil, err
	}
	d := &msf.ApplicationOperationInfoDetails{
		Operation: new(op.Kind.APIName()), StartTime: &op.Start, EndTime: optionalTime(op.End), OperationStatus: msf.OperationStatus(op.Status),
	}
	if op.To != 0 {
		d.ApplicationVersionChangeDetails = &msf.ApplicationVersionChangeDetails{ApplicationVersionUpdatedFrom: &op.From, ApplicationVersionUpdatedTo: &op.To}
	}
	if op.Error != "" {
		d.OperationFailureDetails = &msf.OperationFailureDetails{ErrorInfo: &msf.ErrorInfo{ErrorString: &op.Error}}
		if op.Rollback != "" {
			d.OperationFailureDetails.RollbackOperationId = &op.Rollback
		}
	}
	return &msf.DescribeApplicationOperationOutput{ApplicationOperationInfoDetails: d}, nil
}

// ListApplicationVersions lists newest first.
func (s *Service) ListApplicationVersions(ctx context.Context, in *msf.ListApplicationVersionsInput) (*msf.ListApplicationVersionsOutput, error) {
	a, err := s.load(ctx, key(ctx, in.ApplicationName))
	if err != nil {
		return nil, err
	}
	below, limit := int64(math.MaxInt64), page(in.Limit)
	if in.NextToken != nil {
		if below, err = strconv.ParseInt(*in.NextToken, 10, 64); err != nil {
			return nil, errToken(*in.NextToken)
		}
	}
	var list []*app.Version
	err = s.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		list, err = tx.Versions(a.ID, below, limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &msf.ListApplicationVersionsOutput{ApplicationVersionSummaries: []msf.ApplicationVersionSummary{}}
	if len(list) > limit {
		list = list[:limit]
		out.NextToken = new(strconv.FormatInt(list[limit-1].ID, 10))
	}
	for _, v := range list {
		out.ApplicationVersionSummaries = append(out.ApplicationVersionSummaries, msf.ApplicationVersionSummary{
			ApplicationVersionId: &v.ID, ApplicationStatus: msf.ApplicationStatus(versionStatus(a, v)),
		})
	}
	return out, nil
}

// versionStatus is the application's state for the current version; older ones are not running.
func versionStatus(a *app.Application, v *app.Version) app.Status {
	if v.ID == a.Version.ID {
		return a.Status()
	}
	return app.Ready
}

// DescribeApplicationVersion describes any version.
func (s *Service) DescribeApplicationVersion(ctx context.Context, in *msf.DescribeApplicationVersionInput) (*msf.DescribeApplicationVersionOutput, error) {
	a, err := s.load(ctx, key(ctx, in.ApplicationName))
	if err != nil {
		return nil, err
	}
	var v *app.Version
	err = s.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		v, err = tx.Version(a.ID, *in.ApplicationVersionId)
		return err
	})
	if errors.Is(err, appdb.ErrNotFound) {
		return nil, msf.ResourceNotFoundException.Errorf("Version %d of application %s does not exist", *in.ApplicationVersionId, a.Name)
	}
	if err != nil {
		return nil, err
	}
	d := versionDetail(a, v)
	d.ApplicationStatus = msf.ApplicationStatus(versionStatus(a, v))
	return &msf.DescribeApplicationVersionOutput{ApplicationVersionDetail: d}, nil
}
