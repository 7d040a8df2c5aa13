package flink_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"drey/flink"
)

const traceback = `Traceback (most recent call last):
  File "/code/main.py", line 9, in <module>
    plan()
    ^^^^^^
  File "/code/main.py", line 5, in plan
    raise ValueError("no orders")
ValueError: no orders`

// jobManagerLog is the log of a JobManager whose PythonDriver repeats lines.
func jobManagerLog(t *testing.T, lines ...string) string {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		logger, message := flink.PythonDriver, line
		if other, rest, ok := strings.Cut(line, "|"); ok {
			logger, message = other, rest
		}
		raw, err := json.Marshal(map[string]string{"logger": logger, "message": message})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(raw, '\n'))
	}
	return b.String()
}

func TestScriptOutput(t *testing.T) {
	log := jobManagerLog(t, "--- Python Process Started ---", "of a script before", "--- Python Process Exited ---", "org.apache.flink.X|unrelated "+flink.PythonDriver,
		"--- Python Process Started ---", "main begins", "Traceback", "--- Python Process Exited ---", "Run python process failed")
	got, err := flink.ScriptOutput(strings.NewReader("no JSON\n" + log))
	if err != nil || got != "main begins\nTraceback" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestScriptReason(t *testing.T) {
	for _, c := range []struct{ name, output, want string }{
		{"Raises", "main begins\n" + traceback + "\n", "ValueError: no orders\n  File \"/code/main.py\", line 9"},
		{"RaisesWhileHandling", traceback + "\n\nDuring handling of the above exception, another exception occurred:\n\n" + strings.ReplaceAll(traceback, "no orders", "really"),
			"ValueError: really\n"},
		{"MessageOfSeveralLines", traceback + "\nand no customers", "ValueError: no orders\nand no customers\n"},
		{"SyntaxError", "  File \"main.py\", line 1\n    def\n       ^\nSyntaxError: invalid syntax\n", "SyntaxError: invalid syntax\n"},
		{"SystemExit", "usage: main.py\nwrong arguments", "wrong arguments\nusage"},
		{"CutTraceback", "Traceback (most recent call last):\n  File", "  File\nTraceback"},
		{"DeepTraceback", strings.Replace(traceback, "    ^^^^^^\n", strings.Repeat("  File \"/a.py\", line 1, in a\n", 7)+strings.Repeat("  File \"/b.py\", line 1, in b\n    b()\n", 7), 1),
			"ValueError: no orders\n  File \"/b.py\""},
		{"ThrownByJava", strings.ReplaceAll(traceback, "ValueError: no orders", "py4j.protocol.Py4JJavaError: An error occurred while calling o0.execute.\n"+
			": org.apache.flink.util.FlinkException: failed\n\tat a.B.c(B.java:1)\nCaused by: java.lang.IllegalStateException: no orders\n\tat d.E.f(E.java:2)\n"),
			"java.lang.IllegalStateException: no orders\n\tat d.E.f(E.java:2)\nwrapped in"},
		{"Nothing", "\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := flink.ScriptReason(c.output)
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestRootCauseOfWorker: a worker's traceback comes as the message of a Java exception.
func TestRootCauseOfWorker(t *testing.T) {
	trace := "java.lang.RuntimeException: Error while waiting for BeamPythonFunctionRunner flush\n\tat org.apache.flink.A.b(A.java:1)\n" +
		"Caused by: java.lang.RuntimeException: Failed to close remote bundle\n\tat org.apache.flink.C.d(C.java:2)\n" +
		"Caused by: java.util.concurrent.ExecutionException: java.lang.RuntimeException: Error received from SDK harness for instruction 3: " + traceback +
		"\n\n\tat java.base/E.f(E.java:3)\n\t... 3 more\n" +
		"Caused by: java.lang.RuntimeException: Error received from SDK harness for instruction 3: " + traceback + "\n\n\tat org.apache.beam.G.h(G.java:4)\n"
	got := flink.RootCause(trace)
	if !strings.HasPrefix(got, "ValueError: no orders\n  File \"/code/main.py\"") {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(got, "wrapped in/caused by: java.lang.RuntimeException: Error while waiting") {
		t.Errorf("%q does not say where Java found it", got)
	}
}

func TestScriptError(t *testing.T) {
	refused := &flink.RESTError{Status: 500, Errors: []string{"Internal server error.", "java.lang.RuntimeException: Python process exits with code: 1"}}
	if !flink.ScriptEnded(refused) || flink.ScriptEnded(errors.New("connection refused")) || flink.ScriptEnded(nil) {
		t.Error("ScriptEnded does not tell exit codes from other failures")
	}
	err := fmt.Errorf("submit: %w", &flink.ScriptError{Reason: "ValueError: no orders", Err: refused})
	if got := flink.Failure(err); got != "ValueError: no orders" {
		t.Errorf("got %q", got)
	}
}
