package e2e

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
	if status, _ := ask("POST", home+"/jars/x/run", "{}"); status != http.StatusForbidden {
		t.Errorf("a submission answers %d", status)
	}
	if a.status() != "RUNNING" {
		t.Errorf("the application is %s", a.status())
	}
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
