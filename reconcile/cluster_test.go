package reconcile

import (
	"strings"
	"testing"
)

// TestConfigurationHoldsNoToken: Flink logs its configuration and shows it.
func TestConfigurationHoldsNoToken(t *testing.T) {
	h := newHouse(t)
	h.create()
	h.loop.TelemetryHost = "telemetry"
	const token = "whoever has this gets credentials"
	c := h.loop.cluster(h.application(), token)
	if c.Environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] != token {
		t.Errorf("the environment is %v", c.Environment)
	}
	for option, value := range c.Configuration {
		if strings.Contains(value, token) {
			t.Errorf("%s holds the token", option)
		}
	}
	if db := c.Configuration["metrics.reporter.influx.db"]; db != reporter(token) || db == reporter("another token") {
		t.Errorf("metrics are reported as %q", db)
	}
}
