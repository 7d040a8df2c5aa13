package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"

	"drey/bench/server"
)

// rescale takes the running application to another parallelism, and gives how long not all tasks of a job ran, at a stretch.
func (s *drey) rescale(ctx context.Context, parallelism int, inPlace bool) (gap time.Duration, err error) {
	stop, longest := make(chan struct{}), make(chan time.Duration, 1)
	go func() { longest <- s.standstill(ctx, stop) }()
	err = s.changeParallelism(ctx, application, parallelism, inPlace)
	close(stop)
	return <-longest, err
}

// changeParallelism updates a running application and waits for the operation's end. An update that says where to restore from is
// a stop with a savepoint and a restart; any other is done in place.
func (s *drey) changeParallelism(ctx context.Context, name string, parallelism int, inPlace bool) error {
	d, err := s.Flink.DescribeApplication(ctx, &flink.DescribeApplicationInput{ApplicationName: &name})
	if err != nil {
		return err
	}
	in := &flink.UpdateApplicationInput{
		ApplicationName: &name, CurrentApplicationVersionId: d.ApplicationDetail.ApplicationVersionId,
		ApplicationConfigurationUpdate: &types.ApplicationConfigurationUpdate{FlinkApplicationConfigurationUpdate: &types.FlinkApplicationConfigurationUpdate{
			ParallelismConfigurationUpdate: &types.ParallelismConfigurationUpdate{ConfigurationTypeUpdate: types.ConfigurationTypeCustom, ParallelismUpdate: aws.Int32(int32(parallelism))},
		}},
	}
	if !inPlace {
		in.RunConfigurationUpdate = &types.RunConfigurationUpdate{ApplicationRestoreConfiguration: &types.ApplicationRestoreConfiguration{
			ApplicationRestoreType: types.ApplicationRestoreTypeRestoreFromLatestSnapshot,
		}}
	}
	out, err := s.Flink.UpdateApplication(ctx, in)
	if err != nil {
		return err
	}
	return s.AwaitSuccess(ctx, name, out.OperationId)
}

// standstill asks Flink all the time whether all tasks of a job run.
func (s *drey) standstill(ctx context.Context, stop <-chan struct{}) (longest time.Duration) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	up := time.Now()
	for {
		select {
		case <-stop:
			return longest
		case <-tick.C:
		}
		if s.allTasksRun(ctx) {
			up = time.Now()
		}
		longest = max(longest, time.Since(up))
	}
}

// allTasksRun is false while nobody answers.
func (s *drey) allTasksRun(ctx context.Context) bool {
	base, err := s.rest()
	if err != nil {
		return false
	}
	var answer struct {
		Jobs []struct {
			State string
			Tasks struct{ Total, Running int }
		}
	}
	if get(ctx, base+"/jobs/overview", &answer) != nil {
		return false
	}
	for _, j := range answer.Jobs {
		if j.State == "RUNNING" && j.Tasks.Total > 0 && j.Tasks.Running == j.Tasks.Total {
			return true
		}
	}
	return false
}

// rest is where the application's Flink answers.
func (s *drey) rest() (string, error) {
	found, err := filepath.Glob(filepath.Join(s.Data, "clusters", "*", "cluster.json"))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("there are %d clusters", len(found))
	}
	raw, err := os.ReadFile(found[0])
	if err != nil {
		return "", err
	}
	var plan struct{ RESTPort int }
	err = json.Unmarshal(raw, &plan)
	return fmt.Sprintf("http://127.0.0.1:%d", plan.RESTPort), err
}

// replace gives the stopped application other code, with the properties and the parallelism of a shape.
func (s *drey) replace(ctx context.Context, sh shape) error {
	if err := s.Upload(ctx, sh.jar); err != nil {
		return err
	}
	d, err := s.Flink.DescribeApplication(ctx, &flink.DescribeApplicationInput{ApplicationName: aws.String(application)})
	if err != nil {
		return err
	}
	_, err = s.Flink.UpdateApplication(ctx, &flink.UpdateApplicationInput{
		ApplicationName: aws.String(application), CurrentApplicationVersionId: d.ApplicationDetail.ApplicationVersionId,
		ApplicationConfigurationUpdate: &types.ApplicationConfigurationUpdate{
			ApplicationCodeConfigurationUpdate: server.CodeUpdate(),
			EnvironmentPropertyUpdates:         &types.EnvironmentPropertyUpdates{PropertyGroups: sh.groups()},
			FlinkApplicationConfigurationUpdate: &types.FlinkApplicationConfigurationUpdate{ParallelismConfigurationUpdate: &types.ParallelismConfigurationUpdate{
				ConfigurationTypeUpdate: types.ConfigurationTypeCustom, ParallelismUpdate: aws.Int32(int32(sh.taskManagers)),
			}},
		},
	})
	return err
}

// rescaling prints how long a change of the parallelism, up and down, stops the processing, in place and by a restart. The job is
// a small one without connectors.
func (s *drey) rescaling(ctx context.Context, sh shape, rounds int) error {
	if err := s.replace(ctx, sh); err != nil {
		return err
	}
	if err := s.Run(ctx, application); err != nil {
		return err
	}
	for _, to := range []int{2, 1} {
		var inPlace, restart []time.Duration
		for range rounds {
			for _, way := range []struct {
				inPlace bool
				gaps    *[]time.Duration
			}{{true, &inPlace}, {false, &restart}} {
				gap, err := s.rescale(ctx, to, way.inPlace)
				if err != nil {
					return err
				}
				*way.gaps = append(*way.gaps, gap)
				if _, err := s.rescale(ctx, 3-to, true); err != nil {
					return err
				}
			}
		}
		fmt.Printf("gap, parallelism %d → %d  %6.2f s    stopped with a savepoint and restarted %.2f s (medians)\n", 3-to, to, median(inPlace).Seconds(), median(restart).Seconds())
		if _, err := s.rescale(ctx, to, true); err != nil {
			return err
		}
	}
	return s.Stop(ctx, application)
}
