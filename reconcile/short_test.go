package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestShortDenial: whatever is long, what stays of names, actions, ARNs and statements is whole.
func TestShortDenial(t *testing.T) {
	const class = "org.apache.flink.kinesis.shaded.model.AccessDeniedException: "
	for what, c := range map[string]struct {
		class, role, resource string
		want                  string // with %[1]s role, %[2]s resource
	}{
		"Reason": {class, "FlinkApplicationRole", "arn:aws:kinesis:us-east-1:123456789012:stream/" + strings.Repeat("o", 20),
			`AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/%[1]s/s is not authorized to perform: kinesis:Get on resource: %[2]s. This statement in a policy of role %[1]s would allow it: {"Effect":"Allow","Action":"kinesis:Get","Resource":"%[2]s"}`},
		"Class": {class + "once again: ", strings.Repeat("r", 64), "arn:aws:kinesis:us-east-1:123456789012:stream/${*}" + strings.Repeat("o", 20),
			`User: arn:aws:sts::123456789012:assumed-role/%[1]s/s is not authorized to perform: kinesis:Get on resource: %[2]s. This statement in a policy of role %[1]s would allow it: {"Effect":"Allow","Action":"kinesis:Get","Resource":"%[2]s"}`},
		"Resource": {class, strings.Repeat("r", 64), "arn:aws:kinesis:us-east-1:123456789012:stream/" + strings.Repeat("o", 90),
			`User: arn:aws:sts::123456789012:assumed-role/%[1]s/s is not authorized to perform: kinesis:Get. This statement in a policy of role %[1]s would allow it: {"Effect":"Allow","Action":"kinesis:Get","Resource":"%[2]s"}`},
		"Statement": {class, strings.Repeat("r", 64), "arn:aws:s3:::b/" + strings.Repeat("o", 250),
			`AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/%[1]s/s is not authorized to perform: kinesis:Get on resource: %[2]s…`},
		"Who": {class, strings.Repeat("r", 64), "arn:aws:s3:::b/" + strings.Repeat("o", 400), "not authorized to perform: kinesis:Get on resource: %[2]s…"},
	} {
		t.Run(what, func(t *testing.T) {
			denial := c.class + fmt.Sprintf(`User: arn:aws:sts::123456789012:assumed-role/%[1]s/s is not authorized to perform: kinesis:Get on resource: %[2]s because no identity-based policy allows the kinesis:Get action. This statement in a policy of role %[1]s would allow it: {"Effect":"Allow","Action":"kinesis:Get","Resource":"%[2]s"}`, c.role, c.resource) +
				" (Service: Kinesis, Status Code: 400, Request ID: " + strings.Repeat("0", 150) + ")"
			want := strings.ReplaceAll(strings.ReplaceAll(c.want, "%[1]s", c.role), "%[2]s", c.resource)
			if got := short(denial); got != want || len(got) > maxError {
				t.Errorf("%d bytes: %s\nexpected %d: %s", len(got), got, len(want), want)
			}
		})
	}
}

func TestShortExplicitDenial(t *testing.T) {
	const head = "User: arn:aws:iam::123456789012:user/a is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k"
	if got := short(head + " with an explicit deny in an identity-based policy: " + strings.Repeat("p", 500) + ", statement 1"); got != head+"…" {
		t.Error(got)
	}
}

func TestShort(t *testing.T) {
	if got := short(strings.Repeat("é", 400)); len(got) > maxError || !utf8.ValidString(got) || !strings.HasSuffix(got, "é...") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if got := short("no such table"); got != "no such table" {
		t.Error(got)
	}
}

// TestShortTrace: what stays of a stack trace tells why, and as far as there is space where.
func TestShortTrace(t *testing.T) {
	const place = "\n\tat org.apache.flink.Where.was(Where.java:1)"
	places := strings.Repeat(place, 20) + "\n\tSuppressed: java.io.IOException: no\n\t\tat a.B.c(B.java:1)\n\t... 3 more"
	trace := func(middle string) string {
		return "org.apache.flink.Asynchronous: a timer" + places + "\nCaused by: a.b.Middle: " + middle + places + "\nCaused by: java.lang.Root: why\nand how" + places + "\n"
	}
	for text, want := range map[string]string{
		trace("between"):                                                   "Asynchronous: a timer\nCaused by: Middle: between\nCaused by: Root: why\nand how" + strings.Repeat(place, 9),
		trace(strings.Repeat("m", maxError)):                               "Asynchronous: a timer\nCaused by: Root: why\nand how" + strings.Repeat(place, 10),
		"java.lang.Root: why" + places:                                     "Root: why" + strings.Repeat(place, 11),
		strings.Repeat("\tat a.B.c", 100):                                  strings.Repeat("\tat a.B.c", 100)[:maxError-3] + "...",
		strings.Repeat("o", maxError+1):                                    strings.Repeat("o", maxError-3) + "...",
		strings.Repeat("o", maxError) + "\nCaused by: java.lang.Root: why": "Root: why",
	} {
		if got := short(text); got != want || len(got) > maxError {
			t.Errorf("%d bytes: %q, expected %q", len(got), got, want)
		}
	}
}
