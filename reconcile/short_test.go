package reconcile

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShort(t *testing.T) {
	const statement = `{"Effect":"Allow","Action":"kinesis:DescribeStreamSummary","Resource":"arn:aws:kinesis:us-east-1:123456789012:stream/orders-stream"}`
	denied := "org.apache.flink.kinesis.shaded.model.AccessDeniedException: User: " + strings.Repeat("arn:é", 90) + " is not authorized … would allow it: " + statement + " (Service: Kinesis)"
	got := short(denied)
	if len(got) > maxError || !utf8.ValidString(got) || !strings.HasPrefix(got, "AccessDeniedException: User: arn:é") || !strings.HasSuffix(got, "would allow it: "+statement) {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if got := short(strings.Repeat("é", 400)); len(got) > maxError || !utf8.ValidString(got) || !strings.HasSuffix(got, "é...") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if got := short("no such table"); got != "no such table" {
		t.Error(got)
	}
}
