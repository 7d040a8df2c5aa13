package runtimes

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const name = "FLINK-1_18"

func TestInstallOfThePinnedDistribution(t *testing.T) {
	l := Library{Dir: t.TempDir()}
	d, err := l.Install(t.Context(), name, "", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		"lib/flink-dist-1.18.1.jar", "lib/aws-kinesisanalytics-runtime-1.2.0.jar", "lib/flink-connector-base-1.18.1.jar",
		"lib/log4j-core-2.17.1.jar", "lib/log4j-layout-template-json-2.17.1.jar",
		"plugins/s3-fs-hadoop/flink-s3-fs-hadoop-1.18.1.jar", "plugins/metrics-influx/flink-metrics-influxdb-1.18.1.jar",
	} {
		if _, err := os.Stat(filepath.Join(d.Home, file)); err != nil {
			t.Error(err)
		}
	}
	found, err := l.Find(name)
	if err != nil || found.Home != d.Home {
		t.Errorf("found %s, installed in %s (%v)", found.Home, d.Home, err)
	}
	jars, err := found.ClassPath()
	if err != nil || len(jars) == 0 {
		t.Fatalf("no class path: %v", err)
	}
	if last := filepath.Base(jars[len(jars)-1]); last != "flink-dist-1.18.1.jar" {
		t.Errorf("%s is last on the class path, want flink-dist", last)
	}
	entries, err := os.ReadDir(l.Dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d entries in the library, want 1 (%v)", len(entries), err)
	}
}

func TestFindNamesTheCommand(t *testing.T) {
	_, err := Library{Dir: t.TempDir()}.Find(name)
	if err == nil || !strings.Contains(err.Error(), "drey runtime install FLINK-1_18") {
		t.Errorf("error %v", err)
	}
	if _, err := (Library{Dir: t.TempDir()}).Find("FLINK-9_9"); !errors.Is(err, ErrUnknown) {
		t.Errorf("error %v, want ErrUnknown", err)
	}
}

// tarball packs files whose content is their name.
func tarball(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(f))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "flink.tgz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInstallFromAnOfficialTarball(t *testing.T) {
	l := Library{Dir: t.TempDir()}
	from := tarball(t, "flink-1.18.1/lib/flink-dist-1.18.1.jar", "flink-1.18.1/plugins/metrics-influx/x.jar", "flink-1.18.1/bin/flink", "flink-1.18.1/lib/../../escape.jar")
	d, err := l.Install(t.Context(), name, from, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(d.Home, "bin")); err == nil {
		t.Error("bin was unpacked")
	}
	if found, _ := filepath.Glob(filepath.Join(l.Dir, "escape.jar")); len(found) > 0 {
		t.Error("a file escaped")
	}
}

func TestInstallRefuses(t *testing.T) {
	for title, from := range map[string][]string{
		"AnotherFlink":   {"flink-1.19.0/lib/flink-dist-1.19.0.jar", "flink-1.19.0/plugins/metrics-influx/x.jar"},
		"ConnectorInLib": {"f/lib/flink-dist-1.18.1.jar", "f/plugins/metrics-influx/x.jar", "f/lib/flink-connector-kinesis-4.2.0-1.18.jar"},
		"NoFlinkAtAll":   {"readme"},
	} {
		t.Run(title, func(t *testing.T) {
			l := Library{Dir: t.TempDir()}
			if _, err := l.Install(t.Context(), name, tarball(t, from...), t.Logf); err == nil {
				t.Fatal("installed")
			}
			if entries, err := os.ReadDir(l.Dir); err != nil || len(entries) > 0 {
				t.Errorf("something is left: %v (%v)", entries, err)
			}
		})
	}
}

func TestDownloadWithAnotherChecksumIsRefused(t *testing.T) {
	c := cache{t.TempDir()}
	a := artifact{coordinates: "g:a:1", sha256: strings.Repeat("0", 64)}
	err := c.fetch([]artifact{a}, func(dir string) error { return os.WriteFile(filepath.Join(dir, "a-1.jar"), []byte("x"), 0o600) })
	if err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("error %v", err)
	}
	if entries, err := os.ReadDir(c.dir); err != nil || len(entries) > 0 {
		t.Errorf("something is left: %v (%v)", entries, err)
	}
}

func TestRowsArePinned(t *testing.T) {
	for _, r := range table {
		for _, a := range append(slices.Clone(r.maven), r.sdist) {
			if len(a.sha256) != 64 {
				t.Errorf("%s: %s has no pin", r.Name, a.coordinates)
			}
		}
	}
}

func TestMissingProgramIsNamed(t *testing.T) {
	err := run(t.Context(), t.TempDir(), "no-such-program-of-drey")
	if err == nil || errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "drey doctor") {
		t.Errorf("error %v", err)
	}
}

// FuzzUntar: no archive may write outside of the folder, whatever it says.
func FuzzUntar(f *testing.F) {
	seed, err := os.ReadFile(tarball(f, "flink/lib/a.jar", "flink/lib/../../../b", "flink/plugins//x", "/lib/c"))
	if err != nil {
		f.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(seed))
	if err != nil {
		f.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add([]byte("flink/lib"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "out"), 0o700); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(filepath.Join(dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		_ = extract(tar.NewReader(bytes.NewReader(archive)), root, 1<<20) // an error is an answer
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Errorf("%v outside of the folder (%v)", entries, err)
		}
	})
}
