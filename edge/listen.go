package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"drey/edge/httpconn"
)

const (
	headerTimeout   = 10 * time.Second
	idleTimeout     = 3 * time.Minute
	maxHeaderBytes  = 64 << 10
	shutdownTimeout = 5 * time.Second
)

// Listen takes an address, or says which right is missing.
func Listen(ctx context.Context, network, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, network, address)
	return l, explainBind(err, address)
}

// explainBind adds to a refusal what to do about it.
func explainBind(err error, address string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EACCES):
		binary, _ := os.Executable()
		return fmt.Errorf("%w\n  Ports below 1024 need the capability CAP_NET_BIND_SERVICE. Give it to the binary (again after each build of it):\n    sudo setcap cap_net_bind_service=+ep %s\n  or allow it to everybody on this machine:\n    sudo sysctl net.ipv4.ip_unprivileged_port_start=0", err, binary)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w\n  Another process holds %s. See which one with:\n    ss -lptn 'sport = :%s'\n  or take another address, with --listen or --app-address", err, address, portOf(address))
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w\n  %s is not an address of this machine; take one of 127.0.0.0/8", err, address)
	}
	return err
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// Server serves a handler on one listener. Connections begin with httpconn; net/http takes those that are not for it.
type Server struct {
	http  http.Server
	l     net.Listener
	posts *httpconn.Server
	serve func() error
	rest  net.Listener // for net/http
}

// NewServer makes a server for l that speaks HTTP/1.1 and HTTP/2 without TLS.
func NewServer(l net.Listener, h http.Handler) *Server { return newServer(l, h, false) }

// NewTLSServer makes a server for l that shows a certificate of ca for whatever name is asked for. It speaks HTTP/1.1 and
// HTTP/2, whether the client negotiates that with ALPN or begins with it, as the AWS SDK for Java does.
func NewTLSServer(l net.Listener, h http.Handler, ca *CA) *Server {
	config := &tls.Config{GetCertificate: ca.certificate, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
	return newServer(&plainListener{tls.NewListener(l, config)}, h, true)
}

func newServer(l net.Listener, h http.Handler, secure bool) *Server {
	ctx := context.WithValue(context.Background(), secureKey{}, secure)
	s := &Server{l: l, http: http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		Protocols: new(http.Protocols),
		HTTP2:     &http.HTTP2Config{WriteByteTimeout: stall}, // the deadlines of its streams can not end a write that they share
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, secureKey{}, secure)
		},
	}}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetUnencryptedHTTP2(true)
	s.posts = &httpconn.Server{
		Handler: h, Context: context.WithValue(ctx, http.ServerContextKey, &s.http), Header: headerTimeout, Idle: idleTimeout,
	}
	s.serve, s.rest = httpconn.New(s.posts, l)
	return s
}

// Serve blocks until Close; then it answers nil.
func (s *Server) Serve() error {
	rest := make(chan error, 1)
	go func() { rest <- s.http.Serve(s.rest) }()
	err := s.serve()
	if restErr := <-rest; !errors.Is(restErr, http.ErrServerClosed) && !errors.Is(restErr, net.ErrClosed) {
		err = errors.Join(err, restErr)
	}
	return err
}

// Close lets running requests end for a moment and cuts the rest off: subscriptions live for minutes.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err := s.l.Close()
	var wg sync.WaitGroup
	wg.Go(func() { s.posts.Close(ctx) })
	if s.http.Shutdown(ctx) != nil {
		err = errors.Join(err, s.http.Close())
	}
	wg.Wait()
	return err
}

// plainListener hides that its connections are TLS. net/http would take HTTP/2 on those only after ALPN; without the
// type it looks at the first bytes, and finds both.
type plainListener struct{ net.Listener }

func (l *plainListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &plainConn{c}, nil
}

type plainConn struct{ net.Conn }
