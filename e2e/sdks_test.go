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

// java runs a program of e2e/streams.
func (s *server) java(class string, args ...string) {
	s.t.Helper()
	target := filepath.Join(root, "e2e", "streams", "target")
	if _, err := os.Stat(filepath.Join(target, "lib")); err != nil {
		if err := command(filepath.Dir(target), "mvn", "--quiet", "--batch-mode", "package"); err != nil {
			s.t.Fatal(err)
		}
	}
	s.tool("java", append([]string{
		"-Xmx512m", "-XX:TieredStopAtLevel=1", "-Djava.io.tmpdir=" + s.t.TempDir(),
		"-Dsqlite4java.library.path=" + filepath.Join(target, "lib"), // of DynamoDB Local
		"-cp", filepath.Join(target, "streams.jar") + ":" + filepath.Join(target, "lib", "*"), class,
	}, args...)...)
}

// TestStreamsBySDKs has AWS's SDKs and the two Kinesis libraries carry records through streams; each program checks what it gets.
func TestStreamsBySDKs(t *testing.T) {
	s := serve(t, "--kinesis-limits", "off")
	s.run("Python", func(*testing.T) {
		s.tool(filepath.Join(cache, "venv", "bin", "python"), filepath.Join(root, "e2e", "streams.py"))
	})
	s.run("JavaVersion1", func(*testing.T) {
		s.makeStream("java", 1)
		s.java("streams.Binary", "java")
	})
	s.run("KPLAndKCL", func(*testing.T) {
		s.makeStream("libraries", 3)
		s.java("streams.Libraries", "libraries", s.private)
	})
	s.run("JavaScript", func(t *testing.T) {
		s.tool("node", filepath.Join(installed(t, "javascript"), "streams.mjs"))
	})
}
