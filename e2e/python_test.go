package e2e

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const pythonRuntime = "FLINK-1_20"

// pythonApp is a Python application to be made: files of e2e/python, and its property groups.
type pythonApp struct {
	files   []string
	extra   map[string][]byte // more files of the archive
	options map[string]string // run options
	groups  map[string]map[string]string
}

// pack makes the application's archive.
func (p pythonApp) pack(t *testing.T, name string) string {
	t.Helper()
	files := map[string][]byte{}
	for _, file := range p.files {
		body, err := os.ReadFile(filepath.Join(root, "e2e", "python", file))
		if err != nil {
			t.Fatal(err)
		}
		files[file] = body
	}
	for file, body := range p.extra {
		files[file] = body
	}
	path := filepath.Join(t.TempDir(), name+".zip")
	if err := os.WriteFile(path, zipped(t, files), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b strings.Builder
	w := zip.NewWriter(&b)
	for name, body := range files {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return []byte(b.String())
}

// arguments are those of create-application. The application logs to a stream of its name.
func (p pythonApp) arguments(s *server, name string) []string {
	s.t.Helper()
	groups := map[string]map[string]string{"kinesis.analytics.flink.run.options": p.options}
	for id, group := range p.groups {
		groups[id] = group
	}
	configuration := createOptions{checkpointInterval: 2 * time.Second, groups: groups}.configuration(s.upload(p.pack(s.t, name)))
	return []string{"kinesisanalyticsv2", "create-application", "--application-name", name, "--runtime-environment", pythonRuntime,
		"--service-execution-role", accountRole + "app", "--application-configuration", configuration,
		"--cloud-watch-logging-options", "LogStreamARN=arn:aws:logs:us-east-1:123456789012:log-group:python:log-stream:" + name}
}

func (s *server) createPython(name string, p pythonApp) application {
	s.t.Helper()
	s.aws("logs", "create-log-stream", "--log-group-name", "python", "--log-stream-name", name)
	s.aws(p.arguments(s, name)...)
	return application{s, name}
}

// logged waits until a line with the text has arrived in the application's log stream.
func (a application) logged(text string) {
	a.t.Helper()
	a.server.await("the log of "+a.name+" says "+text, time.Minute, func() bool {
		return a.aws("logs", "filter-log-events", "--log-group-name", "python", "--log-stream-names", a.name, "--filter-pattern", `"`+text+`"`,
			"--query", "length(events)") != "0"
	})
}

// servePython starts a server that can run Python applications, with a role and a log group for them.
func servePython(t *testing.T) *server {
	t.Helper()
	installRuntimes(t, pythonRuntime, "--python")
	s := serve(t)
	s.makeRole("app")
	s.aws("logs", "create-log-group", "--log-group-name", "python")
	return s
}

// wheel is a package of one module.
func wheel(t *testing.T) []byte {
	t.Helper()
	return zipped(t, map[string][]byte{
		"tinypackage.py":                     []byte("def shout(text):\n    return text.upper()\n"),
		"tinypackage-1.0.dist-info/METADATA": []byte("Metadata-Version: 2.1\nName: tinypackage\nVersion: 1.0\n"),
		"tinypackage-1.0.dist-info/WHEEL":    []byte("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
		"tinypackage-1.0.dist-info/RECORD":   []byte("tinypackage.py,,\ntinypackage-1.0.dist-info/METADATA,,\ntinypackage-1.0.dist-info/WHEEL,,\ntinypackage-1.0.dist-info/RECORD,,\n"),
	})
}

// remembering is stream.py with a greeter that first of all greets whom its state knows already.
func remembering(t *testing.T) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(root, "e2e", "python", "stream.py"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(
		"if count == 0:", "first, self.begun = not getattr(self, \"begun\", False), True\n        if first and count > 0:",
		`"%s %s from %s"`, `"%s again %s from %s"`,
	).Replace(string(body))
	return []byte(changed)
}

// TestPython runs the applications of a Python developer, from every run option and both APIs to a script that fails.
func TestPython(t *testing.T) {
	s := servePython(t)
	s.run("DataStream", func(t *testing.T) {
		p := pythonApp{
			files: []string{"stream.py", "words.py"},
			extra: map[string][]byte{
				"requirements.txt": []byte("tinypackage==1.0\n"), "wheels/tinypackage-1.0-py3-none-any.whl": wheel(t),
				"data.zip": zipped(t, map[string][]byte{"place.txt": []byte("the archive")}),
			},
			options: map[string]string{"python": "stream.py", "pyFiles": "words.py", "pyArchives": "data.zip#data"},
			groups:  map[string]map[string]string{"words": {"greeting": "a worker greets"}},
		}
		a := s.createPython("stream", p)
		a.run()
		a.logged("a worker greets number 1 from THE ARCHIVE")
		a.logged("main begins")
		p.files, p.extra["stream.py"] = []string{"words.py"}, remembering(t)
		a.settled(a.update(p.pack(t, "stream-2"), nil))
		a.logged("a worker greets again number")
		status, message := a.ended(a.operationOf(s.aws("kinesisanalyticsv2", "stop-application", "--application-name", a.name)))
		if status != "SUCCESSFUL" {
			t.Errorf("the stop is %s: %s", status, message)
		}
		if n := s.aws("kinesisanalyticsv2", "list-application-snapshots", "--application-name", a.name, "--query", "length(SnapshotSummaries)"); n != "2" {
			t.Errorf("the update and the stop have left %s snapshots", n)
		}
	})
	s.run("TableAPI", func(t *testing.T) {
		connectors, err := os.ReadFile(filepath.Join(example, "target", "order-processor-2.0.jar"))
		if err != nil {
			t.Fatal(err)
		}
		s.aws("kinesis", "create-stream", "--stream-name", "orders", "--shard-count", "1")
		s.aws("kinesis", "wait", "stream-exists", "--stream-name", "orders")
		a := s.createPython("table", pythonApp{
			files: []string{"table.py"}, extra: map[string][]byte{"lib/connectors.jar": connectors},
			options: map[string]string{"python": "table.py", "jarfile": "lib/connectors.jar"},
			groups:  map[string]map[string]string{"orders": {"stream": "orders", "path": "s3://code/out"}},
		})
		s.aws("kinesis", "put-record", "--stream-name", "orders", "--partition-key", "1",
			"--data", `{"id": 7, "customer": "ada"}`)
		a.run()
		s.await("the order is in the bucket", time.Minute, func() bool {
			out, err := s.sh(`aws s3 cp --recursive --quiet s3://code/out/ "$DIR" && cat "$DIR"/* || true`, "DIR="+t.TempDir())
			return err == nil && strings.Contains(out, `{"id":7,"customer":"ADA!"}`)
		})
		s.aws("kinesisanalyticsv2", "stop-application", "--application-name", a.name, "--force")
		a.awaitStatus("READY")
	})
	s.run("Failing", func(t *testing.T) {
		a := s.createPython("failing", pythonApp{files: []string{"failing.py"}, options: map[string]string{"python": "failing.py"}})
		status, message := a.ended(a.start())
		if status != "FAILED" || !strings.HasPrefix(message, "ValueError: this script has no orders to process\n") || !strings.Contains(message, "failing.py") {
			t.Errorf("the start is %s and says %q", status, message)
		}
		a.awaitStatus("READY")
	})
	s.run("WrongPath", func(t *testing.T) {
		p := pythonApp{files: []string{"failing.py"}, options: map[string]string{"python": "main.py"}}
		s.refused("CodeValidationException", []string{"s3://code/wrong.zip", "main.py", "kinesis.analytics.flink.run.options"}, p.arguments(s, "wrong")...)
		s.refused("ResourceNotFoundException", nil, "kinesisanalyticsv2", "describe-application", "--application-name", "wrong")
	})
}
