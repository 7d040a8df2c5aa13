package flink

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

const maxFrames = 8

// wrapper matches the exceptions that only say that another one happened.
var wrapper = regexp.MustCompile(`^(?:java\.util\.concurrent\.(?:Completion|Execution)Exception|java\.lang\.reflect\.InvocationTargetException|` +
	`org\.apache\.flink\.(?:client\.program\.ProgramInvocationException|runtime\.JobException|util\.(?:FlinkException|FlinkRuntimeException|SerializedThrowable)|` +
	`runtime\.rest\.handler\.RestHandlerException|runtime\.client\.JobSubmissionException|runtime\.client\.JobExecutionException|util\.concurrent\.FutureUtils\$RetryException)|` +
	`java\.lang\.RuntimeException: (?:java|org|com|software)\.)`)

// answered matches what an AWS SDK makes of a service's refusal: what is above only passes it on, what is below is plumbing.
var answered = regexp.MustCompile(`\(Service: [^;,)]+[;,] Status Code: \d+`)

// RootCause turns a Java stack trace round: the innermost cause first, with its first frames, then what it was wrapped
// in. Whoever reads only the beginning reads the reason.
func RootCause(trace string) string {
	trace = strings.TrimSpace(trace)
	if trace == "" {
		return ""
	}
	blocks := causes(trace)
	root := rootOf(blocks)
	out := pythonReason(head(blocks[root])) // of a worker
	if out == "" {
		out = firstFrames(blocks[root])
	}
	for i, b := range blocks {
		if i != root && !strings.Contains(head(b), tracebackHead) {
			out += "\nwrapped in/caused by: " + head(b)
		}
	}
	return out
}

// rootOf picks the block that tells the reason: what AWS answered, what a Python worker raised, or the first that is no
// wrapper, which is the user's; the deepest may be plumbing of the network.
func rootOf(blocks []string) int {
	last := len(blocks) - 1
	for i := last; i >= 0; i-- {
		if h := head(blocks[i]); answered.MatchString(h) || strings.Contains(h, tracebackHead) {
			return i
		}
	}
	root := slices.IndexFunc(blocks, func(b string) bool { return !wrapper.MatchString(head(b)) })
	if root < 0 || strings.Contains(head(blocks[root]), head(blocks[last])) {
		return last
	}
	return root
}

// causes splits a trace at its "Caused by" lines.
func causes(trace string) []string {
	var blocks []string
	for _, line := range strings.Split(trace, "\n") {
		line = strings.TrimRight(line, "\r")
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "Caused by: "); ok {
			blocks = append(blocks, rest)
		} else if len(blocks) == 0 {
			blocks = append(blocks, line)
		} else {
			blocks[len(blocks)-1] += "\n" + line
		}
	}
	return blocks
}

// head is the exception without its frames; its message may have several lines.
func head(block string) string {
	var lines []string
	for _, line := range strings.Split(block, "\n") {
		if t := strings.TrimSpace(line); strings.HasPrefix(t, "at ") || strings.HasPrefix(t, "... ") {
			break
		}
		lines = append(lines, line)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func firstFrames(block string) string {
	out, frames := head(block), 0
	for _, line := range strings.Split(block, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "at ") && frames < maxFrames {
			out += "\n\t" + strings.TrimSpace(line)
			frames++
		}
	}
	return out
}

// Failure gives the reason of a refused call as RootCause does.
func Failure(err error) string {
	var script *ScriptError
	if errors.As(err, &script) {
		return script.Reason
	}
	var refused *RESTError
	if !errors.As(err, &refused) || len(refused.Errors) == 0 {
		return err.Error()
	}
	return RootCause(afterServerLine(refused.Errors[len(refused.Errors)-1]))
}

// afterServerLine drops the line that says that the trace came from the server.
func afterServerLine(s string) string {
	if _, rest, ok := strings.Cut(s, "<Exception on server side:\n"); ok {
		return strings.TrimSuffix(strings.TrimSpace(rest), "End of exception on server side>")
	}
	return s
}
