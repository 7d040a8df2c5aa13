package runtimes

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// locks name the packages of each runtime's Python environment, with versions and hashes: PyFlink and what it needs, which
// the service brings along (developer guide, "Program your Managed Service for Apache Flink for Python application").
//
//go:embed python
var locks embed.FS

// interpreters are the Pythons that the service runs on each runtime. The environments that are made here want 3.11, which
// the PyFlink of all runtimes with a list of packages supports.
var interpreters = map[string]string{
	"FLINK-1_15": "3.8", "FLINK-1_18": "3.10", "FLINK-1_19": "3.11", "FLINK-1_20": "3.11", "FLINK-2_2": "3.12", "FLINK-2_3": "3.12",
}

const interpreter = "3.11"

// ErrNoPython is answered for a runtime whose PyFlink needs another Python than there is.
var ErrNoPython = errors.New("no Python applications on this runtime")

// lock gives the list of packages, and a name for what is made of it.
func (r Runtime) lock() (list []byte, sum string, err error) {
	list, err = locks.ReadFile("python/" + r.Name + ".txt")
	if err != nil {
		return nil, "", fmt.Errorf("%w: the PyFlink of %s runs on Python %s, and this server runs Python applications on Python %s: use %s",
			ErrNoPython, r.Name, interpreters[r.Name], interpreter, strings.Join(pythonRuntimes(), " or "))
	}
	digest := sha256.Sum256(list)
	return list, hex.EncodeToString(digest[:6]), nil
}

// pythonRuntimes are those with a list of packages.
func pythonRuntimes() []string {
	var names []string
	for _, r := range table {
		if _, err := fs.Stat(locks, "python/"+r.Name+".txt"); err == nil {
			names = append(names, r.Name)
		}
	}
	return names
}

// Python gives the folder of the runtime's Python environment, a virtual one. The error says how to install it, or why this
// runtime has none.
func (d Distribution) Python() (string, error) {
	_, sum, err := d.lock()
	if err != nil {
		return "", err
	}
	home := d.pythonHome(sum)
	if _, err := os.Stat(filepath.Join(home, marker)); err != nil {
		return "", fmt.Errorf("the runtime %s is installed without Python; install it with: drey runtime install %s --python", d.Name, d.Name)
	}
	return home, nil
}

// pythonHome changes with the list of packages: an environment that applications run on is never touched.
func (d Distribution) pythonHome(sum string) string { return filepath.Join(d.Home, "python-"+sum) }

// marker is written into an environment when it is complete: it cannot be moved into place, for it knows its path.
const marker = "complete"

// InstallPython adds the Python environment to an installed runtime. Packages are fetched once for all data directories, and
// checked against their hashes.
func (l Library) InstallPython(ctx context.Context, name string, say Progress) error {
	d, err := l.Find(name)
	if err != nil {
		return err
	}
	if _, err := d.Python(); err == nil || errors.Is(err, ErrNoPython) {
		return err
	}
	// Flink takes the driver of Python applications from there, and wants one.
	if jars, _ := filepath.Glob(filepath.Join(d.Home, "opt", "flink-python*.jar")); len(jars) != 1 {
		return fmt.Errorf("%s has %d jars opt/flink-python*.jar, not one: install it again", d.Home, len(jars))
	}
	list, sum, err := d.lock()
	if err != nil {
		return err
	}
	if err := makePython(ctx, d.pythonHome(sum), name+"-python-"+sum, list, say); err != nil {
		return fmt.Errorf("install Python for %s: %w", name, err)
	}
	return nil
}

func makePython(ctx context.Context, home, cached string, list []byte, say Progress) error {
	system, err := systemPython()
	if err != nil {
		return err
	}
	c, err := openCache()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(home); err != nil {
		return err
	}
	if err := run(ctx, "/", system, "-m", "venv", home); err != nil {
		return fmt.Errorf("%w (apt-get install python%s-venv)", err, interpreter)
	}
	python := filepath.Join(home, "bin", "python")
	say("fetching PyFlink and its packages (100 MB, the first time only)")
	wheels, err := c.wheels(ctx, python, cached, list)
	if err != nil {
		return err
	}
	say("installing them (500 MB)")
	err = run(ctx, wheels, python, pip("install", "--no-index", "--find-links", wheels, "--no-compile", "-r", filepath.Join(wheels, "versions.txt"))...)
	if err != nil {
		return err
	}
	// Sandboxes cannot write here: what is not compiled now would be at each start.
	if err := run(ctx, home, python, "-m", "compileall", "-q", "-j", "0", filepath.Join(home, "lib")); err != nil {
		say("some packages are left uncompiled: %v", err)
	}
	return os.WriteFile(filepath.Join(home, marker), nil, 0o644)
}

// pip is a command of pip that resolves nothing: the list is whole.
func pip(command string, args ...string) []string {
	return append([]string{"-m", "pip", command, "--quiet", "--disable-pip-version-check", "--no-deps"}, args...)
}

// systemPython finds the interpreter where sandboxes see it.
func systemPython() (string, error) {
	for _, dir := range []string{"/usr/bin", "/usr/local/bin"} {
		path := filepath.Join(dir, "python"+interpreter)
		if target, err := filepath.EvalSymlinks(path); err == nil && strings.HasPrefix(target, "/usr/") {
			return path, nil
		}
	}
	return "", fmt.Errorf("python%s is needed in /usr/bin and not installed (apt-get install python%s python%s-venv)", interpreter, interpreter, interpreter)
}

// wheels gives a folder of the cache with the packages, ready to be installed: those that come as sources are built once.
func (c cache) wheels(ctx context.Context, python, name string, list []byte) (string, error) {
	done := filepath.Join(c.dir, name)
	if _, err := os.Stat(done); err == nil {
		return done, nil
	}
	dir, err := os.MkdirTemp(c.dir, ".fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	hashes := filepath.Join(dir, "hashes.txt")
	if err := os.WriteFile(hashes, list, 0o644); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "versions.txt"), versions(list), 0o644); err != nil {
		return "", err
	}
	if err := run(ctx, dir, python, pip("wheel", "--use-pep517", "--require-hashes", "--wheel-dir", dir, "-r", hashes)...); err != nil {
		return "", fmt.Errorf("fetch PyFlink: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(dir, done); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return done, nil
}

// versions is the list without its hashes, which are those of sources where wheels are built.
func versions(list []byte) []byte {
	var b strings.Builder
	for line := range strings.Lines(string(list)) {
		requirement, _, _ := strings.Cut(line, " --hash=")
		b.WriteString(strings.TrimSpace(requirement) + "\n")
	}
	return []byte(b.String())
}
