package runtimes

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// cache is the folder of downloads that all data directories share.
type cache struct{ dir string }

func openCache() (cache, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return cache{}, fmt.Errorf("no cache directory: %w (set XDG_CACHE_HOME)", err)
	}
	c := cache{filepath.Join(base, "drey", "downloads")}
	return c, os.MkdirAll(c.dir, 0o755)
}

// python gives the source distribution of a Python package, fetched with pip.
func (c cache) python(ctx context.Context, a artifact) (string, error) {
	name, version, _ := strings.Cut(a.coordinates, "==")
	return c.get(a, name+"-"+version+".tar.gz", func(dir string) error {
		return run(ctx, "python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
			"--no-build-isolation", "--no-binary", ":all:", "--dest", dir, a.coordinates)
	})
}

// maven gives a jar, fetched with Maven.
func (c cache) maven(ctx context.Context, a artifact) (string, error) {
	parts := strings.Split(a.coordinates, ":")
	return c.get(a, parts[1]+"-"+parts[2]+".jar", func(dir string) error {
		return run(ctx, "mvn", "--quiet", "--batch-mode", "dependency:copy", "-Dartifact="+a.coordinates, "-DoutputDirectory="+dir)
	})
}

// get answers from the cache, or fetches into a folder of its own, verifies, and moves into place.
func (c cache) get(a artifact, file string, fetch func(dir string) error) (string, error) {
	path := filepath.Join(c.dir, file)
	if verify(path, a.sha256) == nil {
		return path, nil
	}
	tmp, err := os.MkdirTemp(c.dir, ".fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := fetch(tmp); err != nil {
		return "", fmt.Errorf("fetch %s: %w", a.coordinates, err)
	}
	got := filepath.Join(tmp, file)
	if err := verify(got, a.sha256); err != nil {
		return "", fmt.Errorf("fetch %s: %w", a.coordinates, err)
	}
	return path, os.Rename(got, path)
}

func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s is needed and not installed; see: drey doctor", name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// parts are the folders of a distribution that are kept.
var parts = []string{"lib", "opt", "plugins"}

// unpack takes lib, opt and plugins out of a folder or a tarball: an official distribution (flink-x/lib) or the Python
// package's (name/deps/lib).
func unpack(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		for _, part := range parts {
			if err := os.CopyFS(filepath.Join(to, part), os.DirFS(filepath.Join(from, part))); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	return untar(from, to)
}

func untar(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s is no .tar.gz: %w", from, err)
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		if rel := within(h.Name); rel != "" && h.Typeflag == tar.TypeReg {
			if err := writeFile(root, rel, t); err != nil {
				return err
			}
		}
	}
}

// within gives the path of a file below lib, opt or plugins; "" for all others.
func within(name string) string {
	_, rel, _ := strings.Cut(name, "/")
	rel = strings.TrimPrefix(rel, "deps/")
	for _, part := range parts {
		if strings.HasPrefix(rel, part+"/") && !strings.Contains(rel, "..") {
			return rel
		}
	}
	return ""
}

func writeFile(root *os.Root, rel string, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(rel), 0o755); err != nil {
		return err
	}
	f, err := root.Create(rel)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, content); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
