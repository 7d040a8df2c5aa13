package httpconn

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// answer is an http.ResponseWriter. An answer goes out with its length when the handler has returned, or at once where the
// handler announced its length and gives all of it in one piece; one that is flushed before goes out in chunks.
type answer struct {
	conn    *conn
	header  http.Header
	status  int
	length  int64 // what the handler announced; -1 = nothing
	written int64
	out     bytes.Buffer // what is not sent yet
	sent    bool         // the head is
	chunked bool
	err     error // of the connection
}

// lastWrite is how long a client may take to read the end of an answer, if the handler gave it no longer.
const lastWrite = 20 * time.Second

// keptOut is how much memory a connection keeps for its next answer.
const keptOut = 64 << 10

func (a *answer) reset() {
	a.header, a.status, a.length, a.written, a.sent, a.chunked = http.Header{}, 0, -1, 0, false, false
	if a.out.Cap() > keptOut {
		a.out = bytes.Buffer{}
	}
	a.out.Reset()
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status != 0 || status < http.StatusOK {
		return
	}
	a.status = status
	if n, err := strconv.ParseInt(a.header.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		a.length = n
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.bodiless() {
		return 0, http.ErrBodyNotAllowed
	}
	if a.length >= 0 && a.written+int64(len(b)) > a.length {
		return 0, http.ErrContentLength
	}
	a.written += int64(len(b))
	switch {
	case a.chunked:
		a.chunk(b)
	case !a.sent && a.written == a.length && a.out.Len() == 0:
		a.head()
		a.send(b)
	default:
		a.out.Write(b)
	}
	return len(b), a.err
}

// bodiless says whether the status allows no body.
func (a *answer) bodiless() bool {
	return a.status == http.StatusNoContent || a.status == http.StatusNotModified
}

// closes says whether the handler ends the connection with this answer.
func (a *answer) closes() bool { return a.header.Get("Connection") == "close" }

// finish sends what is not sent yet, and tells the client where no other request will be read.
func (a *answer) finish(again bool) error {
	a.WriteHeader(http.StatusOK)
	if !again {
		a.header["Connection"] = []string{"close"}
	}
	switch {
	case a.err != nil:
	case a.chunked:
		a.out.WriteString("0\r\n\r\n")
		a.send(nil)
	case a.sent:
	case a.length >= 0 && a.written < a.length:
		return http.ErrContentLength
	default:
		if a.err = a.conn.writes.atLeast(time.Now().Add(lastWrite)); a.err != nil {
			return a.err
		}
		text := bytes.Clone(a.out.Bytes())
		a.out.Reset()
		if !a.bodiless() {
			a.header["Content-Length"] = []string{strconv.Itoa(len(text))}
		}
		a.head()
		a.send(text)
	}
	return a.err
}

// FlushError sends what there is, and says that more may come.
func (a *answer) FlushError() error {
	a.WriteHeader(http.StatusOK)
	if a.sent || a.length >= 0 {
		return a.err
	}
	text := bytes.Clone(a.out.Bytes())
	a.out.Reset()
	a.header["Transfer-Encoding"] = []string{"chunked"}
	a.head()
	a.chunked = true
	a.chunk(text)
	return a.err
}

// chunk sends a chunk, with what waits before it.
func (a *answer) chunk(b []byte) {
	if len(b) == 0 { // that would be the end
		a.send(nil)
		return
	}
	a.out.Write(strconv.AppendInt(a.out.AvailableBuffer(), int64(len(b)), 16))
	a.out.WriteString("\r\n")
	a.send(b, crlf)
}

var crlf = []byte("\r\n")

// head puts the head behind what waits.
func (a *answer) head() {
	a.sent = true
	a.out.WriteString("HTTP/1.1 ")
	a.out.Write(strconv.AppendInt(a.out.AvailableBuffer(), int64(a.status), 10))
	a.out.WriteByte(' ')
	a.out.WriteString(http.StatusText(a.status))
	a.out.WriteString("\r\n")
	if a.header["Date"] == nil {
		a.out.WriteString("Date: ")
		a.out.WriteString(date(time.Now()))
		a.out.WriteString("\r\n")
	}
	_ = a.header.Write(&a.out) // memory takes all
	a.out.WriteString("\r\n")
}

// together is how much is copied to save a system call its list of pieces.
const together = 16 << 10

// send sends what waits and then parts.
func (a *answer) send(parts ...[]byte) {
	defer a.out.Reset()
	if a.err != nil {
		return
	}
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if size <= together {
		for _, p := range parts {
			a.out.Write(p)
		}
		_, a.err = a.conn.net.Write(a.out.Bytes())
		return
	}
	pieces := append(net.Buffers{a.out.Bytes()}, parts...)
	_, a.err = pieces.WriteTo(a.conn.net)
}

// SetReadDeadline and SetWriteDeadline are for http.ResponseController.
func (a *answer) SetReadDeadline(t time.Time) error  { return a.conn.reads.extend(t) }
func (a *answer) SetWriteDeadline(t time.Time) error { return a.conn.writes.extend(t) }

// dated is the text of a second.
type dated struct {
	second int64
	text   string
}

var lastDate atomic.Pointer[dated]

func date(now time.Time) string {
	d := lastDate.Load()
	if d == nil || d.second != now.Unix() {
		d = &dated{now.Unix(), now.UTC().Format(http.TimeFormat)}
		lastDate.Store(d)
	}
	return d.text
}
