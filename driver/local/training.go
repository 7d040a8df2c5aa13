package local

import (
	"archive/zip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"drey/runtimes"
)

//go:embed training/Training.java
var trainingSource []byte

// buildTrainingJar compiles the job that archives are made with; "" where the JDK has no compiler.
func buildTrainingJar(ctx context.Context, t tools, dist runtimes.Distribution, work string) (string, error) {
	javac := filepath.Join(t.javaHome, "bin", "javac")
	if _, err := os.Stat(javac); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	jars, err := dist.ClassPath()
	if err != nil {
		return "", err
	}
	source, classes := filepath.Join(work, "Training.java"), filepath.Join(work, "classes")
	if err := os.WriteFile(source, trainingSource, 0o600); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, javac, "--release", "11", "-nowarn", "-cp", strings.Join(jars, ":"), "-d", classes, source).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("javac: %w: %s", err, strings.TrimSpace(string(out)))
	}
	jar := filepath.Join(work, "training.jar")
	return jar, writeJar(jar, classes)
}

func writeJar(path, classes string) error {
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
	if _, err := manifest.Write([]byte("Manifest-Version: 1.0\r\nMain-Class: Training\r\n\r\n")); err != nil {
		return err
	}
	if err := z.AddFS(os.DirFS(classes)); err != nil {
		return err
	}
	return z.Close()
}
