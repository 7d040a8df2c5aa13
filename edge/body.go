package edge

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"drey/wire"
	"drey/wire/sigv4"
)

// How long a client may take. Bodies and answers get an allowance, and from then on must keep a pace that any connection
// keeps. S3's bodies have no pace: an upload may take as long as it likes, while bytes arrive, and who reads an object may
// pause in it.
const (
	allowance = 20 * time.Second
	pace      = 64 << 10 // bytes a second
	stall     = 30 * time.Second
	pause     = 5 * time.Minute
)

// due is how long n bytes may take.
func due(n int64) time.Duration { return allowance + time.Duration(n/pace)*time.Second }

// pacedBody cuts off a client that sends too slowly: a thousand of them would hold a thousand requests. Deadlines are
// those of the socket, so its clock is the machine's.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	http2   bool
	stalls  bool // S3's rule
	began   time.Time
	got     int64
	until   time.Time
	ended   bool
}

// paced puts the body of r and the answer under the rule. It must be called before anything is read or answered.
func paced(w http.ResponseWriter, r *http.Request) (*pacedBody, *pacedAnswer) {
	x := &struct {
		control http.ResponseController
		body    pacedBody
		answer  pacedAnswer
	}{control: *http.NewResponseController(w)}
	x.body = pacedBody{ReadCloser: r.Body, control: &x.control, http2: r.ProtoMajor == 2, began: time.Now()}
	x.answer = pacedAnswer{ResponseWriter: w, control: &x.control, body: &x.body, patience: allowance}
	if _, whole := r.Body.(*sigv4.Whole); whole || r.Body == http.NoBody {
		x.body.ended = true
	} else {
		x.body.extend()
		r.Body = &x.body
	}
	return &x.body, &x.answer
}

// extend moves the deadline, unless that would change little.
func (p *pacedBody) extend() {
	until := p.began.Add(due(p.got))
	if p.stalls {
		until = time.Now().Add(stall)
	}
	if until.Sub(p.until) >= time.Second {
		p.until = until
		_ = p.control.SetReadDeadline(until) // a connection that is gone fails the read
	}
}

func (p *pacedBody) Read(b []byte) (int, error) {
	p.extend()
	n, err := p.ReadCloser.Read(b)
	p.got += int64(n)
	p.ended = p.ended || err == io.EOF
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, wire.RequestTimeout.Errorf("Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.")
	case err == io.EOF && !p.http2: // there the deadline is the body's alone
		_ = p.control.SetReadDeadline(time.Time{}) // a connection that is gone fails the next read
	}
	return n, err
}

// limit refuses a body that is longer than any legal request: at once if its length is announced, else where it passes
// the limit.
func (c *call) limit(size int64) error {
	if c.r.ContentLength > size {
		return tooLarge(size)
	}
	if w, whole := c.r.Body.(*sigv4.Whole); whole {
		if int64(len(w.Bytes)) > size {
			return tooLarge(size)
		}
		return nil
	}
	c.r.Body = http.MaxBytesReader(c.w.ResponseWriter, c.r.Body, size) // which tells the HTTP server's own writer
	return nil
}

func tooLarge(limit int64) error {
	return wire.RequestTooLarge.Errorf("The request is larger than the %d bytes that are allowed.", limit)
}

// pacedAnswer cuts off a client that does not take what it asked for: over HTTP/2 one that grants no window would hold each of
// its answers for ever. A deadline stays when the handler returns, because the HTTP server still holds the end of the answer
// then; it takes the deadline away itself when that is sent.
type pacedAnswer struct {
	http.ResponseWriter
	control  *http.ResponseController
	body     *pacedBody
	patience time.Duration // with a client that takes nothing
	until    time.Time
}

// extend gives the client time for n more bytes, unless that would change little. Over HTTP/1.1 the server reads what is left
// of the body first.
func (a *pacedAnswer) extend(n int) {
	from := time.Now()
	if !a.body.http2 && !a.body.ended && a.body.until.After(from) {
		from = a.body.until
	}
	until := from.Add(a.patience + time.Duration(n/pace)*time.Second)
	if until.Sub(a.until) >= time.Second {
		a.until = until
		_ = a.control.SetWriteDeadline(until) // a connection that is gone fails the write
	}
}

func (a *pacedAnswer) WriteHeader(status int) {
	a.extend(0)
	a.ResponseWriter.WriteHeader(status)
}

func (a *pacedAnswer) Write(b []byte) (int, error) {
	a.extend(len(b))
	return a.ResponseWriter.Write(b)
}

// stretch is how much of an object goes out under one deadline.
const stretch = 1 << 20

// ReadFrom sends an object, with the buffers of the HTTP server.
func (a *pacedAnswer) ReadFrom(src io.Reader) (n int64, err error) {
	a.patience = pause
	for {
		a.extend(stretch)
		m, err := io.Copy(a.ResponseWriter, io.LimitReader(src, stretch))
		if n += m; err != nil || m < stretch {
			return n, err
		}
	}
}

// Unwrap is for http.ResponseController.
func (a *pacedAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
