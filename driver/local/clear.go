package local

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"drey/driver"
)

// Clear stops every cluster below the driver's directory.
func (d *Driver) Clear(ctx context.Context) error {
	entries, err := os.ReadDir(d.Dir)
	if err != nil {
		return err
	}
	var failed []error
	for _, e := range entries {
		if _, err := readPlan(d.Dir + "/" + e.Name()); err != nil {
			continue // not a cluster
		}
		id, err := json.Marshal(e.Name())
		if err != nil {
			return err
		}
		failed = append(failed, d.Stop(ctx, driver.Handle{Driver: driverName, Data: id}))
	}
	return errors.Join(failed...)
}
