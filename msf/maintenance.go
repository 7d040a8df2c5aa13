package msf

import (
	"context"
	"time"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
)

// windows are the starts of the maintenance window by Region (developer guide, "Manage maintenance tasks"); others begin at
// midnight UTC.
var windows = map[string]string{
	"us-east-1": "03:00", "us-east-2": "03:00", "us-west-1": "06:00", "us-west-2": "06:00", "eu-central-1": "06:00", "eu-west-1": "22:00",
	"ap-northeast-1": "13:00", "ap-northeast-2": "13:00", "ap-southeast-1": "14:00", "ap-south-1": "16:30",
}

const windowLength = 8 * time.Hour

// maintenance describes the window in which AWS would patch the application. Nothing here ever interrupts one.
func maintenance(a *app.Application) *msf.ApplicationMaintenanceConfigurationDescription {
	start := a.Maintenance
	if start == "" {
		start = windows[a.Region]
	}
	if start == "" {
		start = "00:00"
	}
	end := start
	if t, err := time.Parse("15:04", start); err == nil {
		end = t.Add(windowLength).Format("15:04")
	}
	return &msf.ApplicationMaintenanceConfigurationDescription{ApplicationMaintenanceWindowStartTime: &start, ApplicationMaintenanceWindowEndTime: &end}
}

// UpdateApplicationMaintenanceConfiguration moves the window. The version stays.
func (s *Service) UpdateApplicationMaintenanceConfiguration(ctx context.Context, in *msf.UpdateApplicationMaintenanceConfigurationInput) (*msf.UpdateApplicationMaintenanceConfigurationOutput, error) {
	a, err := s.update(ctx, key(ctx, in.ApplicationName), func(_ *appdb.Tx, a *app.Application) error {
		if err := allow(a, app.ToMaintain); err != nil {
			return err
		}
		a.Maintenance = *in.ApplicationMaintenanceConfigurationUpdate.ApplicationMaintenanceWindowStartTimeUpdate
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &msf.UpdateApplicationMaintenanceConfigurationOutput{ApplicationARN: &a.ARN, ApplicationMaintenanceConfigurationDescription: maintenance(a)}, nil
}
