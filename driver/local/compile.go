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

// compile makes a jar of one class against a runtime, in work.
func compile(ctx context.Context, t tools, dist runtimes.Distribution, work, class string, source []byte) (string, error) {
	jars, err := dist.ClassPath()
	if err != nil {
		return "", err
	}
	file, classes := filepath.Join(work, class+".java"), filepath.Join(work, class)
	if err := os.WriteFile(file, source, 0o600); err != nil {
		return "", err
	}
	path := strings.Join(jars, ":")
	if err := t.run(ctx, "javac", "--release", "11", "-nowarn", "-cp", path, "-d", classes, file); err != nil {
		return "", err
	}
	if class == flink.MasterSwitchClass {
		if err := t.run(ctx, "java", "-cp", classes+":"+path, class, classes); err != nil {
			return "", err
		}
	}
	jar := filepath.Join(work, class+".jar")
	return jar, writeJar(jar, classes, class)
}

// run runs a program of the JDK.
func (t tools) run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, filepath.Join(t.javaHome, "bin", name), args...).CombinedOutput()
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s has no %s: a JDK is needed, not a JRE; install it with: apt-get install openjdk-17-jdk-headless", t.javaHome, name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Prepare compiles what a runtime needs of ours: the programs that lie beside Flink. It does nothing where they are there.
func (d *Driver) Prepare(ctx context.Context, runtime string) error {
	t, err := findTools()
	if err != nil {
		return err
	}
	dist, err := d.Runtimes.Find(runtime)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(d.Dir, ".prepare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, program := range dist.Programs() {
		if dist.Program(program) != "" {
			continue
		}
		source, _ := flink.ProgramSource(program)
		jar, err := compile(ctx, t, dist, work, program, source)
		if err != nil {
			return fmt.Errorf("prepare %s: %w", runtime, err)
		}
		if err := dist.KeepProgram(program, jar); err != nil {
			return err
		}
	}
	return nil
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
