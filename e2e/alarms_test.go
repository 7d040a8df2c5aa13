package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// TestAlarmsPage runs the commands of docs/alarms.md, receives the message that they send, and lets an alarm scale.
func TestAlarmsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "alarms.md"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, block := range shellBlock.FindAllStringSubmatch(string(page), -1) {
		script.WriteString(block[1])
	}
	messages := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // an unreadable one is missed below
		messages <- string(body)
	}))
	defer receiver.Close()
	p := newProvider(serve(t, "--alarm-webhook", "ops="+receiver.URL))
	p.prepareCode()
	p.create(base("order-processor"), false)
	out, err := p.sh("set -e\n" + script.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"order-processor watermarks", "Unchecked: Initial alarm creation", "Alarm updated from INSUFFICIENT_DATA to ALARM"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	behind, err := p.sh(`aws cloudwatch describe-alarms --alarm-names "order-processor behind" --query 'MetricAlarms[].Dimensions[].Name' --output text`)
	p.must(err)
	same(p, "the dimensions of millisBehindLatest", strings.TrimSpace(behind), "Application\tId\tFlow")
	p.receives(messages)
	p.scales()
}

// receives waits for the message of the alarm that the page turns on.
func (p *provider) receives(messages <-chan string) {
	p.t.Helper()
	select {
	case body := <-messages:
		var envelope struct{ Type, Subject, Message string }
		var message struct{ AlarmName, NewStateValue string }
		if json.Unmarshal([]byte(body), &envelope) != nil || json.Unmarshal([]byte(envelope.Message), &message) != nil {
			p.t.Errorf("the message is %s", body)
		}
		same(p, "the subject", envelope.Subject, `ALARM: "order-processor down" in US East (N. Virginia)`)
		same(p, "the message", message.AlarmName+", "+message.NewStateValue, "order-processor down, ALARM")
	case <-time.After(20 * time.Second):
		p.t.Error("no message arrives")
	}
}

// scales turns the alarm on that doubles the parallelism, and then one whose role may not.
func (p *provider) scales() {
	p.t.Helper()
	parallelism := func() int32 {
		out, err := p.flink.DescribeApplication(p.t.Context(), &flink.DescribeApplicationInput{ApplicationName: new("order-processor")})
		p.must(err)
		return *out.ApplicationDetail.ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription.ParallelismConfigurationDescription.Parallelism
	}
	turn := func(state string) {
		p.aws("cloudwatch", "set-alarm-state", "--alarm-name", "order-processor busy", "--state-value", state, "--state-reason", "a test")
	}
	before := parallelism()
	turn("ALARM")
	p.await("the application has scaled", 20*time.Second, func() bool { return parallelism() == 2*before })
	p.aws("iam", "delete-role-policy", "--role-name", "scaler", "--policy-name", "scale")
	turn("OK")
	turn("ALARM")
	p.await("the history tells what was denied", 20*time.Second, func() bool {
		return strings.Contains(p.aws("cloudwatch", "describe-alarm-history", "--alarm-name", "order-processor busy", "--history-item-type", "Action"), "not authorized to perform: kinesisanalytics:DescribeApplication")
	})
	same(p, "the parallelism", parallelism(), 2*before)
}
