package e2e

import (
	"bufio"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestTailFollows runs `aws logs tail --follow`, which only version 2 of the AWS CLI has (scripts/setup.sh tests).
func TestTailFollows(t *testing.T) {
	s := serve(t)
	s.aws("logs", "create-log-group", "--log-group-name", "g")
	s.aws("logs", "create-log-stream", "--log-group-name", "g", "--log-stream-name", "s")
	put := func(message string) {
		s.aws("logs", "put-log-events", "--log-group-name", "g", "--log-stream-name", "s", "--log-events",
			fmt.Sprintf(`[{"timestamp":%d,"message":%q}]`, time.Now().UnixMilli(), message))
	}
	put("before")
	cmd := exec.CommandContext(t.Context(), "/usr/bin/aws", "--endpoint-url", s.getenv("AWS_ENDPOINT_URL"), "logs", "tail", "g", "--follow", "--format", "short")
	cmd.Env = s.env
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 16)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	shown := func(message string) {
		t.Helper()
		end := time.After(time.Minute)
		for {
			select {
			case line, open := <-lines:
				if strings.Contains(line, message) {
					return
				}
				if !open {
					t.Fatalf("aws logs tail ended before it showed %q", message)
				}
			case <-end:
				t.Fatalf("aws logs tail does not show %q", message)
			}
		}
	}
	shown("before")
	put("after")
	shown("after")
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // killed
}
