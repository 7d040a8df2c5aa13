package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"drey/alarmaction"
	"drey/cloudwatch"
	msfmodel "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// openAlarmActions builds what carries the actions of alarms out.
func (s *server) openAlarmActions(context.Context) error {
	s.actions = alarmaction.New(alarmaction.Config{Webhooks: s.AlarmWebhook, PlanScaling: s.planScaling, Scale: s.scale, Now: time.Now})
	return nil
}

// act hands an action of an alarm on.
func (s *server) act(ctx context.Context, a cloudwatch.Action) error {
	return s.actions.Do(ctx, notification(a))
}

// planAction decides what an action will do.
func (s *server) planAction(ctx context.Context, a cloudwatch.Action) (string, error) {
	return s.actions.Plan(ctx, notification(a))
}

func notification(a cloudwatch.Action) alarmaction.Notification {
	return alarmaction.Notification{ActionARN: a.ARN, AlarmARN: a.AlarmARN, Subject: a.Subject, Message: a.Message, Plan: a.Plan}
}

// asRole makes the requests of ctx those of a scaling action's role, decided like any of its.
func (s *server) asRole(ctx context.Context, by *alarmaction.Scaling, alarmARN string) (context.Context, error) {
	select {
	case <-s.built: // the API of applications opens after the evaluator of alarms
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	session, err := s.iam.AssumeServiceRole(ctx, by.Account, by.RoleARN, cloudwatch.ServicePrincipal, alarmARN)
	if err != nil {
		return nil, err
	}
	_, principal, err := s.iam.Credentials(ctx, session.AccessKeyID, session.SessionToken)
	if err != nil {
		return nil, err
	}
	return wire.WithRequest(ctx, &wire.Request{ID: alarmARN, Principal: principal, Account: by.Account, Region: by.Region, Time: time.Now(), UserAgent: cloudwatch.ServicePrincipal, Secure: true}), nil
}

// planScaling is the update that a scaling action asks for now, as JSON. It names the version that it is meant for.
func (s *server) planScaling(ctx context.Context, by *alarmaction.Scaling, alarmARN string) (string, error) {
	ctx, err := s.asRole(ctx, by, alarmARN)
	if err != nil {
		return "", err
	}
	describe := &msfmodel.DescribeApplicationInput{ApplicationName: &by.Application}
	if err := s.mayDo(ctx, "DescribeApplication", describe); err != nil {
		return "", err
	}
	out, err := s.msf.DescribeApplication(ctx, describe)
	if err != nil {
		return "", err
	}
	update, err := scalingUpdate(out.ApplicationDetail, by)
	if err != nil || update == nil {
		return "", err
	}
	text, err := json.Marshal(update)
	return string(text), err
}

// scale updates an application as planned. An application that has another version by now, be it that a server which died had
// done this, is left alone.
func (s *server) scale(ctx context.Context, by *alarmaction.Scaling, alarmARN, plan string) error {
	ctx, err := s.asRole(ctx, by, alarmARN)
	if err != nil {
		return err
	}
	var update msfmodel.UpdateApplicationInput
	if err := json.Unmarshal([]byte(plan), &update); err != nil {
		return fmt.Errorf("read the plan of a scaling action: %w", err)
	}
	if err := s.mayDo(ctx, "UpdateApplication", &update); err != nil {
		return err
	}
	_, err = s.msf.UpdateApplication(ctx, &update)
	if errors.Is(err, msfmodel.ConcurrentModificationException) {
		return fmt.Errorf("the application has changed since the action was decided, for its version %d; it was updated by this action before the server stopped, or by somebody else: %w", *update.CurrentApplicationVersionId, err)
	}
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
