package httpconn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"drey/wire/sigv4"
)

// The states of a connection: between requests, within one, and closed by the server.
const (
	idle int32 = iota
	active
	ended
)

// patience is how long a handler works before anybody looks whether its client is still there.
const patience = time.Second

type conn struct {
	server *Server
	net    net.Conn
	remote string
	in     *bufio.Reader
	state  atomic.Int32
	body   *body // of the request that is being handled, where it was not read with the head
	answer answer
	reads  deadline
	writes deadline

	alarm  *time.Timer // begins to watch
	mu     sync.Mutex
	cancel context.CancelFunc // of the request that is being handled; nil = there is none
	watch  chan struct{}      // closed when the watch has ended; nil = there is none
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, net: nc, remote: nc.RemoteAddr().String(), in: bufio.NewReaderSize(nc, headSize)}
	c.answer.conn = c
	c.reads.set, c.writes.set = nc.SetReadDeadline, nc.SetWriteDeadline
	c.alarm = time.AfterFunc(time.Hour, c.look)
	c.alarm.Stop()
	return c
}

// serve takes one request after the other.
func (c *conn) serve() {
	defer c.server.forget(c)
	for first := true; ; first = false {
		r, err := c.next(first)
		switch {
		case errors.Is(err, errOther):
			c.giveAway()
			return
		case err != nil:
			_ = c.net.Close() // nobody waits for an answer
			return
		}
		if !c.handle(r) {
			c.linger()
			return
		}
		if c.server.closing.Load() || !c.state.CompareAndSwap(active, idle) {
			_ = c.net.Close() // between two requests
			return
		}
	}
}

// errOther says that a request is net/http's to read.
var errOther = errors.New("another kind of request")

// giveAway leaves the connection to net/http as if it had just come, but for what was read already.
func (c *conn) giveAway() {
	read, _ := c.in.Peek(c.in.Buffered())
	if errors.Join(c.reads.move(time.Time{}), c.writes.move(time.Time{})) != nil {
		_ = c.net.Close() // it is gone
		return
	}
	c.server.forget(c)
	c.server.others.give(resume(c.net, bytes.Clone(read)))
}

// next waits for a request's first byte, then for its head.
func (c *conn) next(first bool) (*http.Request, error) {
	wait := c.server.Idle
	if first {
		wait = c.server.Header
	}
	if err := c.reads.extend(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	if err := c.begin(first); err != nil {
		return nil, err
	}
	if !c.state.CompareAndSwap(idle, active) {
		return nil, net.ErrClosed
	}
	for asked := false; ; asked = true {
		text, _ := c.in.Peek(c.in.Buffered())
		if end := bytes.Index(text, headEnd); end >= 0 {
			return c.request(text[:end+len(headEnd)])
		}
		if !begins(text) || len(text) == c.in.Size() {
			return nil, errOther
		}
		if !asked {
			if err := c.reads.move(time.Now().Add(min(wait, c.server.Header))); err != nil {
				return nil, err
			}
		}
		if _, err := c.in.Peek(len(text) + 1); err != nil {
			return nil, err
		}
	}
}

// emptyLines is how many CR and LF behind a request are overlooked, as net/http does (RFC 9112, section 2.2).
const emptyLines = 4

// begin waits for the first byte of a request.
func (c *conn) begin(first bool) error {
	for range emptyLines {
		b, err := c.in.Peek(1)
		if err != nil || first || b[0] != '\r' && b[0] != '\n' {
			return err
		}
		_, _ = c.in.Discard(1) // it is in the buffer
	}
	_, err := c.in.Peek(1)
	return err
}

// begins says whether a text may be the beginning of a plain head.
func begins(text []byte) bool {
	if !bytes.HasPrefix(text, method[:min(len(text), len(method))]) {
		return false
	}
	for i, c := range text {
		if c == '\n' && text[i-1] != '\r' { // a lone LF ends lines as well (RFC 9112, section 2.2)
			return false
		}
	}
	return true
}

// request makes the request of a head. A short body that has come with it is part of it already.
func (c *conn) request(head []byte) (*http.Request, error) {
	r, ok := parse(head)
	if !ok {
		return nil, errOther
	}
	size := len(head)
	_, _ = c.in.Discard(size) // it is in the buffer
	r.RemoteAddr = c.remote
	c.body = nil
	switch {
	case r.ContentLength == 0:
		r.Body = http.NoBody
	case r.ContentLength <= int64(c.in.Buffered()):
		b := make([]byte, r.ContentLength)
		_, _ = io.ReadFull(c.in, b) // it is in the buffer
		r.Body = sigv4.NewWhole(b)
	default:
		c.body = &body{in: c.in}
		c.body.left.Store(r.ContentLength)
		r.Body = c.body
	}
	return r, nil
}

// handle answers a request and says whether the connection can serve another.
func (c *conn) handle(r *http.Request) (again bool) {
	ctx, cancel := context.WithCancel(c.server.ctx)
	defer cancel()
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()
	c.alarm.Reset(patience)
	defer func() {
		problem := recover()
		c.alarm.Stop()
		c.unwatch()
		if problem != nil {
			if problem != http.ErrAbortHandler {
				log.Printf("panic serving %s: %v\n%s", c.remote, problem, debug.Stack())
			}
			again = false
		}
	}()
	c.answer.reset()
	c.server.Handler.ServeHTTP(&c.answer, r.WithContext(ctx))
	again = c.body.drain() == nil && !c.server.closing.Load() && !c.answer.closes()
	return c.answer.finish(again) == nil && again
}

// parting is how long a client that still sends may take to read its last answer.
const parting = 500 * time.Millisecond

// linger closes a connection. If it were closed while the client sends, the client could miss the answer.
func (c *conn) linger() {
	defer c.net.Close()
	if tcp, ok := c.net.(*net.TCPConn); ok && c.body.open() && tcp.CloseWrite() == nil && c.reads.move(time.Now().Add(parting)) == nil {
		_ = c.body.drain() // the connection ends in any case
	}
}

// look watches for the end of the connection while a handler takes its time: a client that is gone needs no answer.
func (c *conn) look() {
	c.mu.Lock()
	cancel := c.cancel
	if cancel == nil || c.watch != nil {
		c.mu.Unlock()
		return
	}
	if c.body.open() { // the handler reads
		c.alarm.Reset(patience)
		c.mu.Unlock()
		return
	}
	watch := make(chan struct{})
	c.watch = watch
	_ = c.reads.move(time.Time{}) // a connection that is gone fails the next read
	c.mu.Unlock()
	defer close(watch)
	if _, err := c.in.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		cancel()
	}
}

// unwatch ends the watch when the handler has returned.
func (c *conn) unwatch() {
	c.mu.Lock()
	c.cancel = nil
	watch := c.watch
	c.watch = nil
	c.mu.Unlock()
	if watch != nil {
		_ = c.reads.move(time.Unix(1, 0)) // a connection that is gone has ended the watch
		<-watch
	}
}

// body is what a request brings behind its head. nil = nothing, or it was read with the head.
type body struct {
	in     *bufio.Reader
	left   atomic.Int64
	mu     sync.Mutex // held while in is read
	closed bool       // the handler has returned
}

// open says whether a part of it was not read yet.
func (b *body) open() bool { return b != nil && b.left.Load() > 0 }

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

func (b *body) read(p []byte) (int, error) {
	left := b.left.Load()
	if left == 0 {
		return 0, io.EOF
	}
	n, err := b.in.Read(p[:min(int64(len(p)), left)])
	left -= int64(n)
	b.left.Store(left)
	switch {
	case left == 0:
		return n, io.EOF
	case err == io.EOF:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *body) Close() error { return nil }

// drain reads what the handler did not want, so that the next request can be found.
func (b *body) drain() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	_, err := io.Copy(io.Discard, readFunc(b.read))
	return err
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// deadline remembers the deadline of one direction of a connection, because moving it costs more than looking at it.
type deadline struct {
	set func(time.Time) error
	mu  sync.Mutex
	at  time.Time
}

// extend lets the deadline stand where it would move by less than a second.
func (d *deadline) extend(to time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if by := to.Sub(d.at); !d.at.IsZero() && !to.IsZero() && by >= 0 && by < time.Second {
		return nil
	}
	d.at = to
	return d.set(to)
}

// atLeast moves the deadline if it is earlier.
func (d *deadline) atLeast(to time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at.IsZero() || !d.at.Before(to) {
		return nil
	}
	d.at = to
	return d.set(to)
}

func (d *deadline) move(to time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = to
	return d.set(to)
}
