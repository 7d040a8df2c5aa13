// Package edge is where requests come in: listeners, TLS and names of the private address, the way to a service and its
// operation, signatures, errors in each protocol's own spelling, request ids. Services reach it as tables of
// operations; it never knows what one of them does, and it stores nothing but its certificate authority.
//
// A service's model says which protocols it speaks. RPC v2 CBOR to one that lacks it, as Kinesis does, is refused with
// UnknownOperationException: no client speaks it there, and nothing would hold it to what AWS does.
package edge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"drey/wire"
	"drey/wire/restxml"
	"drey/wire/sigv4"
)

// TelemetryHost is the name under which the metric reporters of applications reach the server.
const TelemetryHost = "telemetry.drey.internal"

// Config is what the edge needs.
type Config struct {
	Services    []*wire.Service
	Credentials wire.Credentials
	Authorize   wire.Authorizer
	Region      string // of anonymous requests, which have no scope
	Log         *slog.Logger
	Now         func() time.Time

	// Telemetry takes what the metric reporter of the application with that token posts; nil = refuse.
	Telemetry func(ctx context.Context, token string, body io.Reader) error
	// ApplicationCredentials answers the container-credentials endpoint of applications as JSON; nil = refuse.
	ApplicationCredentials func(ctx context.Context, token string) (body []byte, err error)
	// Dashboards serves the paths below DashboardPrefix; nil = there are none.
	Dashboards http.Handler
	// Scrapes serves ScrapePath to Prometheus; nil = it is not there.
	Scrapes http.Handler
}

// ScrapePath is where Prometheus reads the newest metrics.
const ScrapePath = "/_drey/metrics"

// DashboardPrefix is where the Flink dashboards of applications are.
const DashboardPrefix = "/_drey/dashboards/"

// Handler serves all services on any address.
type Handler struct {
	Config
	verifier sigv4.Verifier
	targets  map[string]*wire.Service // by the prefix of X-Amz-Target
	scopes   map[string]*wire.Service // by the service of the signature's scope
	hosts    map[string]*wire.Service // by the first label of the host name
	versions map[string]*wire.Service // by the Version parameter of the Query protocol
	s3       *wire.Service
	routes   *restxml.Routes
}

// New builds the tables.
func New(c Config) *Handler {
	h := &Handler{
		Config:   c,
		verifier: sigv4.Verifier{Credentials: c.Credentials, Now: c.Now},
		targets:  map[string]*wire.Service{}, scopes: map[string]*wire.Service{},
		hosts: map[string]*wire.Service{}, versions: map[string]*wire.Service{},
	}
	for _, s := range c.Services {
		h.scopes[s.SigningName] = s
		h.hosts[s.EndpointName] = s
		if s.TargetPrefix != "" {
			h.targets[s.TargetPrefix] = s
		}
		for _, p := range s.Protocols {
			switch p {
			case wire.Query:
				h.versions[s.APIVersion] = s
			case wire.RESTXML:
				h.s3, h.routes = s, restxml.NewRoutes(s)
			}
		}
	}
	return h
}

type secureKey struct{}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure, _ := r.Context().Value(secureKey{}).(bool)
	req := &wire.Request{
		ID: newRequestID(), Time: h.Now(), UserAgent: r.UserAgent(), Host: r.Host, Secure: secure,
	}
	req.SourceIP, _, _ = net.SplitHostPort(r.RemoteAddr)
	r = r.WithContext(wire.WithRequest(r.Context(), req)) // a copy: the HTTP server keeps the body that it made
	body, answer := paced(w, r)
	if h.internal(answer, r) {
		return
	}
	c := &call{Handler: h, w: answer, r: r, req: req, pace: body}
	c.serve()
	if h.Log.Enabled(r.Context(), slog.LevelDebug) {
		h.Log.Debug("request", "id", req.ID, "service", req.Service, "operation", req.Op, "principal", req.Principal.ARN, "took", h.Now().Sub(req.Time))
	}
}

// internal serves the paths that are the server's own.
func (h *Handler) internal(w *pacedAnswer, r *http.Request) bool {
	host, _, _ := strings.Cut(r.Host, ":")
	switch {
	case host == TelemetryHost:
		h.telemetry(w, r)
	case r.URL.Path == "/_drey/credentials":
		h.credentials(w, r)
	case r.URL.Path == "/_drey/health":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{\"status\":\"ok\"}\n") // the caller is gone if this fails
	case h.Dashboards != nil && strings.HasPrefix(r.URL.Path, DashboardPrefix):
		w.patience = pause // Flink may pause in an answer as well
		h.Dashboards.ServeHTTP(w, r)
	case h.Scrapes != nil && r.URL.Path == ScrapePath:
		h.Scrapes.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, "/_drey/"):
		http.NotFound(w, r)
	default:
		return false
	}
	return true
}

func (h *Handler) telemetry(w *pacedAnswer, r *http.Request) {
	if h.Telemetry == nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusNoContent) // the reporter pings before it writes
		return
	}
	err := h.Telemetry(r.Context(), r.URL.Query().Get("db"), http.MaxBytesReader(w.ResponseWriter, r.Body, maxTelemetry))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

const maxTelemetry = 16 << 20

func (h *Handler) credentials(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if h.ApplicationCredentials == nil {
		http.NotFound(w, r)
		return
	}
	body, err := h.ApplicationCredentials(r.Context(), r.Header.Get("Authorization"))
	if err != nil {
		e, internal := wire.AsError(err)
		if internal {
			h.Log.Error("application credentials", "error", err)
		}
		w.WriteHeader(e.HTTPStatus())
		_, _ = w.Write(jsonError(e)) // the caller is gone if this fails
		return
	}
	_, _ = w.Write(body)
}

func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
