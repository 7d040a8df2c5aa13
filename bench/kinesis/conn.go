package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"slices"
	"strconv"
)

// conn is a keep-alive connection that sends requests as they are, and reads no more of an answer than it must: the client
// shares its processors with the server that it measures.
type conn struct {
	net.Conn
	r    *bufio.Reader
	body []byte // of the last answer; reused
	stop func() bool

	answers, answered int // how many, and the length of their bodies together
}

// dial connects. The end of ctx closes the connection under whoever uses it.
func (s *server) dial(ctx context.Context) (*conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	if s.secure { // whose certificate it is, is not what is measured
		c = tls.Client(c, &tls.Config{ServerName: "kinesis.us-east-1.amazonaws.com", InsecureSkipVerify: true})
	}
	return newConn(ctx, c), nil
}

func newConn(ctx context.Context, c net.Conn) *conn {
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 64<<10), stop: context.AfterFunc(ctx, func() { c.Close() })}
}

func (c *conn) Close() error {
	c.stop()
	return c.Conn.Close()
}

// errRefused is an answer other than 200.
type errRefused struct {
	status int
	body   string
}

func (e *errRefused) Error() string { return fmt.Sprintf("status %d: %.500s", e.status, e.body) }

// roundTrip gives the body of the answer, good until the next call. An answer other than 200 is an *errRefused.
func (c *conn) roundTrip(request []byte) ([]byte, error) {
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	h, err := readHead(c.r)
	if err != nil {
		return nil, err
	}
	if c.body, err = h.readBody(c.r, c.body[:0]); err != nil {
		return nil, err
	}
	if h.status != 200 {
		return nil, &errRefused{h.status, string(c.body)}
	}
	c.answers++
	c.answered += len(c.body)
	return c.body, nil
}

// average is the length of an answer's body.
func (c *conn) average() int { return c.answered / max(1, c.answers) }

// open sends a request whose answer has no end that one would wait for, and gives the answer's body.
func (c *conn) open(request []byte) (io.Reader, error) {
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	h, err := readHead(c.r)
	if err != nil {
		return nil, err
	}
	if h.status != 200 || !h.chunked {
		c.body, err = h.readBody(c.r, c.body[:0])
		return nil, errors.Join(err, &errRefused{h.status, string(c.body)})
	}
	return httputil.NewChunkedReader(c.r), nil
}

// head is what the first lines of an answer say.
type head struct {
	status  int
	length  int
	chunked bool
}

var errNotHTTP = errors.New("the answer is not HTTP/1.1")

func readHead(r *bufio.Reader) (head, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return head{}, err
	}
	if len(line) < 13 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return head{}, errNotHTTP
	}
	var h head
	if h.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return head{}, errNotHTTP
	}
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return head{}, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			return h, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if h.length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil || h.length < 0 {
				return head{}, errNotHTTP
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			h.chunked = bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked"))
		}
	}
}

// readBody appends the body to b.
func (h head) readBody(r *bufio.Reader, b []byte) ([]byte, error) {
	if !h.chunked {
		b = slices.Grow(b, h.length)[:len(b)+h.length]
		_, err := io.ReadFull(r, b[len(b)-h.length:])
		return b, err
	}
	chunks := httputil.NewChunkedReader(r)
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, max(4096, len(b)))
		}
		n, err := chunks.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, skipTrailer(r)
		}
		if err != nil {
			return b, err
		}
	}
}

// skipTrailer reads the lines after the last chunk, up to the empty one.
func skipTrailer(r *bufio.Reader) error {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
	}
}
