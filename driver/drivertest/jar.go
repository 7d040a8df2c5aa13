package drivertest

import (
	"os"
	"path/filepath"
	"testing"
)

// writeJar makes a file that drivers place and no Flink reads.
func writeJar(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
