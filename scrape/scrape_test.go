package scrape

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func handler(t *testing.T, samples ...Sample) http.Handler {
	return Handler(Config{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Newest: func(_ context.Context, _ time.Duration, yield func(Sample) bool) error {
		for _, s := range samples {
			if !yield(s) {
				break
			}
		}
		return nil
	}})
}

// scrape asks as a caller at an address.
func scrape(h http.Handler, from string) (int, string) {
	r := httptest.NewRequest(http.MethodGet, "/_drey/metrics", nil)
	r.RemoteAddr, r.Host = from, "127.0.0.1:4566"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	b, err := io.ReadAll(w.Body)
	if err != nil {
		panic(err) // a buffer
	}
	return w.Code, string(b)
}

func TestScrape(t *testing.T) {
	h := handler(t,
		Sample{"123456789012", "us-east-1", "AWS/KinesisAnalytics", "numRecordsIn", [][2]string{{"Application", `a "b"`}}, 4, 10, 1, 5},
		Sample{"123456789012", "us-east-1", "Shop", "p99.orders", nil, 1, 2, 2, 2},
		Sample{"123456789012", "us-east-1", "Shop", "late", [][2]string{{"Region", "north"}}, 1, 2, 2, 2},
	)
	status, text := scrape(h, "127.0.0.1:1")
	for _, want := range []string{
		`aws_kinesisanalytics_num_records_in_average{account_id="123456789012",application="a \"b\"",region="us-east-1"} 2.5`,
		`aws_kinesisanalytics_num_records_in_sum{account_id="123456789012",application="a \"b\"",region="us-east-1"} 10`,
		`aws_kinesisanalytics_num_records_in_sample_count{`, `shop_p99_orders_maximum{account_id="123456789012",region="us-east-1"} 2`, "drey_metrics_left_out 0",
		`shop_late_sum{account_id="123456789012",dimension_region="north",region="us-east-1"} 2`,
		"# TYPE aws_kinesisanalytics_num_records_in_minimum gauge",
	} {
		if status != 200 || !strings.Contains(text, want) {
			t.Errorf("no %s in %d %s", want, status, text)
		}
	}
	if status, text := scrape(h, "192.0.2.1:1"); status != http.StatusForbidden || !strings.Contains(text, "this machine") {
		t.Errorf("a caller elsewhere: %d %s", status, text)
	}
}

// TestNamesOfOthersAreRefused has what a page sends whose name was made to lead to this machine.
func TestNamesOfOthersAreRefused(t *testing.T) {
	for host, want := range map[string]int{
		"127.0.0.1:4566": 200, "[::1]:4566": 200, "localhost": 200, "[::1]": 200, "rebound.example:4566": 403, "192.0.2.1": 403, "kinesis.us-east-1.amazonaws.com": 403, "": 403,
	} {
		r := httptest.NewRequest(http.MethodGet, "/_drey/metrics", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:1", host
		w := httptest.NewRecorder()
		handler(t).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d %s", host, w.Code, w.Body)
		}
	}
}

func TestWhatIsLeftOutIsTold(t *testing.T) {
	samples := make([]Sample, maxSeries+1)
	for i := range samples {
		samples[i] = Sample{"1", "r", "Shop", "orders", [][2]string{{"Task", strconv.Itoa(i)}}, 1, 1, 1, 1}
	}
	if _, text := scrape(handler(t, samples...), "127.0.0.1:1"); !strings.Contains(text, "drey_metrics_left_out 1") || strings.Count(text, "\nshop_orders_sum{") != maxSeries {
		t.Errorf("%d series", strings.Count(text, "\nshop_orders_sum{"))
	}
}

// TestOneBadMetricDoesNotHideOthers has two metrics that Prometheus would call by one name.
func TestOneBadMetricDoesNotHideOthers(t *testing.T) {
	_, text := scrape(handler(t,
		Sample{"1", "r", "Shop", "a.b", nil, 1, 1, 1, 1}, Sample{"1", "r", "Shop", "a-b", nil, 1, 2, 2, 2}, Sample{"1", "r", "Shop", "c", nil, 1, 3, 3, 3},
	), "127.0.0.1:1")
	if !strings.Contains(text, `shop_c_sum{account_id="1",region="r"} 3`) || strings.Count(text, "shop_a_b_sum{") != 1 {
		t.Error(text)
	}
}

func TestFailuresAreTold(t *testing.T) {
	h := Handler(Config{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Newest: func(context.Context, time.Duration, func(Sample) bool) error { return errors.New("the disk is gone") }})
	if status, text := scrape(h, "127.0.0.1:1"); status != 500 || !strings.Contains(text, "the disk is gone") {
		t.Errorf("%d %s", status, text)
	}
}

var (
	tableName = regexp.MustCompile(`name: "([A-Za-z_]+)"`)
	queryName = regexp.MustCompile(`\baws_[a-z0-9_]+`)
)

// TestGrafanaDashboard holds every query of the dashboard to what the endpoint shows of the metrics that applications have.
func TestGrafanaDashboard(t *testing.T) {
	var samples []Sample
	for _, file := range []string{"metrics_table.go", "metrics.go", "metrics_derived.go"} {
		source, err := os.ReadFile(filepath.Join("..", "telemetry", file))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, m := range append(tableName.FindAllStringSubmatch(string(source), -1), regexp.MustCompile(`"((?:container|down)[A-Za-z]+)"`).FindAllStringSubmatch(string(source), -1)...) {
			if !seen[m[1]] {
				seen[m[1]] = true
				samples = append(samples, Sample{"1", "r", "AWS/KinesisAnalytics", m[1], [][2]string{{"File", file}}, 1, 1, 1, 1})
			}
		}
	}
	_, text := scrape(handler(t, samples...), "127.0.0.1:1")
	raw, err := os.ReadFile(filepath.Join("..", "deploy", "grafana-dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Title      string
		Templating struct{ List []struct{ Query any } }
		Panels     []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &dashboard); err != nil || len(dashboard.Panels) == 0 {
		t.Fatalf("%v, %+v", err, dashboard)
	}
	names := queryName.FindAllString(string(raw), -1)
	if len(names) < len(dashboard.Panels) {
		t.Errorf("%d names in %d panels", len(names), len(dashboard.Panels))
	}
	for _, name := range names {
		if !strings.Contains(text, "\n"+name+"{") {
			t.Errorf("no metric is called %s", name)
		}
	}
}
