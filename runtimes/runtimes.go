// Package runtimes holds the Flink distributions that applications run on: what each consists of, as data, and how it is
// installed and found. Adding a Flink release means adding a row to the table. It never starts a process of Flink's.
package runtimes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"drey/flink"
)

// Runtime is one RuntimeEnvironment of the kinesisanalyticsv2 API.
type Runtime struct {
	Name         string            // "FLINK-1_18"
	Flink        string            // "1.18.1"
	ConfFile     string            // name of Flink's configuration file; one that ends in .yaml is read as YAML
	OldestState  string            // the oldest runtime whose state this one reads; "" = every older one's
	Java         int               // the release that AWS runs it on, and code should be compiled for
	ClassVersion int               // of the newest class files that can be loaded here, e.g. 61 for Java 17
	JVMOptions   []string          // of every process
	Overrides    string            // class of the program whose jar stands before Flink on the class path; "" = none
	Options      map[string]string // Flink's, beside those of the application
	Scheduler    map[string]string // Flink's, of the scheduler that rescales a job in place; nil = there is none
	Renamed      map[string]string // Flink's options by their names in 1.18, where this Flink calls them otherwise
	sdist        artifact
	maven        []artifact
}

// artifact is a pinned download. Its destination is a folder of the distribution.
type artifact struct {
	coordinates string // group:artifact:version, or a requirement for pip
	sha256      string
	dest        string
}

// file is the name that pip and Maven give to the download.
func (a artifact) file() string {
	if name, version, ok := strings.Cut(a.coordinates, "=="); ok {
		return name + "-" + version + ".tar.gz"
	}
	parts := strings.Split(a.coordinates, ":")
	return parts[1] + "-" + parts[2] + ".jar"
}

// ErrUnknown is answered for a name that is in no row of the table.
var ErrUnknown = errors.New("no such runtime")

// Names lists what can be installed.
func Names() []string {
	var names []string
	for _, r := range table {
		names = append(names, r.Name)
	}
	return names
}

// Lookup finds a row of the table.
func Lookup(name string) (Runtime, error) {
	i := slices.IndexFunc(table, func(r Runtime) bool { return r.Name == name })
	if i < 0 {
		return Runtime{}, fmt.Errorf("%w: %s; this version of Drey knows %v", ErrUnknown, name, Names())
	}
	return table[i], nil
}

// Distribution is an installed runtime.
type Distribution struct {
	Runtime
	Home string // holds lib, opt and plugins
}

// Library is a folder of installed distributions.
type Library struct{ Dir string }

// Find gives an installed runtime. The error says how to install it.
func (l Library) Find(name string) (Distribution, error) {
	r, err := Lookup(name)
	if err != nil {
		return Distribution{}, err
	}
	// A class archive fits one path of the jars only, so links to a shared installation are followed.
	home, err := filepath.EvalSymlinks(filepath.Join(l.Dir, name))
	if err == nil {
		_, err = os.Stat(filepath.Join(home, "lib"))
	}
	if err != nil {
		return Distribution{}, fmt.Errorf("the runtime %s is not installed; install it with: drey runtime install %s --data-dir %s", name, name, filepath.Dir(l.Dir))
	}
	return Distribution{Runtime: r, Home: home}, nil
}

// ClassPath lists the jars of lib in a stable order, which the class archive depends on. Flink wants its own jar last.
func (d Distribution) ClassPath() ([]string, error) {
	jars, err := filepath.Glob(filepath.Join(d.Home, "lib", "*.jar"))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(jars, func(a, b string) int {
		return rank(a) - rank(b)
	})
	if first := d.Program(d.Overrides); d.Overrides != "" && first != "" {
		jars = append([]string{first}, jars...)
	}
	return jars, nil
}

func rank(jar string) int {
	if ok, _ := filepath.Match("flink-dist-*.jar", filepath.Base(jar)); ok {
		return 1
	}
	return 0
}

// Progress tells a person what is going on.
type Progress func(format string, args ...any)

// Install fetches a runtime, or takes it from the tarball or folder `from` of an official distribution, and checks every
// artifact against its pin. The runtime appears in whole or not at all.
func (l Library) Install(ctx context.Context, name, from string, say Progress) (Distribution, error) {
	r, err := Lookup(name)
	if err != nil {
		return Distribution{}, err
	}
	if err := os.MkdirAll(l.Dir, 0o755); err != nil {
		return Distribution{}, err
	}
	work, err := os.MkdirTemp(l.Dir, ".install-")
	if err != nil {
		return Distribution{}, err
	}
	defer os.RemoveAll(work)
	if err := r.assemble(ctx, work, from, say); err != nil {
		return Distribution{}, fmt.Errorf("install %s: %w", name, err)
	}
	d := Distribution{Runtime: r, Home: filepath.Join(l.Dir, name)}
	if err := replace(work, d.Home); err != nil {
		return Distribution{}, fmt.Errorf("install %s: %w", name, err)
	}
	return d, nil
}

func replace(work, home string) error {
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	old := work + ".old"
	if err := os.Rename(home, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer os.RemoveAll(old)
	return os.Rename(work, home)
}

func (r Runtime) assemble(ctx context.Context, work, from string, say Progress) error {
	c, err := openCache()
	if err != nil {
		return err
	}
	say("fetching Flink %s and its plugins (260 MB, the first time only)", r.Flink)
	if err := r.fetch(ctx, c, from == ""); err != nil {
		return err
	}
	if from == "" {
		from = c.path(r.sdist)
	}
	say("unpacking")
	if err := unpack(from, work); err != nil {
		return err
	}
	for _, a := range r.maven {
		dest := filepath.Join(work, a.dest)
		if err := os.MkdirAll(dest, 0o755); err != nil {
			return err
		}
		if err := copyFile(c.path(a), filepath.Join(dest, a.file())); err != nil {
			return err
		}
	}
	return r.check(work)
}

// fetch fills the cache, from both sources at the same time.
func (r Runtime) fetch(ctx context.Context, c cache, sdist bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jars := make(chan error, 1)
	go func() { jars <- c.maven(ctx, r.maven) }()
	var err error
	if sdist {
		err = c.python(ctx, r.sdist)
	}
	if err != nil {
		cancel()
	}
	if jarsErr := <-jars; err == nil {
		err = jarsErr
	}
	return err
}

// check refuses what is no distribution of this Flink, and libraries that would win over the user's own connectors.
func (r Runtime) check(home string) error {
	for _, want := range []string{"lib/flink-dist-" + r.Flink + ".jar", "plugins/metrics-influx"} {
		if _, err := os.Stat(filepath.Join(home, want)); err != nil {
			return fmt.Errorf("this is no distribution of Flink %s: it has no %s", r.Flink, want)
		}
	}
	for _, connector := range []string{"flink-connector-kinesis", "flink-sql-connector-", "flink-connector-kafka"} {
		if found, _ := filepath.Glob(filepath.Join(home, "lib", connector+"*")); len(found) > 0 {
			return fmt.Errorf("%s in lib would win over the application's own: take it out", filepath.Base(found[0]))
		}
	}
	return nil
}

func verify(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("%s has the SHA-256 %s, expected %s", filepath.Base(path), got, want)
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// ClassArchive gives the archive of preloaded classes that was made for a JDK build and a role; "" if there is none.
func (d Distribution) ClassArchive(javaBuild, role string) string {
	path := d.archivePath(javaBuild, role)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func (d Distribution) archivePath(javaBuild, role string) string {
	jars, _ := d.ClassPath() // an unreadable one has no archive either
	sum := sha256.Sum256([]byte(javaBuild + strings.Join(jars, ":")))
	return filepath.Join(d.Home, "classes", hex.EncodeToString(sum[:6]), role+".jsa")
}

// Program gives the jar of one of our programs, by its class; "" if there is none of its present version.
func (d Distribution) Program(class string) string {
	path := d.programPath(class)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func (d Distribution) programPath(class string) string {
	_, digest := flink.ProgramSource(class)
	return filepath.Join(d.Home, "programs", class+"-"+digest+".jar")
}

// KeepProgram takes over a freshly made jar.
func (d Distribution) KeepProgram(class, made string) error { return keep(made, d.programPath(class)) }

// Programs lists the classes of our programs that the runtime needs.
func (r Runtime) Programs() []string {
	if r.Overrides == "" {
		return []string{flink.StateCheckClass}
	}
	return []string{flink.StateCheckClass, r.Overrides}
}

// Prepared tells what to do where programs are missing.
func (d Distribution) Prepared() error {
	for _, class := range d.Programs() {
		if d.Program(class) == "" {
			return fmt.Errorf("the runtime %s was installed by an earlier version of Drey; run: drey runtime install %s", d.Name, d.Name)
		}
	}
	return nil
}

// KeepClassArchive takes over a freshly made archive.
func (d Distribution) KeepClassArchive(javaBuild, role, made string) error {
	return keep(made, d.archivePath(javaBuild, role))
}

func keep(made, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if os.Rename(made, path) == nil {
		return nil
	}
	half := path + ".half" // made lies on another file system
	if err := copyFile(made, half); err != nil {
		return err
	}
	return os.Rename(half, path)
}
