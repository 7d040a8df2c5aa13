// Package httpconn serves HTTP/1.1 connections whose requests are such as the AWS SDKs send for JSON and CBOR: a POST with an
// announced length. A request costs it two reads, a write and no other goroutine. Every other connection goes to net/http
// as it came, with its first other request: another method or path, a body in chunks or a long one, HTTP/2, an upgrade,
// whatever is malformed. It must never answer what net/http would not have answered, nor interpret what it is not sure of.
package httpconn

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Server serves the connections of one listener. Its fields are set before use.
type Server struct {
	Handler http.Handler
	Context context.Context // what the contexts of requests descend from
	Header  time.Duration   // how long a request's head may take
	Idle    time.Duration   // how long a connection may wait for its next request

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
	wg     sync.WaitGroup // connections
	others *others
}

// New makes a server for a listener, and a listener that gives the connections for net/http, until Serve has returned.
func New(s *Server, l net.Listener) (serve func() error, rest net.Listener) {
	s.conns = map[*conn]struct{}{}
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
		if c := s.open(nc); c != nil {
			s.wg.Go(c.serve)
		}
	}
}

// temporary errors of accept(2) pass; Go answers ECONNABORTED by itself.
func temporary(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// open begins to keep track of a connection; nil = the server is closing.
func (s *Server) open(nc net.Conn) *conn {
	c := newConn(s, nc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = nc.Close() // nobody waits for it
		return nil
	}
	s.conns[c] = struct{}{}
	return c
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// Close ends idle connections at once, and the others when their request is answered or ctx is done. The listener must be
// closed before.
func (s *Server) Close(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		if c.state.CompareAndSwap(idle, ended) {
			_ = c.net.Close() // its reader sees it
		}
	}
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			_ = c.net.Close() // its handler sees it
		}
	})
	defer stop()
	s.wg.Wait()
}

// closing tells connections not to wait for another request.
func (s *Server) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
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
