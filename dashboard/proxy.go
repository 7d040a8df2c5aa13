package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"regexp"
	"strings"
)

const (
	leaf      = "flinkdashboard"
	cookie    = "flinkdashboard"
	parameter = "authToken"
	maxAnswer = 4 << 20 // bytes of an answer that is rewritten
)

// base is the path of a dashboard: <prefix><account>/<region>/<application>/flinkdashboard.
func (d *Dashboard) base(a Application) string {
	return d.Prefix + url.PathEscape(a.Account) + "/" + url.PathEscape(a.Region) + "/" + url.PathEscape(a.Name) + "/" + leaf
}

// parse splits a path into the application and what is asked of its dashboard; ok = it is one of a dashboard.
func (d *Dashboard) parse(asked string) (a Application, rest string, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(asked, d.Prefix), "/", 5)
	if len(parts) < 4 || parts[3] != leaf {
		return a, "", false
	}
	if len(parts) == 5 {
		rest = path.Clean("/" + parts[4]) // Flink's router ignores slashes that stand twice
	}
	return Application{parts[0], parts[1], parts[2]}, rest, true
}

// ServeHTTP shows the dashboard. The token stands in the query, or in the cookie that its first use sets.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, rest, ok := d.parse(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	query := r.URL.Query()
	token := query.Get(parameter)
	if token == "" {
		if c, err := r.Cookie(cookie); err == nil {
			token = c.Value
		}
	}
	s, err := d.use(r.Context(), token, a)
	if err == nil {
		err = d.Allowed(r.Context(), s.Principal, a)
	}
	if err != nil {
		d.refuse(w, err)
		return
	}
	if rest == "" {
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: token, Path: d.base(a), HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(s.Life.Seconds())})
		http.Redirect(w, r, d.base(a)+"/", http.StatusFound)
		return
	}
	if why := forbidden(r.Method, rest); why != "" {
		page(w, http.StatusForbidden, why)
		return
	}
	query.Del(parameter)
	d.pass(w, r, a, rest, query)
}

// pass hands the request on to the JobManager of this moment: an update may have brought another.
func (d *Dashboard) pass(w http.ResponseWriter, r *http.Request, a Application, rest string, query url.Values) {
	address, err := d.Address(r.Context(), a)
	if err != nil {
		d.refuse(w, err)
		return
	}
	target, err := url.Parse(address)
	if err != nil {
		d.refuse(w, err)
		return
	}
	proxy := &httputil.ReverseProxy{
		Transport: &d.transport,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.URL.Path, p.Out.URL.RawPath, p.Out.URL.RawQuery = rest, "", query.Encode()
			p.Out.Header.Del("Cookie")
			p.Out.Header.Del("Authorization")
			p.Out.Header.Del("Accept-Encoding") // what is rewritten has to be readable
		},
		ModifyResponse: func(resp *http.Response) error { return rewrite(rest, resp) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if !errors.Is(err, context.Canceled) {
				page(w, http.StatusBadGateway, "The JobManager does not answer; it may be starting. Load this page again in a moment.")
			}
		},
	}
	proxy.ServeHTTP(w, r)
}

// acts are paths that do something although they are asked for with GET: planning runs the program's main().
var acts = regexp.MustCompile(`^(/v1)?/(jars/.+|jobs/[^/]+/yarn-(cancel|stop)|(jobs/[^/]+/)?jobmanager/(log|stdout).*)$`)

// forbidden tells why a request is not handed on; "" = it is.
func forbidden(method, path string) string {
	switch {
	case method != http.MethodGet && method != http.MethodHead:
		return "The dashboard is read-only: " + method + " is not allowed. Change the application with the kinesisanalyticsv2 API."
	case acts.MatchString(path):
		return "The dashboard is read-only: " + path + " is not allowed."
	}
	return ""
}

// rewriter gives what changes the words of Flink of itself: the buttons that submit and cancel go, and secrets of its
// configuration. nil = nothing.
func rewriter(path string) func([]byte) ([]byte, error) {
	switch {
	case strings.HasSuffix(path, "/jobmanager/config"): // of the cluster, and of each job
		return withoutSecrets
	case strings.TrimPrefix(path, "/v1") == "/config":
		return readOnly
	}
	return nil
}

func rewrite(path string, resp *http.Response) error {
	change := rewriter(path)
	if change == nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if body, err = change(body); err != nil {
		return fmt.Errorf("rewrite %s: %w", path, err)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", fmt.Sprint(len(body)))
	return nil
}

func readOnly(body []byte) ([]byte, error) {
	var config map[string]json.RawMessage
	if err := json.Unmarshal(body, &config); err != nil {
		return nil, err
	}
	features := map[string]bool{}
	if err := json.Unmarshal(config["features"], &features); err != nil {
		return nil, err
	}
	features["web-submit"], features["web-cancel"] = false, false
	raw, err := json.Marshal(features)
	if err != nil {
		return nil, err
	}
	config["features"] = raw
	return json.Marshal(config)
}

// secret matches the names of options whose values are not shown, beside those that Flink hides itself.
var secret = regexp.MustCompile(`(?i)metrics\.reporter\.|password|secret|token|credential`)

func withoutSecrets(body []byte) ([]byte, error) {
	var options []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	if err := json.Unmarshal(body, &options); err != nil {
		return nil, err
	}
	for i := range options {
		if secret.MatchString(options[i].Key) {
			options[i].Value = "******"
		}
	}
	return json.Marshal(options)
}

// refuse answers a person, in a sentence that says what to do.
func (d *Dashboard) refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errSession):
		page(w, http.StatusForbidden, "This link has ended, was not used within three minutes, or belongs to another application. Ask for a new one with CreateApplicationPresignedUrl.")
	case errors.Is(err, ErrNotRunning):
		page(w, http.StatusServiceUnavailable, "The application is not running, or is being updated. Start it, or load this page again when DescribeApplication says RUNNING.")
	default:
		d.Log.Warn("dashboard refused", "reason", err)
		page(w, http.StatusForbidden, err.Error())
	}
}

func page(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The browser may be gone.
	_, _ = fmt.Fprintf(w, "<!doctype html><title>Flink dashboard</title><body style=\"font:16px/1.5 sans-serif;max-width:40em;margin:4em auto\"><h1>Flink dashboard</h1><p>%s</p>\n", html.EscapeString(text))
}
