package runtimes

import (
	"archive/tar"
	"bytes"
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

func (c cache) path(a artifact) string { return filepath.Join(c.dir, a.file()) }

// python gives the source distribution of a Python package, fetched with pip. Only pip's own build dependencies may come
// as wheels.
func (c cache) python(ctx context.Context, a artifact) error {
	if verify(c.path(a), a.sha256) == nil {
		return nil
	}
	name, _, _ := strings.Cut(a.coordinates, "==")
	return c.fetch([]artifact{a}, func(dir string) error {
		err := run(ctx, dir, "python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
			"--no-binary", name, "--dest", dir, a.coordinates)
		if err != nil {
			return err
		}
		// Newer releases spell the project's name with underscores in the file's.
		got, err := filepath.Glob(filepath.Join(dir, "*.tar.gz"))
		if err != nil || len(got) != 1 {
			return fmt.Errorf("pip left %d files (%w)", len(got), err)
		}
		return os.Rename(got[0], filepath.Join(dir, a.file()))
	})
}

// maven gives jars, fetched with one run of Maven.
func (c cache) maven(ctx context.Context, all []artifact) error {
	var missing []artifact
	for _, a := range all {
		if verify(c.path(a), a.sha256) != nil {
			missing = append(missing, a)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return c.fetch(missing, func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "pom.xml"), pom(missing), 0o644); err != nil {
			return err
		}
		return run(ctx, dir, "mvn", "--quiet", "--batch-mode", "dependency:copy", "-DoutputDirectory="+dir)
	})
}

// pom is a project whose only purpose is to name jars to copy.
func pom(all []artifact) []byte {
	var b bytes.Buffer
	b.WriteString(`<project><modelVersion>4.0.0</modelVersion><groupId>drey</groupId><artifactId>runtime</artifactId><version>1</version>` +
		`<build><plugins><plugin><artifactId>maven-dependency-plugin</artifactId><configuration><artifactItems>`)
	for _, a := range all {
		parts := strings.Split(a.coordinates, ":")
		fmt.Fprintf(&b, "<artifactItem><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></artifactItem>", parts[0], parts[1], parts[2])
	}
	b.WriteString(`</artifactItems></configuration></plugin></plugins></build></project>`)
	return b.Bytes()
}

// fetch fills a folder of its own, verifies what it got, and moves it into place.
func (c cache) fetch(wanted []artifact, fill func(dir string) error) error {
	dir, err := os.MkdirTemp(c.dir, ".fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := fill(dir); err != nil {
		return fmt.Errorf("fetch %s: %w", wanted[0].coordinates, err)
	}
	for _, a := range wanted {
		got := filepath.Join(dir, a.file())
		if err := verify(got, a.sha256); err != nil {
			return fmt.Errorf("fetch %s: %w", a.coordinates, err)
		}
		if err := os.Rename(got, c.path(a)); err != nil {
			return err
		}
	}
	return nil
}

// run runs a program in dir, so that no project of the caller's has a say.
func run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
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
	if err := extract(tar.NewReader(z), root, maxUnpacked); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return nil
}

const maxUnpacked = 4 << 30 // bytes; a distribution has a tenth of it

// extract writes the parts below root and nothing elsewhere, at most limit bytes: a small archive may unpack to a disk full
// of zeros.
func extract(t *tar.Reader, root *os.Root, limit int64) error {
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		rel := within(h.Name)
		if rel == "" || h.Typeflag != tar.TypeReg {
			continue
		}
		if limit -= h.Size; limit < 0 {
			return errors.New("this is too big for a distribution of Flink")
		}
		if err := writeFile(root, rel, t); err != nil {
			return err
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
