package flink

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func class(version byte) string { return "\xCA\xFE\xBA\xBE\x00\x00\x00" + string(version) + "rest" }

func archive(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, body := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
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

// java11on17 is Flink 1.x here: documented for Java 11, run on 17.
var java11on17 = Java{Release: 11, ClassVersion: 61}

const manifest = "META-INF/MANIFEST.MF"

func TestCheckJarSaysWhatIsWrong(t *testing.T) {
	long := "orders." + strings.Repeat("deep.", 15) + "Main"
	properties := "META-INF/maven/org.apache.flink/flink-connector-kinesis_2.12/pom.properties"
	good := "Manifest-Version: 1.0\r\nMain-Class: orders.Main\r\n\r\n"
	for _, c := range []struct {
		name string
		jar  []byte
		says string // "" = it can run
	}{
		{"a text file", []byte("this is no archive\n"), "no zip archive|not a zip archive"},
		{"an empty file", nil, "not a zip archive"},
		{"no manifest", archive(t, map[string]string{"a.txt": "a"}), "no manifest"},
		{"no Main-Class", archive(t, map[string]string{manifest: "Manifest-Version: 1.0\n"}), "has no Main-Class"},
		{"Main-Class outside of the main section", archive(t, map[string]string{manifest: "Manifest-Version: 1.0\n\nName: x\nMain-Class: orders.Main\n"}), "has no Main-Class"},
		{"a main class that is missing", archive(t, map[string]string{manifest: good}), "does not hold it"},
		{"a main class that is none", archive(t, map[string]string{manifest: good, "orders/Main.class": "text"}), "no Java class"},
		{"Java 11", archive(t, map[string]string{manifest: good, "orders/Main.class": class(55)}), ""},
		{"Java 17", archive(t, map[string]string{manifest: good, "orders/Main.class": class(61)}), ""},
		{"Java 21", archive(t, map[string]string{manifest: good, "orders/Main.class": class(65)}), "Compile for Java 11"},
		{"a name on two lines", archive(t, map[string]string{
			manifest: "Main-Class: " + long[:40] + "\r\n " + long[40:] + "\r\n", strings.ReplaceAll(long, ".", "/") + ".class": class(55)}), ""},
		{"a connector that loses records", archive(t, map[string]string{manifest: good, "orders/Main.class": class(55), properties: "artifactId=flink-connector-kinesis\nversion=1.14.6\n"}), "1.14.6"},
		{"the oldest good connector", archive(t, map[string]string{manifest: good, "orders/Main.class": class(55), properties: "version=1.15.2\n"}), ""},
		{"the guide's connector", archive(t, map[string]string{manifest: good, "orders/Main.class": class(55), properties: "version=4.2.0-1.18\n"}), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckJar(write(t, c.jar), java11on17)
			if c.says == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			for want := range strings.SplitSeq(c.says, "|") {
				if err != nil && strings.Contains(err.Error(), want) {
					return
				}
			}
			t.Errorf("got %v, expected %q", err, c.says)
		})
	}
}

// The limit is the runtime's, to the version.
func TestClassVersionIsTheRuntimes(t *testing.T) {
	jar := write(t, archive(t, map[string]string{manifest: "Main-Class: M\n", "M.class": class(61)}))
	for limit, good := range map[int]bool{55: false, 60: false, 61: true, 65: true} {
		err := CheckJar(jar, Java{Release: limit - 44, ClassVersion: limit})
		if (err == nil) != good {
			t.Errorf("class files up to %d: %v", limit, err)
		}
	}
}

func TestOldConnectorIsNamed(t *testing.T) {
	err := CheckJar(write(t, archive(t, map[string]string{manifest: "Main-Class: M\n", "M.class": class(55), connectorProperties + "/pom.properties": "version=1.13.2\n"})), java11on17)
	if !errors.Is(err, ErrUnsupportedConnector) {
		t.Errorf("got %v", err)
	}
}

func FuzzCheckJar(f *testing.F) {
	f.Add([]byte("no archive"))
	f.Add(archive(f, map[string]string{manifest: "Main-Class: orders.Main\n", "orders/Main.class": class(55)}))
	f.Add(archive(f, map[string]string{manifest: "Main-Class: ../../etc\n"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := CheckJar(write(t, b), java11on17); err == nil && !bytes.Contains(b, []byte("PK")) {
			t.Error("accepted what is no archive")
		}
	})
}
