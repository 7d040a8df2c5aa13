package edge

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"drey/wire"
)

// How long a client may take. Bodies and answers get an allowance, and from then on must keep a pace that any connection
// keeps. S3's bodies have no pace: an upload may take as long as it likes, while bytes arrive.
const (
	allowance = 20 * time.Second
	pace      = 64 << 10 // bytes a second
	stall     = 30 * time.Second
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
}

// paced puts the body of r under the rule. It must be called before anything is read or answered.
func paced(w http.ResponseWriter, r *http.Request) *pacedBody {
	p := &pacedBody{ReadCloser: r.Body, control: http.NewResponseController(w), http2: r.ProtoMajor == 2, began: time.Now()}
	if r.Body != http.NoBody {
		p.extend()
		r.Body = p
	}
	return p
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
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, size)
	return nil
}

func tooLarge(limit int64) error {
	return wire.RequestTooLarge.Errorf("The request is larger than the %d bytes that are allowed.", limit)
}

// write sends an answer that the client must take at the pace.
func (c *call) write(body []byte) {
	if len(body) > pace {
		control := http.NewResponseController(c.w)
		_ = control.SetWriteDeadline(time.Now().Add(due(int64(len(body))))) // a connection that is gone fails the write
		defer control.SetWriteDeadline(time.Time{})
	}
	_, _ = c.w.Write(body) // the caller is gone if this fails
}
