package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

func readAnswer(r *bufio.Reader) (int, string, error) {
	h, err := readHead(r)
	if err != nil {
		return 0, "", err
	}
	body, err := h.readBody(r, nil)
	return h.status, string(body), err
}

func TestAnswersFollowOneAnotherOnAConnection(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	r := bufio.NewReader(strings.NewReader("" +
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" +
		"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n" +
		"HTTP/1.1 400 Bad Request\r\ncontent-length:5\r\nX-Other: Content-Length: 9\r\n\r\nerror" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" + long + "\r\n0\r\nX-Trailer: 1\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 0\r\n\r\n"))
	for i, want := range []struct {
		status int
		body   string
	}{{200, "{}"}, {200, "abcde"}, {400, "error"}, {200, long}, {200, ""}} {
		status, body, err := readAnswer(r)
		if err != nil || status != want.status || body != want.body {
			t.Errorf("answer %d: status %d, %d bytes, %v", i, status, len(body), err)
		}
	}
	if _, _, err := readAnswer(r); !errors.Is(err, io.EOF) {
		t.Errorf("after the last answer: %v", err)
	}
}

func TestCutAndForeignAnswersAreErrors(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab",
		"HTTP/1.1 2xx OK\r\n\r\n",
		"HTTP/1.0 200 OK\r\n\r\n",
		"SSH-2.0-OpenSSH_9\r\n",
		"",
	} {
		if status, body, err := readAnswer(bufio.NewReader(strings.NewReader(answer))); err == nil {
			t.Errorf("%q was taken as %d %q", answer, status, body)
		}
	}
}

func TestAnswerOtherThan200IsRefused(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := newConn(t.Context(), ours)
	defer c.Close()
	go func() {
		_, _ = io.ReadFull(theirs, make([]byte, 4))
		_, _ = io.WriteString(theirs, "HTTP/1.1 400 Bad Request\r\nContent-Length: 7\r\n\r\nrefused")
	}()
	_, err := c.roundTrip([]byte("PING"))
	if refused, ok := errors.AsType[*errRefused](err); !ok || refused.status != 400 || refused.body != "refused" {
		t.Errorf("got %v", err)
	}
}
