// Package scrape shows the newest numbers of all metrics to Prometheus. Names are those of Prometheus' exporter for
// CloudWatch, so that its dashboards fit: aws_kinesisanalytics_uptime_average{application="…"}. It answers callers on this
// machine alone, because nobody signs a scrape; and it never keeps a number for itself.
package scrape

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Sample is the newest minute of a metric.
type Sample struct {
	Account, Region, Namespace, Name string
	Dimensions                       [][2]string
	Count, Sum, Min, Max             float64
}

// Config is what a Handler needs.
type Config struct {
	// Newest gives the samples of the time before now, until yield wants no more.
	Newest func(ctx context.Context, before time.Duration, yield func(Sample) bool) error
	Log    *slog.Logger
}

const (
	recent    = 5 * time.Minute // a metric that is silent for longer is not shown
	maxSeries = 20000           // of one scrape
	timeout   = 20 * time.Second
)

// Handler answers scrapes.
func Handler(c Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			http.Error(w, "metrics are shown to callers on this machine; let a Prometheus agent run here", http.StatusForbidden)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(&collector{c, ctx})
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: logger{c.Log}, ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
	})
}

type logger struct{ log *slog.Logger }

// Println takes what a scrape could not show: two metrics of one name, most often.
func (l logger) Println(v ...any) { l.log.Warn("scrape", "error", v) }

// collector lives for one scrape.
type collector struct {
	Config
	ctx context.Context
}

// Describe says nothing: the metrics are those that are there.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

var leftOut = prometheus.NewDesc("drey_metrics_left_out", "1 if there are more metrics than a scrape shows.", nil, nil)

// Collect shows each metric by five statistics.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	shown, more := 0, 0.0
	err := c.Newest(c.ctx, recent, func(s Sample) bool {
		if shown++; shown > maxSeries {
			more = 1
			return false
		}
		s.collect(out)
		return true
	})
	if err != nil {
		out <- prometheus.NewInvalidMetric(leftOut, err)
		return
	}
	out <- prometheus.MustNewConstMetric(leftOut, prometheus.GaugeValue, more)
}

func (s Sample) collect(out chan<- prometheus.Metric) {
	labels, values := []string{"account_id", "region"}, []string{s.Account, s.Region}
	for _, d := range s.Dimensions {
		labels, values = append(labels, snake(d[0])), append(values, d[1])
	}
	name := snake(strings.ReplaceAll(strings.ToLower(s.Namespace), "/", "_")) + "_" + snake(s.Name)
	for statistic, v := range map[string]float64{"average": s.Sum / s.Count, "sum": s.Sum, "minimum": s.Min, "maximum": s.Max, "sample_count": s.Count} {
		d := prometheus.NewDesc(name+"_"+statistic, "CloudWatch metric "+s.Namespace+" "+s.Name+", "+statistic+" of the last whole minute.", labels, nil)
		m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, v, values...)
		if err != nil {
			m = prometheus.NewInvalidMetric(d, err)
		}
		out <- m
	}
}

var (
	hump    = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	foreign = regexp.MustCompile(`[^a-zA-Z0-9_]+`)
)

// snake spells a name as Prometheus does: numRecordsIn is num_records_in.
func snake(s string) string {
	s = strings.ToLower(foreign.ReplaceAllString(hump.ReplaceAllString(s, "${1}_${2}"), "_"))
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "_" + s
	}
	return s
}
