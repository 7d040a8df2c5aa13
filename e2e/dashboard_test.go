package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDashboard opens the link of CreateApplicationPresignedUrl like a browser, and asks Flink through it.
func TestDashboard(t *testing.T) {
	s := serve(t)
	s.makeRole("app")
	a := s.create("steady", createOptions{jar: jar("test-steady.jar")})
	presign := []string{"kinesisanalyticsv2", "create-application-presigned-url", "--application-name", a.name, "--url-type", "FLINK_DASHBOARD_URL"}
	s.refused("ResourceInUseException", []string{"READY"}, presign...)
	a.run()
	link := s.aws(append(presign, "--query", "AuthorizedUrl", "--output", "text")...)
	cookies, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: cookies}
	ask := func(method, url, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(answer)
	}
	if status, page := ask("GET", link, ""); status != http.StatusOK || !strings.Contains(page, "<flink-root>") {
		t.Fatalf("the dashboard answers %d: %s", status, page)
	}
	home, _, _ := strings.Cut(link, "?")
	if status, jobs := ask("GET", home+"/jobs/overview", ""); status != http.StatusOK || !strings.Contains(jobs, `"name":"Steady"`) {
		t.Errorf("the jobs are %d: %s", status, jobs)
	}
	a.hidesItsToken()
	if status, config := ask("GET", home+"/jobmanager/config", ""); status != http.StatusOK || !strings.Contains(config, `{"key":"metrics.reporter.influx.db","value":"******"}`) {
		t.Errorf("the configuration is %d: %s", status, config)
	}
	page := s.rendered(link)
	for _, text := range []string{"Running Jobs", "Steady", "Available Task Slots"} {
		if !strings.Contains(page, text) {
			t.Errorf("the dashboard does not show %q: %.4000s", text, page)
		}
	}
	if strings.Contains(page, "Submit New Job") {
		t.Error("the dashboard offers to submit a job")
	}
	if status, _ := ask("POST", home+"/jars/x/run", "{}"); status != http.StatusForbidden {
		t.Errorf("a submission answers %d", status)
	}
	if a.status() != "RUNNING" {
		t.Errorf("the application is %s", a.status())
	}
}

// browser is Chromium, or what is like it.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no Chromium; scripts/setup.sh tests installs it")
	return ""
}

// rendered is what a page shows in a browser, as HTML. A screenshot of it stays in .cache/e2e. A browser that hangs, as headless
// ones now and then do on busy machines, is given up after a while, and another one begins.
func (s *server) rendered(link string) string {
	s.t.Helper()
	for range 3 {
		if page, err := s.render(link); err == nil {
			return page
		} else if !errors.Is(err, context.DeadlineExceeded) {
			s.t.Fatal(err)
		}
	}
	s.t.Fatal("three browsers in a row hung")
	return ""
}

func (s *server) render(link string) (string, error) {
	picture := filepath.Join(cache, "e2e", "dashboard.png")
	ctx, cancel := context.WithTimeout(s.t.Context(), 45*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser(s.t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
		"--user-data-dir="+s.t.TempDir(), "--window-size=1400,900", "--virtual-time-budget=5000", "--timeout=20000", "--dump-dom", "--screenshot="+picture, link)
	cmd.WaitDelay = time.Second // its children hold on to its output
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	page, err := cmd.Output()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("chromium: %w\n%s", err, stderr.String())
	}
	if i, err := os.Stat(picture); err != nil || i.Size() < 10_000 {
		return "", fmt.Errorf("the screenshot is %v: %w", i, err)
	}
	return string(page), nil
}

// hidesItsToken looks for the token that gets credentials of the application's role, in whatever its processes have written.
func (a application) hidesItsToken() {
	a.t.Helper()
	arn := "arn:aws:kinesisanalytics:us-east-1:123456789012:application/" + a.name
	token := []byte(base64.RawURLEncoding.EncodeToString([]byte(arn)) + ".") // as it begins
	read, found := 0, regexp.MustCompile(`Loading configuration property: metrics\.reporter\.influx\.db, [0-9a-f]{64}`)
	logs, err := filepath.Glob(filepath.Join(a.data, "clusters", "*", "log", "*"))
	if err != nil {
		a.t.Fatal(err)
	}
	for _, file := range logs {
		body, err := os.ReadFile(file)
		if err != nil {
			a.t.Fatal(err)
		}
		if bytes.Contains(body, token) {
			a.t.Errorf("%s holds the token", file)
		}
		if found.Match(body) {
			read++
		}
	}
	if read == 0 {
		a.t.Error("no log shows the configuration")
	}
}
