package e2e

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestClients has boto3 use every part of the API that needs no job (clients.py holds what it wants), and then the AWS CLI list
// what is there, which asks for page after page by itself.
func TestClients(t *testing.T) {
	s := serve(t)
	cmd := exec.CommandContext(t.Context(), filepath.Join(cache, "venv", "bin", "python"), filepath.Join(root, "e2e", "clients.py"), jar("test-steady.jar"), jar("test-throwing.jar"))
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		query string
		want  []string
		args  []string
	}{
		{"ApplicationSummaries[?starts_with(ApplicationName, `listed-`)].ApplicationName", []string{"listed-0", "listed-1", "listed-2", "listed-3", "listed-4"}, []string{"list-applications"}},
		{"ApplicationVersionSummaries[].to_string(ApplicationVersionId)", []string{"7", "6", "5", "4", "3", "2", "1"}, []string{"list-application-versions", "--application-name", "many"}},
		{"ApplicationOperationInfoList[].Operation", slices.Repeat([]string{"UpdateApplication"}, 6), []string{"list-application-operations", "--application-name", "many"}},
		{"SnapshotSummaries[].SnapshotName", nil, []string{"list-application-snapshots", "--application-name", "many"}},
	} {
		var got []string
		s.awsJSON(&got, slices.Concat([]string{"kinesisanalyticsv2"}, c.args, []string{"--page-size", "2", "--query", c.query})...)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v lists %v, expected %v", c.args, got, c.want)
		}
	}
}
