package httpconn_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"drey/edge/httpconn"
)

// echo answers with the method and the body; the header Do asks for something else.
func echo(events chan<- string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		switch r.Header.Get("Do") {
		case "nothing":
		case "ignore":
			_, _ = io.WriteString(w, "ignored")
		case "panic":
			panic(http.ErrAbortHandler)
		case "wait":
			events <- "waiting"
			<-r.Context().Done()
			events <- "gone"
		case "stream":
			for _, part := range []string{"one", "two", strings.Repeat("x", 100_000)} {
				_, _ = io.WriteString(w, part)
				_ = control.Flush()
			}
		case "short":
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "five5")
		default:
			b, err := io.ReadAll(r.Body)
			if err != nil {
				events <- err.Error()
			}
			_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, b)
		}
	}
}

type house struct {
	*testing.T
	address string
	events  chan string
	stop    func()
}

func serve(t *testing.T) *house {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{T: t, address: l.Addr().String(), events: make(chan string, 10)}
	ctx, cancel := context.WithCancel(t.Context())
	s := &httpconn.Server{Handler: echo(h.events), Context: ctx, Header: time.Minute, Idle: time.Minute}
	run, rest := httpconn.New(s, l)
	others := &http.Server{Handler: s.Handler}
	done := make(chan error, 2)
	go func() { done <- run() }()
	go func() { done <- others.Serve(rest) }()
	h.stop = func() {
		h.stop = func() {}
		defer cancel()
		_ = l.Close()
		s.Close(ctx)
		_ = others.Close()
		for range 2 {
			if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
	}
	t.Cleanup(func() { h.stop() })
	return h
}

type client struct {
	*testing.T
	net.Conn
	in *bufio.Reader
}

func (h *house) dial() *client {
	h.Helper()
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = c.Close() })
	return &client{h.T, c, bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.Fatal(err)
	}
}

func (c *client) answer() (body string, r *http.Response) {
	c.Helper()
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.Fatal(err)
	}
	return string(b), r
}

func (c *client) ends() {
	c.Helper()
	if b, err := io.ReadAll(c.in); len(b) > 0 || err != nil {
		c.Errorf("the connection ends with %q, %v", b, err)
	}
}

func post(body string, headers ...string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n%s", len(body), strings.Join(append(headers, ""), "\r\n"), body)
}

// TestOneConnectionForEverything: what httpconn does not read goes to net/http, on the same connection and with nothing lost.
func TestOneConnectionForEverything(t *testing.T) {
	c := serve(t).dial()
	long := strings.Repeat("y", 300_000)
	for _, body := range []string{"one", "", long} {
		c.send(post(body))
		if got, r := c.answer(); got != "POST / "+body || r.ContentLength != int64(len(got)) || r.Header.Get("Date") == "" {
			t.Errorf("a body of %d bytes is answered with %d bytes, %+v", len(body), len(got), r.Header)
		}
	}
	c.send(post("a") + post("b") + "GET /x HTTP/1.1\r\nHost: a\r\n\r\n" + post("c"))
	for _, want := range []string{"POST / a", "POST / b", "GET /x ", "POST / c"} {
		if got, _ := c.answer(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	if got, _ := c.answer(); got != "POST / abc" {
		t.Errorf("got %q", got)
	}
}

// TestHeadInPieces: a head comes as the network likes.
func TestHeadInPieces(t *testing.T) {
	c := serve(t).dial()
	for _, text := range []string{post("pieces"), "GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n"} {
		for _, b := range []byte(text) {
			c.send(string(b))
		}
		if got, _ := c.answer(); !strings.HasSuffix(strings.TrimSpace(got), "pieces") {
			t.Errorf("got %q", got)
		}
	}
	c = serve(t).dial()
	c.send(post("big", "A: "+strings.Repeat("z", 5000)))
	if got, _ := c.answer(); got != "POST / big" {
		t.Errorf("got %q", got)
	}
}

func TestAnswers(t *testing.T) {
	c := serve(t).dial()
	c.send(post(strings.Repeat("i", 70_000), "Do: ignore") + post("next"))
	for _, want := range []string{"ignored", "POST / next"} {
		if got, _ := c.answer(); got != want {
			t.Errorf("got %q", got)
		}
	}
	c.send(post("", "Do: stream") + post("", "Do: nothing"))
	if got, r := c.answer(); got != "onetwo"+strings.Repeat("x", 100_000) || len(r.TransferEncoding) != 1 {
		t.Errorf("the stream has %d bytes, %+v", len(got), r)
	}
	if got, r := c.answer(); got != "" || r.StatusCode != http.StatusOK || r.ContentLength != 0 {
		t.Errorf("nothing is %q, %+v", got, r)
	}
	c.send(post("", "Do: short"))
	c.ends()
}

func TestPanic(t *testing.T) {
	h := serve(t)
	c := h.dial()
	c.send(post("", "Do: panic"))
	c.ends()
	c = h.dial()
	c.send(post("still there"))
	if got, _ := c.answer(); got != "POST / still there" {
		t.Errorf("got %q", got)
	}
}

// TestClientLeaves: a handler that waits hears of it.
func TestClientLeaves(t *testing.T) {
	h := serve(t)
	c := h.dial()
	c.send(post("", "Do: wait"))
	for _, want := range []string{"waiting", "gone"} {
		if got := <-h.events; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		_ = c.Close()
	}
}

// TestBodyThatEnds: the handler hears of a body that is shorter than announced.
func TestBodyThatEnds(t *testing.T) {
	h := serve(t)
	c := h.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	if got := <-h.events; got != io.ErrUnexpectedEOF.Error() {
		t.Errorf("got %q", got)
	}
}

// TestClose ends connections that wait, and handlers that do not end by themselves.
func TestClose(t *testing.T) {
	h := serve(t)
	waits, works, other := h.dial(), h.dial(), h.dial()
	waits.send(post("x"))
	waits.answer()
	other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	other.answer()
	works.send(post("", "Do: wait"))
	if got := <-h.events; got != "waiting" {
		t.Errorf("got %q", got)
	}
	go func() { <-h.events }()
	_ = works.Close()
	h.stop()
	waits.ends()
	other.ends()
}

// TestLinesAsNetHTTPTakesThem: a lone LF ends a line, and empty lines behind a request are overlooked.
func TestLinesAsNetHTTPTakesThem(t *testing.T) {
	c := serve(t).dial()
	c.send(post("one") + "\r\n" + post("two") + "\r\n\r\n" + "POST / HTTP/1.1\nHost: a\nContent-Length: 5\n\nthree")
	for _, want := range []string{"POST / one", "POST / two", "POST / three"} {
		if got, _ := c.answer(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestCloseCutsOff: a handler that waits, and whose client is not watched any more since it sent another byte, ends with Close.
func TestCloseCutsOff(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan string, 2)
	s := &httpconn.Server{Handler: echo(events), Context: t.Context(), Header: time.Minute, Idle: time.Minute}
	run, _ := httpconn.New(s, l)
	done := make(chan error, 1)
	go func() { done <- run() }()
	c := (&house{T: t, address: l.Addr().String()}).dial()
	c.send(post("", "Do: wait") + "P")
	<-events
	_ = l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Close(ctx)
	if got := <-events; got != "gone" {
		t.Errorf("got %q", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestBodyAfterItsRequest: who keeps the body of a request cannot read the next one's.
func TestBodyAfterItsRequest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var kept io.Reader
	s := &httpconn.Server{Context: t.Context(), Header: time.Minute, Idle: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kept == nil {
			kept = r.Body
			return
		}
		_, err := kept.Read(make([]byte, 1))
		rest, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%v, %d", err, len(rest))
	})}
	run, _ := httpconn.New(s, l)
	go func() { _ = run() }() // ends with the listener
	defer func() {
		_ = l.Close()
		s.Close(t.Context())
	}()
	c := (&house{T: t, address: l.Addr().String()}).dial()
	for range 2 {
		c.send(post(strings.Repeat("b", 9000)))
	}
	c.answer()
	if got, _ := c.answer(); got != http.ErrBodyReadAfterClose.Error()+", 9000" {
		t.Errorf("got %q", got)
	}
}
