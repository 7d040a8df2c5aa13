package main

import (
	"context"
	"fmt"
	"time"

	"drey/alarmaction"
	"drey/cloudwatch"
	msfmodel "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// openAlarmActions builds what carries the actions of alarms out.
func (s *server) openAlarmActions(context.Context) error {
	s.actions = alarmaction.New(alarmaction.Config{Webhooks: s.AlarmWebhook, Scale: s.scale, Now: time.Now})
	return nil
}

// act hands an action of an alarm on.
func (s *server) act(ctx context.Context, a cloudwatch.Action) error {
	return s.actions.Do(ctx, alarmaction.Notification{ActionARN: a.ARN, AlarmARN: a.AlarmARN, Subject: a.Subject, Message: a.Message})
}

// scale changes the parallelism of an application with the rights of the action's role, decided like any request of its.
func (s *server) scale(ctx context.Context, by *alarmaction.Scaling, alarmARN string) error {
	select {
	case <-s.built: // the API of applications opens after the evaluator of alarms
	case <-ctx.Done():
		return ctx.Err()
	}
	session, err := s.iam.AssumeServiceRole(ctx, by.Account, by.RoleARN, cloudwatch.ServicePrincipal, alarmARN)
	if err != nil {
		return err
	}
	_, principal, err := s.iam.Credentials(ctx, session.AccessKeyID, session.SessionToken)
	if err != nil {
		return err
	}
	ctx = wire.WithRequest(ctx, &wire.Request{ID: alarmARN, Principal: principal, Account: by.Account, Region: by.Region, Time: time.Now(), UserAgent: cloudwatch.ServicePrincipal, Secure: true})
	describe := &msfmodel.DescribeApplicationInput{ApplicationName: &by.Application}
	if err := s.mayDo(ctx, "DescribeApplication", describe); err != nil {
		return err
	}
	out, err := s.msf.DescribeApplication(ctx, describe)
	if err != nil {
		return err
	}
	update, err := scalingUpdate(out.ApplicationDetail, by)
	if err != nil || update == nil {
		return err
	}
	if err := s.mayDo(ctx, "UpdateApplication", update); err != nil {
		return err
	}
	_, err = s.msf.UpdateApplication(ctx, update)
	return err
}

// mayDo decides an operation of the applications' API for the caller of ctx.
func (s *server) mayDo(ctx context.Context, op string, in any) error {
	access, err := s.msf.Access(ctx, op, in)
	if err != nil {
		return err
	}
	return s.iam.Authorize(ctx, access)
}

// scalingUpdate is what a scaling action makes of an application, going by the parallelism that its job has: the configured one is
// another where the service scales. nil = it is there already.
func scalingUpdate(app *msfmodel.ApplicationDetail, by *alarmaction.Scaling) (*msfmodel.UpdateApplicationInput, error) {
	flink := app.ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription
	if flink == nil || flink.ParallelismConfigurationDescription == nil {
		return nil, fmt.Errorf("the application %s has no parallelism", by.Application)
	}
	current := *flink.ParallelismConfigurationDescription.CurrentParallelism
	target := by.Target(current)
	if target == current {
		return nil, nil
	}
	return &msfmodel.UpdateApplicationInput{
		ApplicationName: &by.Application, CurrentApplicationVersionId: app.ApplicationVersionId,
		ApplicationConfigurationUpdate: &msfmodel.ApplicationConfigurationUpdate{FlinkApplicationConfigurationUpdate: &msfmodel.FlinkApplicationConfigurationUpdate{
			ParallelismConfigurationUpdate: &msfmodel.ParallelismConfigurationUpdate{ConfigurationTypeUpdate: msfmodel.ConfigurationTypeCUSTOM, ParallelismUpdate: &target},
		}},
	}, nil
}
