// Package httpconn serves HTTP/1.1 connections whose requests are such as the AWS SDKs send for JSON and CBOR: a POST with an
// announced length. A request costs it two reads, a write and no other goroutine. Every other connection goes to net/http
// as it came, with its first other request: another method or path, a body in chunks or a long one, HTTP/2, an upgrade,
// whatever is malformed. It must never read anything in a head that net/http would not, and what it is not sure of is net/http's.
// Unlike there, an answer's Content-Type is not guessed.
package httpconn

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Server serves the connections of one listener. Its fields are set before use.
type Server struct {
	Handler http.Handler
	Context context.Context // what the contexts of requests descend from
	Header  time.Duration   // how long a request's head may take
	Idle    time.Duration   // how long a connection may wait for its next request

	ctx     context.Context
	cancel  context.CancelFunc
	closing atomic.Bool // no connection waits for another request
	mu      sync.Mutex
	conns   map[*conn]struct{}
	wg      sync.WaitGroup // connections
	others  *others
}

// New makes a server for a listener, and a listener that gives the connections for net/http, until Serve has returned.
func New(s *Server, l net.Listener) (serve func() error, rest net.Listener) {
	s.conns = map[*conn]struct{}{}
	s.ctx, s.cancel = context.WithCancel(s.Context)
	s.others = &others{address: l.Addr(), conns: make(chan net.Conn), ended: make(chan struct{})}
	return func() error { return s.serve(l) }, s.others
}

// serve takes connections until the listener is closed, which is no error.
func (s *Server) serve(l net.Listener) error {
	defer s.others.Close()
	for pause := time.Duration(0); ; {
		nc, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case temporary(err): // too many open files: connections that end make room
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			time.Sleep(pause)
			continue
		case err != nil:
			return err
		}
		pause = 0
		s.open(nc)
	}
}

// temporary errors of accept(2) pass; Go answers ECONNABORTED by itself.
func temporary(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// open begins to serve a connection, unless the server is closing.
func (s *Server) open(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		_ = nc.Close() // nobody waits for it
		return
	}
	s.conns[c] = struct{}{}
	s.wg.Go(c.serve)
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// Close ends idle connections at once, and the others when their request is answered or ctx is done. The listener must be
// closed before.
func (s *Server) Close(ctx context.Context) {
	defer s.cancel()
	s.mu.Lock()
	s.closing.Store(true)
	s.mu.Unlock()
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cut)
		s.cancel()
		s.hangUp(func(*conn) bool { return true })
	})
	s.hangUp(func(c *conn) bool { return c.state.CompareAndSwap(idle, ended) })
	s.wg.Wait()
	if !stop() {
		<-cut
	}
}

// hangUp closes connections side by side: each may take a moment to say goodbye over TLS.
func (s *Server) hangUp(which func(*conn) bool) {
	var wg sync.WaitGroup
	s.mu.Lock()
	for c := range s.conns {
		if which(c) {
			wg.Go(func() { _ = c.net.Close() }) // its reader sees it
		}
	}
	s.mu.Unlock()
	wg.Wait()
}

// others hands connections to net/http.
type others struct {
	address net.Addr
	conns   chan net.Conn
	once    sync.Once
	ended   chan struct{}
}

func (o *others) Accept() (net.Conn, error) {
	select {
	case c := <-o.conns:
		return c, nil
	case <-o.ended:
		return nil, net.ErrClosed
	}
}

func (o *others) Close() error {
	o.once.Do(func() { close(o.ended) })
	return nil
}

func (o *others) Addr() net.Addr { return o.address }

// give closes the connection where nobody takes it any more.
func (o *others) give(c net.Conn) {
	select {
	case o.conns <- c:
	case <-o.ended:
		_ = c.Close() // nobody waits for it
	}
}

// begun is a connection of which something was read already.
type begun struct {
	net.Conn
	read []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.read) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.read)
	b.read = b.read[n:]
	return n, nil
}
