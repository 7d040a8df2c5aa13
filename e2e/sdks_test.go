package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// tool runs a client program in the server's environment; it must succeed.
func (s *server) tool(name string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
	}
	return string(out)
}

// installed gives a project of Node.js with the packages of its lock file.
func installed(t *testing.T, project string) string {
	t.Helper()
	dir := filepath.Join(root, "e2e", project)
	lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if done, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err != nil || done.ModTime().Before(lock.ModTime()) {
		if err := command(dir, "npm", "ci", "--no-audit", "--no-fund"); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestStreamsBySDKs has AWS's SDKs carry records through streams; each program checks what it gets.
func TestStreamsBySDKs(t *testing.T) {
	s := serve(t, unlimited(t)...)
	s.run("Python", func(*testing.T) {
		s.tool(filepath.Join(cache, "venv", "bin", "python"), filepath.Join(root, "e2e", "streams.py"))
	})
	s.run("JavaScript", func(t *testing.T) {
		s.tool("node", filepath.Join(installed(t, "javascript"), "streams.mjs"))
	})
}
