package local

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"drey/flink"
	"drey/runtimes"
)

// compile makes a jar of one class against a runtime, in work; "" where the JDK has no compiler.
func compile(ctx context.Context, t tools, dist runtimes.Distribution, work, class string, source []byte) (string, error) {
	javac := filepath.Join(t.javaHome, "bin", "javac")
	if _, err := os.Stat(javac); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	jars, err := dist.ClassPath()
	if err != nil {
		return "", err
	}
	file, classes := filepath.Join(work, class+".java"), filepath.Join(work, class)
	if err := os.WriteFile(file, source, 0o600); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, javac, "--release", "11", "-nowarn", "-cp", strings.Join(jars, ":"), "-d", classes, file).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("javac: %w: %s", err, strings.TrimSpace(string(out)))
	}
	jar := filepath.Join(work, class+".jar")
	return jar, writeJar(jar, classes, class)
}

// MakeStateChecker compiles what flink.CheckState runs, against a runtime. It does nothing where it is there, or where the
// JDK has no compiler.
func (d *Driver) MakeStateChecker(ctx context.Context, runtime string) error {
	t, err := findTools()
	if err != nil {
		return err
	}
	dist, err := d.Runtimes.Find(runtime)
	if err != nil || dist.StateChecker() != "" {
		return err
	}
	work, err := os.MkdirTemp(d.Dir, ".check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	jar, err := compile(ctx, t, dist, work, "StateCheck", flink.StateChecker)
	if err != nil || jar == "" {
		return err
	}
	return dist.KeepStateChecker(jar)
}

func writeJar(path, classes, main string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z := zip.NewWriter(f)
	manifest, err := z.Create("META-INF/MANIFEST.MF")
	if err != nil {
		return err
	}
	if _, err := manifest.Write([]byte("Manifest-Version: 1.0\r\nMain-Class: " + main + "\r\n\r\n")); err != nil {
		return err
	}
	if err := z.AddFS(os.DirFS(classes)); err != nil {
		return err
	}
	return z.Close()
}
