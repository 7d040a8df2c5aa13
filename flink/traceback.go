package flink

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"strings"
)

const (
	tracebackHead = "Traceback (most recent call last):"
	processBegins = "Python Process Started" // PythonDriver's line before the script's first
	processEnds   = "Python Process Exited"
	maxLogLine    = 4 << 20
	lastLines     = 10 // of the output of a script that ends without a traceback
)

// ScriptError is the end of a Python script before it has handed over a job. PythonDriver knows the exit code alone; the reason
// is in what the script has written.
type ScriptError struct {
	Reason string // the exception first, then where it was raised
	Err    error  // Flink's answer
}

func (e *ScriptError) Error() string { return e.Reason }
func (e *ScriptError) Unwrap() error { return e.Err }

// ScriptEnded tells whether a submission has failed for the exit code of the script, and for nothing in Java.
func ScriptEnded(err error) bool {
	return err != nil && strings.Contains(err.Error(), "Python process exits with code")
}

// ScriptOutput gives what the last script of a JobManager has written, from the JSON lines of its log, where PythonDriver
// repeats it.
func ScriptOutput(log io.Reader) (string, error) {
	var out []string
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, maxLogLine)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), PythonDriver) {
			continue
		}
		var line struct{ Logger, Message string }
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Logger != PythonDriver {
			continue
		}
		switch {
		case strings.Contains(line.Message, processBegins):
			out = nil
		case !strings.Contains(line.Message, processEnds) && !strings.HasPrefix(line.Message, "Run python process failed"):
			out = append(out, line.Message)
		}
	}
	return strings.Join(out, "\n"), lines.Err()
}

// ScriptReason turns the output of a script round, so that it begins with the reason of its end; "" = it has written nothing.
func ScriptReason(output string) string {
	if reason := pythonReason(output); reason != "" {
		return reason
	}
	output = strings.TrimSpace(output)
	if output == "" {
		return ""
	}
	lines := strings.Split(output, "\n")
	last := len(lines) - 1
	return strings.Join(append([]string{lines[last]}, lines[max(0, last-lastLines):last]...), "\n")
}

// pythonReason finds the last traceback of a text and gives its exception, then its innermost frames; "" = there is none.
func pythonReason(text string) string {
	lines := strings.Split(text, "\n")
	begin := len(lines) - 1
	for begin >= 0 && !strings.Contains(lines[begin], tracebackHead) {
		begin--
	}
	if begin < 0 {
		return ""
	}
	end := begin + 1
	for end < len(lines) && (lines[end] == "" || lines[end][0] == ' ') {
		end++
	}
	reason := strings.TrimSpace(strings.Join(lines[end:], "\n"))
	if reason == "" {
		return ""
	}
	if _, thrown, ok := strings.Cut(reason, "\n: "); ok && strings.HasPrefix(reason, "py4j.protocol.Py4JJavaError") {
		return RootCause(thrown) // Java threw it
	}
	frames := slices.DeleteFunc(slices.Clone(lines[begin+1:end]), isMarker)
	frames = frames[max(0, len(frames)-2*maxFrames):]
	for len(frames) > 0 && !strings.HasPrefix(frames[0], "  File ") { // the rest of a frame that is left out
		frames = frames[1:]
	}
	return reason + "\n" + strings.Join(frames, "\n")
}

// isMarker tells lines that only underline the one before.
func isMarker(line string) bool { return strings.Trim(line, " ^~") == "" }
