package local

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"drey/driver"
	"drey/flink"
	"drey/runtimes"
)

// placeCode puts the application's code where the JobManager finds it and cannot change it: a jar under its id, and the files
// of a Python application in the folder that it gives. What else lies there is taken away.
func placeCode(c driver.Cluster, dir string) (jar, files string, err error) {
	if c.Python == nil {
		jar, err = placeJar(c.Jar, dir)
		return jar, "", err
	}
	name := strings.TrimSuffix(filepath.Base(c.Python.Archive), filepath.Ext(c.Python.Archive))
	jar, files = name+".jar", filepath.Join(dir, name+"_code")
	if err := placePython(c.Python, filepath.Join(dir, jar), files); err != nil {
		return "", "", fmt.Errorf("place the application's code: %w", err)
	}
	return jar, files, clearBeside(dir, jar, filepath.Base(files))
}

// placePython unpacks the archive and takes the job's jar out of it. Both appear in whole.
func placePython(p *driver.Python, jar, files string) error {
	if _, err := os.Stat(files); errors.Is(err, fs.ErrNotExist) {
		half := files + ".new"
		if err := os.RemoveAll(half); err != nil {
			return err
		}
		if err := os.Mkdir(half, 0o700); err != nil {
			return err
		}
		if err := flink.UnpackPython(p.Archive, half); err != nil {
			return err
		}
		if err := os.Rename(half, files); err != nil {
			return err
		}
	}
	if _, err := os.Stat(jar); err == nil {
		return nil
	}
	if p.Jar == "" {
		return writeFile(jar, emptyJar())
	}
	if !filepath.IsLocal(p.Jar) {
		return fmt.Errorf("the jar %s is not in the archive", p.Jar)
	}
	return place(filepath.Join(files, p.Jar), jar)
}

// emptyJar is the job's jar where the application brings none: Flink runs no main class without one.
func emptyJar() []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, _ := w.Create("META-INF/MANIFEST.MF") // a buffer takes everything
	_, _ = f.Write([]byte("Manifest-Version: 1.0\r\n\r\n"))
	_ = w.Close()
	return b.Bytes()
}

// clearBeside removes all but the named entries of a folder.
func clearBeside(dir string, keep ...string) error {
	present, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, name := range keep {
		kept[name] = true
	}
	for _, e := range present {
		if kept[e.Name()] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// pythonOptions are the options that let main and workers find their interpreter (Flink documentation, "Python
// Configuration").
func pythonOptions(c driver.Cluster, dist runtimes.Distribution) (map[string]string, error) {
	if c.Python == nil {
		return nil, nil
	}
	home, err := dist.Python()
	if err != nil {
		return nil, err
	}
	python := filepath.Join(home, "bin", "python")
	return map[string]string{"python.client.executable": python, "python.executable": python}, nil
}
