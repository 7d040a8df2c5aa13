package msf

import (
	"context"
	"errors"
	"strings"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// Defaults (developer guide, "Apache Flink settings").
const (
	defaultInterval    = 60_000
	defaultMinPause    = 5_000
	maxPerKPU          = 8
	maxApplications    = 100
	maxTags            = 50
	firstLoggingOption = "1.1"
)

func defaultCheckpoint() app.Checkpoint {
	return app.Checkpoint{Type: app.Default, Enabled: true, Interval: defaultInterval, MinPause: defaultMinPause}
}

func defaultMonitoring() app.Monitoring {
	return app.Monitoring{Type: app.Default, Metrics: string(msf.MetricsLevelAPPLICATION), Log: string(msf.LogLevelINFO)}
}

func defaultParallelism() app.Parallelism {
	return app.Parallelism{Type: app.Default, Parallelism: 1, PerKPU: 1, AutoScaling: true}
}

// CreateApplication stores a new application in READY.
func (s *Service) CreateApplication(ctx context.Context, in *msf.CreateApplicationInput) (*msf.CreateApplicationOutput, error) {
	r := wire.FromContext(ctx)
	a := &app.Application{Key: key(ctx, in.ApplicationName), ID: appdb.NewID(), ARN: s.arn(r, *in.ApplicationName), Mode: string(msf.ApplicationModeSTREAMING)}
	if in.ApplicationMode == msf.ApplicationModeINTERACTIVE {
		return nil, msf.UnsupportedOperationException.Errorf("ApplicationMode INTERACTIVE is not supported: Studio notebooks are no part of this service")
	}
	if in.ApplicationDescription != nil {
		a.Description = *in.ApplicationDescription
	}
	if err := s.runtime(in.RuntimeEnvironment); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err == nil {
		err = checkPolicy(tags)
	}
	if err != nil {
		return nil, err
	}
	c, inline, err := s.configuration(in)
	if err != nil {
		return nil, err
	}
	if _, err := s.load(ctx, a.Key); err == nil {
		return nil, exists(a)
	}
	if err := s.checkRole(ctx, r.Account, c.Role, a.ARN); err != nil {
		return nil, err
	}
	if c.Code != nil {
		if err := s.stage(ctx, r.Account, a.ARN, c, inline); err != nil {
			return nil, err
		}
	}
	now := s.now()
	a.Created, a.Updated = now, now
	a.Version = app.Version{ID: 1, Token: appdb.NewToken(), Created: now, Configuration: *c}
	if err := s.insert(ctx, a, tags); err != nil {
		return nil, err
	}
	return &msf.CreateApplicationOutput{ApplicationDetail: s.detail(a)}, nil
}

func exists(a *app.Application) error {
	return msf.ResourceInUseException.Errorf("Application already exists: %s", a.Name)
}

// runtime refuses what no Flink application can run on.
func (s *Service) runtime(name msf.RuntimeEnvironment) error {
	if !strings.HasPrefix(string(name), "FLINK-") {
		return msf.UnsupportedOperationException.Errorf("The runtime environment %s is not supported: only Flink applications are", name)
	}
	if err := s.Runtime(string(name)); err != nil {
		return msf.InvalidArgumentException.Errorf("The runtime environment %s cannot be used: %v", name, err)
	}
	return nil
}

func (s *Service) insert(ctx context.Context, a *app.Application, tags map[string]string) error {
	return s.DB.Write(ctx, func(tx *appdb.Tx) error {
		if _, err := tx.Application(a.Key); !errors.Is(err, appdb.ErrNotFound) {
			if err == nil {
				err = exists(a)
			}
			return err
		}
		others, err := tx.Applications(a.Account, a.Region, "", maxApplications)
		if err != nil {
			return err
		}
		if len(others) >= maxApplications {
			return msf.LimitExceededException.Errorf("The limit of %d applications per account and Region is reached", maxApplications)
		}
		for k, v := range tags {
			if err := tx.PutTag(a.ARN, k, v); err != nil {
				return err
			}
		}
		if err := tx.PutVersion(a.ID, &a.Version); err != nil {
			return err
		}
		return tx.PutApplication(a)
	})
}

// configuration reads the wanted configuration, with defaults where nothing is said.
func (s *Service) configuration(in *msf.CreateApplicationInput) (c *app.Configuration, inline []byte, err error) {
	c = &app.Configuration{
		Runtime: string(in.RuntimeEnvironment), Role: *in.ServiceExecutionRole,
		Checkpoint: defaultCheckpoint(), Monitoring: defaultMonitoring(), Parallelism: defaultParallelism(), Snapshots: true,
	}
	if len(in.CloudWatchLoggingOptions) > 1 {
		return nil, nil, errOneLoggingOption
	}
	for _, o := range in.CloudWatchLoggingOptions {
		c.Logging = append(c.Logging, app.LoggingOption{ID: firstLoggingOption, StreamARN: *o.LogStreamARN})
	}
	ac := in.ApplicationConfiguration
	if ac == nil {
		return c, nil, nil
	}
	if err := unsupported(ac); err != nil {
		return nil, nil, err
	}
	if c.Code, inline, err = newCode(ac.ApplicationCodeConfiguration); err != nil {
		return nil, nil, err
	}
	if f := ac.FlinkApplicationConfiguration; f != nil {
		flinkSections(c, f)
	}
	if p := ac.EnvironmentProperties; p != nil {
		if c.Properties, err = propertyGroups(p.PropertyGroups); err != nil {
			return nil, nil, err
		}
	}
	if sn := ac.ApplicationSnapshotConfiguration; sn != nil {
		c.Snapshots = *sn.SnapshotsEnabled
		if c.Enhanced, err = modeOf(sn.SnapshotMode, false, c.Runtime); err != nil {
			return nil, nil, err
		}
	}
	if rb := ac.ApplicationSystemRollbackConfiguration; rb != nil {
		c.Rollback = *rb.RollbackEnabled
	}
	for _, in := range ac.VpcConfigurations {
		v, err := newVPC("1.1", &in)
		if err != nil {
			return nil, nil, err
		}
		c.VPC = append(c.VPC, v)
	}
	return c, inline, s.checkParallelism(c.Parallelism)
}

var errOneLoggingOption = msf.InvalidArgumentException.Errorf("Kinesis Analytics currently supports only 1 logging option.")

// unsupported refuses the parts of a configuration that are not for Flink applications, or that do nothing here.
func unsupported(ac *msf.ApplicationConfiguration) error {
	switch {
	case ac.SqlApplicationConfiguration != nil:
		return msf.InvalidArgumentException.Errorf("SqlApplicationConfiguration is not supported for Flink applications")
	case ac.ZeppelinApplicationConfiguration != nil:
		return msf.InvalidArgumentException.Errorf("ZeppelinApplicationConfiguration is not supported for Flink applications")
	case len(ac.VpcConfigurations) > 1:
		return errOneVPC
	case ac.ApplicationEncryptionConfiguration != nil && ac.ApplicationEncryptionConfiguration.KeyType == msf.KeyTypeCUSTOMER_MANAGED_KEY:
		return msf.UnsupportedOperationException.Errorf("KeyType CUSTOMER_MANAGED_KEY is not supported: this server has no KMS")
	}
	return nil
}

// flinkSections takes over the sections that are CUSTOM. DEFAULT is a master switch: the defaults win over what is sent
// with it (API reference, "CheckpointConfiguration").
func flinkSections(c *app.Configuration, f *msf.FlinkApplicationConfiguration) {
	if cp := f.CheckpointConfiguration; cp != nil && cp.ConfigurationType == msf.ConfigurationTypeCUSTOM {
		c.Checkpoint.Type = app.Custom
		set(&c.Checkpoint.Enabled, cp.CheckpointingEnabled)
		set(&c.Checkpoint.Interval, cp.CheckpointInterval)
		set(&c.Checkpoint.MinPause, cp.MinPauseBetweenCheckpoints)
	}
	if m := f.MonitoringConfiguration; m != nil && m.ConfigurationType == msf.ConfigurationTypeCUSTOM {
		c.Monitoring.Type = app.Custom
		setText(&c.Monitoring.Metrics, string(m.MetricsLevel))
		setText(&c.Monitoring.Log, string(m.LogLevel))
	}
	if p := f.ParallelismConfiguration; p != nil && p.ConfigurationType == msf.ConfigurationTypeCUSTOM {
		c.Parallelism.Type, c.Parallelism.AutoScaling = app.Custom, false
		set(&c.Parallelism.Parallelism, p.Parallelism)
		set(&c.Parallelism.PerKPU, p.ParallelismPerKPU)
		set(&c.Parallelism.AutoScaling, p.AutoScalingEnabled)
	}
}

// set overwrites what is given.
func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func setText(to *string, from string) {
	if from != "" {
		*to = from
	}
}

func (s *Service) checkParallelism(p app.Parallelism) error {
	if p.PerKPU > maxPerKPU {
		return msf.InvalidArgumentException.Errorf("ParallelismPerKPU %d is more than the maximum of %d", p.PerKPU, maxPerKPU)
	}
	if p.KPUs(p.Parallelism) > s.MaxKPUs {
		return msf.InvalidArgumentException.Errorf("Parallelism %d with ParallelismPerKPU %d needs %d KPUs; an application may have %d", p.Parallelism, p.PerKPU, p.KPUs(p.Parallelism), s.MaxKPUs)
	}
	return nil
}

func propertyGroups(in []msf.PropertyGroup) ([]app.PropertyGroup, error) {
	var groups []app.PropertyGroup
	seen := map[string]bool{}
	for _, g := range in {
		if seen[*g.PropertyGroupId] {
			return nil, msf.InvalidArgumentException.Errorf("The property group %s is given twice", *g.PropertyGroupId)
		}
		seen[*g.PropertyGroupId] = true
		groups = append(groups, app.PropertyGroup{ID: *g.PropertyGroupId, Map: g.PropertyMap})
	}
	return groups, nil
}
