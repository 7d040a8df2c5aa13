package main

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"

	"drey/bench/proc"
	"drey/bench/server"
)

const (
	// It lies below the ports that the kernel gives to connections (ip_local_port_range), one of which may hold any other.
	listen      = "127.0.0.1:24660"
	appAddress  = "127.0.77.9"
	application = "bench"
)

// drey is the side of the comparison that is ours.
type drey struct {
	*server.Server
	ready time.Duration // from its start to its first answer
	idle  int64         // bytes resident, a second later
	role  string        // ARN of the applications'
}

// openDrey starts the server twice: the first start makes keys and tables, the second is that of every day.
func openDrey(ctx context.Context, root, work string) (*drey, error) {
	s, err := server.New(ctx, root, work, listen, "--app-address", appAddress)
	if err != nil {
		return nil, err
	}
	d := &drey{Server: s}
	if err := d.measure(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return d, nil
}

func (s *drey) measure(ctx context.Context) (err error) {
	for range 2 {
		if err := s.Close(); err != nil {
			return err
		}
		if s.ready, err = s.Start(ctx); err != nil {
			return err
		}
	}
	time.Sleep(time.Second)
	s.idle, err = proc.Resident(s.PID())
	return err
}

// prepare makes streams, role, code and application.
func (s *drey) prepare(ctx context.Context, sh shape) error {
	for _, name := range []string{"orders-stream", "order-summaries-stream"} {
		if err := s.CreateStream(ctx, name, 1); err != nil {
			return err
		}
	}
	role, err := s.Prepare(ctx)
	if err != nil {
		return err
	}
	s.role = role
	if err := s.Upload(ctx, sh.jar); err != nil {
		return err
	}
	_, err = s.Flink.CreateApplication(ctx, &flink.CreateApplicationInput{
		ApplicationName: aws.String(application), RuntimeEnvironment: types.RuntimeEnvironmentFlink118, ServiceExecutionRole: &role,
		ApplicationConfiguration: configuration(sh),
	})
	return err
}

func configuration(sh shape) *types.ApplicationConfiguration {
	return &types.ApplicationConfiguration{
		ApplicationCodeConfiguration: server.Code(),
		EnvironmentProperties:        &types.EnvironmentProperties{PropertyGroups: sh.groups()},
		FlinkApplicationConfiguration: &types.FlinkApplicationConfiguration{ParallelismConfiguration: &types.ParallelismConfiguration{
			ConfigurationType: types.ConfigurationTypeCustom, Parallelism: aws.Int32(int32(sh.taskManagers)), ParallelismPerKPU: aws.Int32(1),
			AutoScalingEnabled: aws.Bool(false),
		}},
	}
}

// start gives the time from StartApplication until the application is RUNNING, which it is when all tasks run. Then it
// stops the application, so that the next start is cold.
func (s *drey) start(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if err := s.Run(ctx, application); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, s.Stop(ctx, application)
}
