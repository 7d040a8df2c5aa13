package msf

import (
	"context"
	"fmt"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
)

func changeLogging(c *app.Configuration, updates []msf.CloudWatchLoggingOptionUpdate) error {
	for _, u := range updates {
		if len(c.Logging) == 0 || c.Logging[0].ID != *u.CloudWatchLoggingOptionId {
			return noOption(*u.CloudWatchLoggingOptionId)
		}
		set(&c.Logging[0].StreamARN, u.LogStreamARNUpdate)
	}
	return nil
}

func noOption(id string) error {
	return msf.ResourceNotFoundException.Errorf("The CloudWatch logging option %s does not exist", id)
}

// AddApplicationCloudWatchLoggingOption makes a version that logs to a stream.
func (s *Service) AddApplicationCloudWatchLoggingOption(ctx context.Context, in *msf.AddApplicationCloudWatchLoggingOptionInput) (*msf.AddApplicationCloudWatchLoggingOptionOutput, error) {
	a, op, err := s.reconfigure(ctx, in.ApplicationName, in.CurrentApplicationVersionId, in.ConditionalToken, func(a *app.Application, c *app.Configuration) error {
		if len(c.Logging) > 0 {
			return errOneLoggingOption
		}
		c.Logging = []app.LoggingOption{{ID: fmt.Sprintf("%d.1", a.Next()), StreamARN: *in.CloudWatchLoggingOption.LogStreamARN}}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &msf.AddApplicationCloudWatchLoggingOptionOutput{
		ApplicationARN: &a.ARN, ApplicationVersionId: &a.Version.ID, CloudWatchLoggingOptionDescriptions: loggingOptions(&a.Version.Configuration), OperationId: &op.ID,
	}, nil
}

// DeleteApplicationCloudWatchLoggingOption makes a version that does not log to CloudWatch.
func (s *Service) DeleteApplicationCloudWatchLoggingOption(ctx context.Context, in *msf.DeleteApplicationCloudWatchLoggingOptionInput) (*msf.DeleteApplicationCloudWatchLoggingOptionOutput, error) {
	a, op, err := s.reconfigure(ctx, in.ApplicationName, in.CurrentApplicationVersionId, in.ConditionalToken, func(_ *app.Application, c *app.Configuration) error {
		if len(c.Logging) == 0 || c.Logging[0].ID != *in.CloudWatchLoggingOptionId {
			return noOption(*in.CloudWatchLoggingOptionId)
		}
		c.Logging = nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &msf.DeleteApplicationCloudWatchLoggingOptionOutput{ApplicationARN: &a.ARN, ApplicationVersionId: &a.Version.ID, OperationId: &op.ID}, nil
}

// reconfigure makes a new version by a small change that needs no restart of the job: where log lines go is the business
// of whoever ships them.
func (s *Service) reconfigure(ctx context.Context, name *string, version *int64, token *string, change func(*app.Application, *app.Configuration) error) (*app.Application, *app.Operation, error) {
	var op *app.Operation
	a, err := s.update(ctx, key(ctx, name), func(tx *appdb.Tx, a *app.Application) error {
		if err := checkVersion(a, version, token); err != nil {
			return err
		}
		if err := allow(a, app.ToUpdate); err != nil {
			return err
		}
		next, err := clone(&a.Version.Configuration)
		if err != nil {
			return err
		}
		if err := change(a, next); err != nil {
			return err
		}
		if err := s.interrupt(tx, a); err != nil {
			return err
		}
		op, err = s.noteVersion(tx, a, *next)
		return err
	})
	return a, op, err
}

// noteVersion stores a version that takes effect at once; a running job is counted as running it.
func (s *Service) noteVersion(tx *appdb.Tx, a *app.Application, next app.Configuration) (*app.Operation, error) {
	from, now := a.Version.ID, s.now()
	a.Version = app.Version{ID: a.Number(), Token: appdb.NewToken(), Created: now, UpdatedFrom: from, Ran: a.Version.Ran && a.Run != nil, Configuration: next}
	a.Updated = now
	if a.Run != nil {
		a.Run.Version = a.Version.ID
	}
	if err := tx.PutVersion(a.ID, &a.Version); err != nil {
		return nil, err
	}
	op := s.begin(a, app.Update)
	op.From, op.To, op.Status, op.End = from, a.Version.ID, app.Successful, s.Now().UTC()
	a.Operation = nil
	return op, tx.PutOperation(a.ID, op)
}
