package flink

import (
	"errors"
	"strings"
	"testing"
)

const denied = "User: arn:aws:sts::123456789012:assumed-role/app/s is not authorized to perform: kinesis:DescribeStreamSummary on resource: " +
	"arn:aws:kinesis:us-east-1:123456789012:stream/in because no identity-based policy allows the kinesis:DescribeStreamSummary action"

func TestRootCauseBeginsWithTheReason(t *testing.T) {
	for _, c := range []struct{ name, trace, begins string }{
		{"nothing", " \n", ""},
		{"one exception", "java.lang.IllegalStateException: no orders\n\tat a.B.c(B.java:1)", "java.lang.IllegalStateException: no orders\n\tat a.B.c(B.java:1)"},
		{"main() that throws", "java.util.concurrent.CompletionException: org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: no orders\n" +
			"\tat x.Y.z(Y.java:1)\nCaused by: org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: no orders\n\t... 2 more\n" +
			"Caused by: java.lang.IllegalStateException: no orders\n\tat jars.Throwing.main(Throwing.java:9)\n\t... 7 more", "java.lang.IllegalStateException: no orders\n\tat jars.Throwing.main"},
		{"a denial, its whole text first", "org.apache.flink.runtime.JobException: Recovery is suppressed by FixedDelayRestartBackoffTimeStrategy\n\tat a.B.c(B.java:1)\n" +
			"Caused by: java.lang.RuntimeException: org.apache.flink.kinesis.shaded.software.amazon.awssdk.services.kinesis.model.AccessDeniedException: " + denied + "\n\tat d.E.f(E.java:2)\n" +
			"Caused by: org.apache.flink.kinesis.shaded.software.amazon.awssdk.services.kinesis.model.AccessDeniedException: " + denied + "\n\tat g.H.i(H.java:3)",
			"org.apache.flink.kinesis.shaded.software.amazon.awssdk.services.kinesis.model.AccessDeniedException: " + denied},
		{"a denial that a connector passes on", "org.apache.flink.streaming.connectors.kinesis.util.RegistrarException: Error registering stream: in\n\tat a.B.c(B.java:1)\n" +
			"Caused by: software.amazon.awssdk.services.kinesis.model.AccessDeniedException: " + denied + " (Service: Kinesis, Status Code: 400, Request ID: 1)\n\tat d.E.f(E.java:2)\n" +
			"Caused by: java.io.IOException: closed", "software.amazon.awssdk.services.kinesis.model.AccessDeniedException: " + denied},
		{"a user's exception with plumbing below", "org.apache.flink.util.FlinkException: failed\nCaused by: orders.Unreachable: the shop does not answer\n\tat o.P.q(P.java:1)\n" +
			"Caused by: java.net.ConnectException: Connection refused", "orders.Unreachable: the shop does not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := RootCause(c.trace); !strings.HasPrefix(got, c.begins) || c.begins == "" && got != "" {
				t.Errorf("got %q, expected it to begin with %q", got, c.begins)
			}
		})
	}
}

func TestRootCauseNamesEveryCause(t *testing.T) {
	got := RootCause("a.A: one\n\tat x\nCaused by: b.B: two\nCaused by: c.C: three")
	for _, want := range []string{"one", "two", "three"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not hold %q", got, want)
		}
	}
}

func TestFailureReadsWhatTheServerSays(t *testing.T) {
	err := &RESTError{Status: 500, Errors: []string{"Internal server error.", "<Exception on server side:\njava.util.concurrent.CompletionException: x.Y: why\nCaused by: x.Y: why\n\tat x.Y.z(Y.java:1)\n\nEnd of exception on server side>"}}
	if got := Failure(err); !strings.HasPrefix(got, "x.Y: why") || strings.Contains(got, "End of exception") {
		t.Errorf("got %q", got)
	}
	if got := Failure(errors.New("connection refused")); got != "connection refused" {
		t.Errorf("got %q", got)
	}
}

func FuzzRootCause(f *testing.F) {
	f.Add("a.A: x\n\tat b\nCaused by: c.C: y\n\t... 2 more")
	f.Add("Caused by: ")
	f.Add("\n\nCaused by: \r\n\tat ")
	f.Fuzz(func(t *testing.T, trace string) {
		got := RootCause(trace)
		if again := RootCause(trace); got != again {
			t.Errorf("%q has two causes: %q and %q", trace, got, again)
		}
		if len(got) > 2*len(trace)+len("\nwrapped in/caused by: ")*(1+strings.Count(trace, "Caused by: ")) {
			t.Errorf("the cause of %q is longer than itself: %q", trace, got)
		}
	})
}
