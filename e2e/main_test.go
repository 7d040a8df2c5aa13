package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var (
	root    = absolute("..")
	cache   = filepath.Join(root, ".cache")
	example = filepath.Join(root, "examples", "order-processor")
	program = filepath.Join(cache, "e2e", "drey")
)

func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return abs
}

func jar(name string) string { return filepath.Join(root, "e2e", "jars", "target", name) }

// TestMain makes once what all tests share: the tools, the binary, the Flink runtime and the jars.
func TestMain(m *testing.M) {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func prepare() error {
	if err := command(root, filepath.Join("scripts", "setup.sh"), "tests"); err != nil {
		return err
	}
	if err := command(root, "go", "build", "-o", program, "./cmd/drey"); err != nil {
		return err
	}
	if err := allowLowPorts(); err != nil {
		return err
	}
	if err := command(root, program, "runtime", "install", "FLINK-1_18", "--data-dir", filepath.Join(cache, "drey")); err != nil {
		return err
	}
	if err := build(filepath.Join(root, "e2e", "jars"), "test-measured.jar"); err != nil {
		return err
	}
	return build(example, "order-processor-2.0.jar")
}

// build makes the jars of a Maven project unless they are there and newer than all of its sources; made is one of them.
func build(project, made string, flags ...string) error {
	jar, err := os.Stat(filepath.Join(project, "target", made))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	old := err != nil
	for _, sources := range []string{"pom.xml", "src"} {
		err := filepath.WalkDir(filepath.Join(project, sources), func(_ string, d fs.DirEntry, err error) error {
			if err != nil || old {
				return err
			}
			source, err := d.Info()
			old = err == nil && source.ModTime().After(jar.ModTime())
			return err
		})
		if err != nil {
			return err
		}
	}
	if !old {
		return nil
	}
	return command(project, "mvn", append([]string{"--quiet", "--batch-mode", "package", "-DskipTests"}, flags...)...)
}

// allowLowPorts lets an ordinary user's server take ports 53, 80 and 443 of a loopback address.
func allowLowPorts() error {
	start, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(strings.TrimSpace(string(start)))
	if err != nil || os.Geteuid() == 0 || first <= 53 {
		return err
	}
	return command(root, "sudo", "setcap", "cap_net_bind_service=+ep", program)
}

func command(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
