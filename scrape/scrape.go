// Package scrape shows the newest numbers of all metrics to Prometheus. Names are those of Prometheus' exporter for
// CloudWatch, so that its dashboards fit: aws_kinesisanalytics_uptime_average{application="…"}. It answers callers on this
// machine alone, because nobody signs a scrape; and it never keeps a number for itself. A dimension that would be called like the account, the
// region or another dimension gets "dimension_" before its name.
package scrape

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
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
	maxSeries = 50000           // of one scrape
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
		if !local(r.Host) {
			http.Error(w, "metrics are shown at this machine's loopback addresses and as localhost", http.StatusForbidden)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		registry := prometheus.NewRegistry()
		registry.MustRegister(&collector{Config: c, ctx: ctx, families: map[string]family{}})
		a := &answer{ResponseWriter: w}
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: logger{c.Log, a}, ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(a, r)
	})
}

// local refuses other names: a web page whose name leads to this machine must not read here with the user's browser.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// answer remembers that nobody takes it any more.
type answer struct {
	http.ResponseWriter
	err error
}

func (a *answer) Write(b []byte) (n int, err error) {
	if a.err != nil {
		return 0, a.err
	}
	n, a.err = a.ResponseWriter.Write(b)
	return n, a.err
}

type logger struct {
	log    *slog.Logger
	answer *answer
}

// Println takes what a scrape could not show: two metrics of one name, most often. That the caller has gone is told for every metric,
// and concerns nobody.
func (l logger) Println(v ...any) {
	if l.answer.err == nil {
		l.log.Warn("scrape", "error", v)
	}
}

// collector lives for one scrape.
type collector struct {
	Config
	ctx      context.Context
	families map[string]family // by namespace, name and names of dimensions
}

// family is what the samples of one metric have in common: a description of each statistic.
type family [5]*prometheus.Desc

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
		c.show(s, out)
		return true
	})
	if err != nil {
		out <- prometheus.NewInvalidMetric(leftOut, err)
		return
	}
	out <- prometheus.MustNewConstMetric(leftOut, prometheus.GaugeValue, more)
}

func (c *collector) show(s Sample, out chan<- prometheus.Metric) {
	key, values := s.Namespace+"\x00"+s.Name, []string{s.Account, s.Region}
	for _, d := range s.Dimensions {
		key, values = key+"\x00"+d[0], append(values, d[1])
	}
	f, ok := c.families[key]
	if !ok {
		f = familyOf(s)
		c.families[key] = f
	}
	for i, v := range [...]float64{s.Sum / s.Count, s.Sum, s.Min, s.Max, s.Count} {
		m, err := prometheus.NewConstMetric(f[i], prometheus.GaugeValue, v, values...)
		if err != nil {
			m = prometheus.NewInvalidMetric(f[i], err)
		}
		out <- m
	}
}

func familyOf(s Sample) (f family) {
	labels := []string{"account_id", "region"}
	for _, d := range s.Dimensions {
		label := snake(d[0])
		if slices.Contains(labels, label) {
			label = "dimension_" + label
		}
		labels = append(labels, label)
	}
	name := snake(strings.ReplaceAll(strings.ToLower(s.Namespace), "/", "_")) + "_" + snake(s.Name)
	for i, statistic := range [...]string{"average", "sum", "minimum", "maximum", "sample_count"} {
		f[i] = prometheus.NewDesc(name+"_"+statistic, "CloudWatch metric "+s.Namespace+" "+s.Name+", "+statistic+" of the last whole minute.", labels, nil)
	}
	return f
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
