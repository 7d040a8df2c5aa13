package flink_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"drey/app"
	"drey/flink"
)

// pack makes an archive in memory of names and contents, in turn.
func pack(t testing.TB, pairs ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		f, err := w.Create(pairs[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(pairs[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t testing.TB, body []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "code.jar")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckPython(t *testing.T) {
	oldConnector := string(pack(t, "META-INF/maven/org.apache.flink/flink-connector-kinesis/pom.properties", "version=1.13.2\n"))
	good := write(t, pack(t, "main.py", "print(1)", "lib/all.jar", string(pack(t, "A.class", "")), "lib/old.jar", oldConnector,
		"dep/util.py", "", "data.zip", "", "app/other.py", ""))
	for _, c := range []struct {
		name    string
		path    string
		options app.Python
		says    string // "" = the archive is good
	}{
		{"ScriptAlone", good, app.Python{Script: "main.py"}, ""},
		{"Everything", good, app.Python{Script: "main.py", Jar: "lib/all.jar", Files: []string{"dep", "dep/util.py"}, Archives: []string{"data.zip#data"}}, ""},
		{"NoScript", good, app.Python{Jar: "lib/all.jar"}, "no key python"},
		{"ScriptIsMissing", good, app.Python{Script: "nothing.py"}, "has no nothing.py, which the key python"},
		{"ScriptIsElsewhere", good, app.Python{Script: "other.py"}, "it holds app/other.py"},
		{"ScriptIsAFolder", good, app.Python{Script: "dep"}, "key python"},
		{"ScriptIsOutside", good, app.Python{Script: "../main.py"}, "key python"},
		{"ScriptIsAbsolute", good, app.Python{Script: "/main.py"}, "key python"},
		{"JarIsMissing", good, app.Python{Script: "main.py", Jar: "all.jar"}, "key jarfile of the property group kinesis.analytics.flink.run.options names; it holds lib/all.jar"},
		{"JarIsNone", good, app.Python{Script: "main.py", Jar: "main.py"}, "is no jar"},
		{"JarBringsAnOldConnector", good, app.Python{Script: "main.py", Jar: "lib/old.jar"}, "FLINK-23528"},
		{"FilesAreMissing", good, app.Python{Script: "main.py", Files: []string{"dep", "nothing"}}, "has no nothing, which the key pyFiles"},
		{"ArchiveIsMissing", good, app.Python{Script: "main.py", Archives: []string{"nothing.zip#data"}}, "has no nothing.zip, which the key pyArchives"},
		{"LeadsOut", write(t, pack(t, "main.py", "", "../evil.py", "")), app.Python{Script: "main.py"}, "leads out"},
		{"LeadsOutAbsolutely", write(t, pack(t, "main.py", "", "/etc/evil", "")), app.Python{Script: "main.py"}, "leads out"},
		{"NoArchive", write(t, []byte("print(1)")), app.Python{Script: "main.py"}, "not a zip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			switch err := flink.CheckPython(c.path, c.options); {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
	if err := flink.CheckPython(good, app.Python{Script: "main.py", Jar: "lib/old.jar"}); !errors.Is(err, flink.ErrUnsupportedConnector) {
		t.Errorf("%v is not ErrUnsupportedConnector", err)
	}
}

func TestRunPython(t *testing.T) {
	run := flink.Run{JobID: "1"}
	run.RunPython(app.Python{Script: "src/main.py", Files: []string{"dep", "u.py"}, Archives: []string{"d.zip#data"}}, "/code")
	want := flink.Run{JobID: "1", EntryClass: flink.PythonDriver, Arguments: []string{"-py", "/code/src/main.py"},
		Configuration: map[string]string{"python.files": "/code/dep,/code/u.py", "python.archives": "/code/d.zip#data"}}
	if !reflect.DeepEqual(run, want) {
		t.Errorf("got %+v, want %+v", run, want)
	}
}

func TestUnpackPython(t *testing.T) {
	dir := t.TempDir()
	if err := flink.UnpackPython(write(t, pack(t, "main.py", "print(1)", "dep/", "", "dep/a/b.py", "x = 1", "./c.py", "c")), dir); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(filepath.Join(dir, path))
		got[path] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"main.py": "print(1)", "dep/a/b.py": "x = 1", "c.py": "c"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzPython feeds archives that a caller may send. Whatever passes the check can be unpacked, stays in its folder, and has
// the script; whatever is refused is refused without a panic.
func FuzzPython(f *testing.F) {
	f.Add(pack(f, "main.py", "print(1)", "lib/all.jar", string(pack(f, "A.class", ""))), "main.py", "lib/all.jar", "lib")
	f.Add(pack(f, "../main.py", "print(1)"), "../main.py", "", "")
	f.Add(pack(f, "a/main.py", "print(1)", "a", "a file and a folder"), "a/main.py", "a", "a")
	f.Fuzz(func(t *testing.T, body []byte, script, jar, files string) {
		path := write(t, body)
		options := app.Python{Script: script, Jar: jar, Files: []string{files}}
		if flink.CheckPython(path, options) != nil {
			return
		}
		parent := t.TempDir()
		dir := filepath.Join(parent, "code")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := flink.UnpackPython(path, dir); err == nil {
			if _, err := os.Lstat(filepath.Join(dir, script)); err != nil {
				t.Error(err)
			}
		}
		if all, _ := os.ReadDir(parent); len(all) != 1 {
			t.Errorf("the archive has written beside its folder: %v", all)
		}
	})
}
