package httpconn

import (
	"io"
	"net"
)

// begunTCP keeps what net/http looks for in a TCP connection.
type begunTCP struct {
	begun
	tcp *net.TCPConn
}

// ReadFrom lets the kernel send files.
func (b *begunTCP) ReadFrom(r io.Reader) (int64, error) { return b.tcp.ReadFrom(r) }

// CloseWrite lets the client read an answer to a request that was not read to its end.
func (b *begunTCP) CloseWrite() error { return b.tcp.CloseWrite() }

func resume(c net.Conn, read []byte) net.Conn {
	if tcp, ok := c.(*net.TCPConn); ok {
		return &begunTCP{begun{c, read}, tcp}
	}
	return &begun{c, read}
}
