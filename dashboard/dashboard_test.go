package dashboard_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drey/dashboard"
	"drey/store/sql"
	"drey/wire"
)

var (
	orders   = dashboard.Application{Account: "123456789012", Region: "us-east-1", Name: "orders"}
	payments = dashboard.Application{Account: "123456789012", Region: "us-east-1", Name: "payments"}
)

// desk is a dashboard with a JobManager behind it and a browser in front of it.
type desk struct {
	*testing.T
	*dashboard.Dashboard
	server  *httptest.Server
	clock   time.Time
	running bool
	allowed bool
	asked   []string // of the JobManager
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), running: true, allowed: true}
	jm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.asked = append(d.asked, r.Method+" "+r.URL.RequestURI())
		if r.Header.Get("Cookie") != "" {
			t.Errorf("%s carries the cookie %s", r.URL, r.Header.Get("Cookie"))
		}
		body := map[string]string{
			"/config":            `{"refresh-interval":3000,"features":{"web-submit":true,"web-cancel":true,"web-rescale":true}}`,
			"/jobmanager/config": `[{"key":"metrics.reporter.influx.db","value":"the token"},{"key":"parallelism.default","value":"4"}]`,
		}[strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1"), "/jobs/1")]
		if body == "" {
			body = "flink"
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(jm.Close)
	db, err := sql.Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	d.Dashboard, err = dashboard.Open(t.Context(), dashboard.Config{
		DB: db, Prefix: "/d/", Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: func() time.Time { return d.clock },
		Address: func(context.Context, dashboard.Application) (string, error) {
			if !d.running {
				return "", dashboard.ErrNotRunning
			}
			return jm.URL, nil
		},
		Allowed: func(_ context.Context, p wire.Principal, _ dashboard.Application) error {
			if !d.allowed || p.ARN != "arn:me" {
				return errors.New("AccessDeniedException: no more")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.server = httptest.NewServer(d.Dashboard)
	t.Cleanup(func() {
		d.server.Close()
		if err := errors.Join(d.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return d
}

// url makes a link to a dashboard.
func (d *desk) url(a dashboard.Application) string {
	d.Helper()
	path, err := d.Issue(d.Context(), wire.Principal{ARN: "arn:me"}, a, time.Hour)
	if err != nil {
		d.Fatal(err)
	}
	return d.server.URL + path
}

func (d *desk) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func (d *desk) get(c *http.Client, method, url string) (status int, body string) {
	d.Helper()
	req, err := http.NewRequestWithContext(d.Context(), method, url, nil)
	if err != nil {
		d.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		d.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// wants asks for a page, which has to answer with a status and a text.
func (d *desk) wants(c *http.Client, method, url string, status int, text string) {
	d.Helper()
	if got, body := d.get(c, method, url); got != status || !strings.Contains(body, text) {
		d.Errorf("%s %s: %d %s, expected %d %s", method, url, got, body, status, text)
	}
}

func TestSession(t *testing.T) {
	d := newDesk(t)
	link, other := d.url(orders), d.url(payments)
	home := d.server.URL + "/d/123456789012/us-east-1/orders/flinkdashboard/"
	c := d.browser()
	d.wants(c, "GET", link, 200, "flink")
	d.wants(c, "GET", home+"jobs/overview?x=1", 200, "flink")
	if last := d.asked[len(d.asked)-1]; last != "GET /jobs/overview?x=1" {
		t.Errorf("the JobManager was asked %s", last)
	}
	d.clock = d.clock.Add(59 * time.Minute)
	d.wants(c, "GET", home, 200, "flink")
	d.wants(d.browser(), "GET", link, 200, "flink") // the same session elsewhere
	d.clock = d.clock.Add(2 * time.Minute)
	d.wants(c, "GET", home, 403, "This link has ended")
	d.wants(d.browser(), "GET", other, 403, "within three minutes")
}

func TestTokenInTheQuery(t *testing.T) {
	d := newDesk(t)
	link := d.url(orders)
	d.wants(&http.Client{}, "GET", strings.Replace(link, "flinkdashboard", "flinkdashboard/jobs", 1), 200, "flink")
	if last := d.asked[len(d.asked)-1]; last != "GET /jobs" {
		t.Errorf("the JobManager was asked %s: the token has to stay here", last)
	}
}

func TestRefusals(t *testing.T) {
	d := newDesk(t)
	link := d.url(orders)
	home := d.server.URL + "/d/123456789012/us-east-1/orders/flinkdashboard"
	c := d.browser()
	d.wants(c, "GET", home+"/", 403, "Ask for a new one")
	d.wants(c, "GET", home+"?authToken=guessed", 403, "Ask for a new one")
	d.wants(c, "GET", strings.Replace(link, "/orders/", "/payments/", 1), 403, "belongs to another application")
	d.wants(c, "GET", d.server.URL+"/d/elsewhere", 404, "")
	d.wants(c, "GET", link, 200, "flink")
	before := len(d.asked)
	for _, path := range []string{"/jars/a.jar/plan", "/v1/jars/a.jar/plan", "//jars//a.jar/plan", "/jars%2Fa.jar%2Fplan", "/jobs/1/yarn-cancel", "/jobmanager/logs", "/jobs/1/jobmanager/log-url", "/x/../jobs/1/yarn-stop"} {
		d.wants(c, "GET", home+path, 403, "read-only")
	}
	for _, method := range []string{"POST", "PATCH", "DELETE", "PUT"} {
		d.wants(c, method, home+"/jobs/1", 403, "read-only")
	}
	if len(d.asked) != before {
		t.Errorf("the JobManager was asked %v", d.asked[before:])
	}
	d.running = false
	d.wants(c, "GET", home+"/", 503, "is not running")
	d.running, d.allowed = true, false
	d.wants(c, "GET", home+"/", 403, "AccessDeniedException")
}

func TestAnswersAreReadOnlyAndHoldNoSecrets(t *testing.T) {
	d := newDesk(t)
	c := d.browser()
	home := d.server.URL + "/d/123456789012/us-east-1/orders/flinkdashboard"
	d.wants(c, "GET", d.url(orders), 200, "flink")
	for _, v := range []string{"", "/v1", "//v1/"} {
		d.wants(c, "GET", home+v+"/config", 200, `"features":{"web-cancel":false,"web-rescale":true,"web-submit":false}`)
		for _, of := range []string{"", "/jobs/1"} {
			d.wants(c, "GET", home+v+of+"/jobmanager/config", 200, `{"key":"metrics.reporter.influx.db","value":"******"},{"key":"parallelism.default","value":"4"}`)
		}
	}
}
