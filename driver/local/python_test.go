package local

import (
	"archive/zip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"drey/driver"
)

// archive makes a Python application's archive with a script that holds text.
func archive(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := zip.NewWriter(f)
	for name, body := range map[string]string{"main.py": text, "lib/all.jar": "a jar"} {
		e, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPlacePython: the files lie beside the job's jar, new code replaces the old, and repeating changes nothing.
func TestPlacePython(t *testing.T) {
	dir := t.TempDir()
	place := func(p driver.Python, name, text, jarText string) {
		t.Helper()
		jar, files, err := placeCode(driver.Cluster{Python: &p}, dir)
		if err != nil {
			t.Fatal(err)
		}
		if jar != name+".jar" || files != filepath.Join(dir, name+"_code") {
			t.Errorf("got %s and %s", jar, files)
		}
		if got, err := os.ReadFile(filepath.Join(files, "main.py")); err != nil || string(got) != text {
			t.Errorf("the script is %q, %v", got, err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, jar)); err != nil || jarText != "" && string(got) != jarText {
			t.Errorf("the jar is %q, %v", got, err)
		}
		all, err := filepath.Glob(filepath.Join(dir, "*"))
		if want := []string{filepath.Join(dir, jar), files}; err != nil || !slices.Equal(all, want) {
			t.Errorf("there is %v, %v", all, err)
		}
	}
	one := driver.Python{Archive: archive(t, "one.jar", "first"), Jar: "lib/all.jar"}
	if err := os.MkdirAll(filepath.Join(dir, "one_code.new", "half"), 0o700); err != nil {
		t.Fatal(err)
	}
	place(one, "one", "first", "a jar")
	place(one, "one", "first", "a jar")
	place(driver.Python{Archive: archive(t, "two.jar", "second")}, "two", "second", "")
	jar, err := zip.OpenReader(filepath.Join(dir, "two.jar"))
	if err != nil {
		t.Fatalf("the empty jar: %v", err)
	}
	defer jar.Close()
	if _, err := jar.Open("META-INF/MANIFEST.MF"); err != nil {
		t.Error(err)
	}
}

func TestPlacePythonStaysInTheArchive(t *testing.T) {
	p := &driver.Python{Archive: archive(t, "one.jar", ""), Jar: "../../etc/passwd"}
	if _, _, err := placeCode(driver.Cluster{Python: p}, t.TempDir()); err == nil {
		t.Error("a file outside of the archive became the job's jar")
	}
}
