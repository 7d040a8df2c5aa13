package cloudwatch

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	model "drey/model/cloudwatch"
	"drey/wire"
)

const (
	dashboardsPerPage = 1000
	maxDashboardNames = 100
)

var dashboardName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

// dashboardARN names a dashboard; dashboards belong to an account in all regions.
func dashboardARN(account, name string) string {
	return "arn:aws:cloudwatch::" + account + ":dashboard/" + name
}

func checkDashboardName(name string) error {
	if !dashboardName.MatchString(name) {
		return model.DashboardInvalidInputError.Errorf("The value %s for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).", name)
	}
	return nil
}

// PutDashboard makes or replaces a dashboard, and answers what is odd about it; what is wrong is refused.
func (s *Service) PutDashboard(ctx context.Context, in *model.PutDashboardInput) (*model.PutDashboardOutput, error) {
	if err := checkDashboardName(*in.DashboardName); err != nil {
		return nil, err
	}
	if len(in.Tags) > 0 {
		return nil, model.DashboardInvalidInputError.Errorf("The parameter Tags is not supported: dashboards of this server have no tags.")
	}
	faults, warnings := checkDashboard(*in.DashboardBody)
	if len(faults) > 0 {
		return nil, invalidDashboard(faults)
	}
	err := s.db.Write(ctx, func(tx *stdsql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO cloudwatch_dashboards VALUES (?, ?, ?, ?) ON CONFLICT (account, name) DO UPDATE SET modified = excluded.modified, body = excluded.body`,
			wire.FromContext(ctx).Account, *in.DashboardName, s.now().Unix(), *in.DashboardBody)
		return err
	})
	return &model.PutDashboardOutput{DashboardValidationMessages: listOf(warnings)}, err
}

func invalidDashboard(faults []model.DashboardValidationMessage) error {
	list := []map[string]string{}
	for _, f := range faults {
		list = append(list, map[string]string{"dataPath": deref(f.DataPath), "message": *f.Message})
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		panic(err) // strings
	}
	return model.DashboardInvalidInputError.Errorf("The dashboard body is invalid, there are %d validation errors:\n%s", len(faults), text)
}

// GetDashboard gives the body as it was put.
func (s *Service) GetDashboard(ctx context.Context, in *model.GetDashboardInput) (*model.GetDashboardOutput, error) {
	account := wire.FromContext(ctx).Account
	out := &model.GetDashboardOutput{DashboardName: in.DashboardName, DashboardArn: new(dashboardARN(account, *in.DashboardName))}
	err := s.db.Read(ctx, func(tx *stdsql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT body FROM cloudwatch_dashboards WHERE account = ? AND name = ?`, account, *in.DashboardName).Scan(&out.DashboardBody)
		if errors.Is(err, stdsql.ErrNoRows) {
			return model.DashboardNotFoundError.Errorf("Dashboard %s does not exist", *in.DashboardName)
		}
		return err
	})
	return out, err
}

// DeleteDashboards deletes all or, when one of them is not there, none.
func (s *Service) DeleteDashboards(ctx context.Context, in *model.DeleteDashboardsInput) (*model.DeleteDashboardsOutput, error) {
	if n := len(in.DashboardNames); n == 0 || n > maxDashboardNames {
		return nil, badValue.Errorf("The collection DashboardNames must have a size between 1 and %d.", maxDashboardNames)
	}
	account := wire.FromContext(ctx).Account
	return &model.DeleteDashboardsOutput{}, s.db.Write(ctx, func(tx *stdsql.Tx) error {
		for _, name := range in.DashboardNames {
			r, err := tx.ExecContext(ctx, `DELETE FROM cloudwatch_dashboards WHERE account = ? AND name = ?`, account, name)
			if err != nil {
				return err
			}
			if n, err := r.RowsAffected(); err != nil || n == 0 {
				return errors.Join(err, model.DashboardNotFoundError.Errorf("Dashboard %s does not exist", name))
			}
		}
		return nil
	})
}

// ListDashboards lists the dashboards of the account by name.
func (s *Service) ListDashboards(ctx context.Context, in *model.ListDashboardsInput) (*model.ListDashboardsOutput, error) {
	last, err := decodePage(in.NextToken)
	if err != nil {
		return nil, badValue.Errorf("The value for parameter NextToken is invalid.")
	}
	account := wire.FromContext(ctx).Account
	out := &model.ListDashboardsOutput{DashboardEntries: []model.DashboardEntry{}}
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT name, modified, LENGTH(CAST(body AS BLOB)) FROM cloudwatch_dashboards WHERE account = ? AND name > ? ORDER BY name`, account, last)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var modified, size int64
			if err := rows.Scan(&name, &modified, &size); err != nil {
				return err
			}
			if !strings.HasPrefix(name, deref(in.DashboardNamePrefix)) {
				continue
			}
			if n := len(out.DashboardEntries); n == dashboardsPerPage {
				out.NextToken = encodePage(*out.DashboardEntries[n-1].DashboardName)
				return nil
			}
			out.DashboardEntries = append(out.DashboardEntries, model.DashboardEntry{DashboardName: &name, DashboardArn: new(dashboardARN(account, name)), LastModified: new(time.Unix(modified, 0).UTC()), Size: &size})
		}
		return rows.Err()
	})
	return out, err
}

// message is what a validation says of a place in the body.
func dashboardMessage(path, format string, args ...any) model.DashboardValidationMessage {
	return model.DashboardValidationMessage{DataPath: &path, Message: new(fmt.Sprintf(format, args...))}
}
