package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"

	"drey/wire"
)

const (
	maxChunkHeader = 4096
	maxTrailers    = 16
	emptySHA256    = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var missingContentLength = wire.ErrorCode{Code: "MissingContentLength", Status: 411}

func tooLargeError(limit int64) error {
	return wire.RequestTooLarge.Errorf("The request is larger than the %d bytes that are allowed.", limit)
}

// chunkSigner checks the chain of chunk signatures (S3 API reference, "Signature Calculations for the Authorization
// Header: Transferring Payload in Multiple Chunks").
type chunkSigner struct {
	signer   *signer
	scope    scope
	date     string
	previous string
}

func (s *chunkSigner) check(kind, detail, signature string) bool {
	b := append([]byte(algorithm+"-"+kind+"\n"+s.date+"\n"), s.scope.append(nil)...)
	ok := s.signer.made(signature, append(b, "\n"+s.previous+"\n"+detail...))
	s.previous = signature
	return ok
}

// chunkReader undoes the aws-chunked coding. Data of a chunk is handed out before its signature is checked, so a reader
// must not keep anything until it has seen io.EOF.
type chunkReader struct {
	src       io.ReadCloser
	in        *bufio.Reader
	want      int64 // decoded length announced
	got       int64
	signer    *chunkSigner // nil: chunks are not signed
	trailer   bool
	left      int64 // of the current chunk
	signature string
	sum       hash.Hash
	started   bool
	trailers  map[string]string
	err       error
}

func newChunkReader(src io.ReadCloser, want int64, signer *chunkSigner, trailer bool) *chunkReader {
	return &chunkReader{src: src, in: bufio.NewReaderSize(src, 64<<10), want: want, signer: signer, trailer: trailer, sum: sha256.New()}
}

// Trailer gives the trailing headers, in lower case, once the body was read to its end.
func (c *chunkReader) Trailer() map[string]string { return c.trailers }

func (c *chunkReader) Close() error { return c.src.Close() }

func (c *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 || c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		if c.err = c.next(); c.err != nil {
			return 0, c.err
		}
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.got += int64(n)
	if c.signer != nil {
		c.sum.Write(p[:n])
	}
	if err != nil {
		c.err = truncated()
		return n, c.err
	}
	return n, nil
}

func truncated() error {
	return IncompleteBody.Errorf("You did not provide the number of bytes specified by the Content-Length HTTP header")
}

// next ends the current chunk and begins the following one; io.EOF after the last.
func (c *chunkReader) next() error {
	if c.started {
		if err := c.endChunk(); err != nil {
			return err
		}
	}
	c.started = true
	line, err := c.line()
	if err != nil {
		return err
	}
	size, ext, _ := strings.Cut(line, ";")
	n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 64)
	if err != nil || n < 0 {
		return InvalidChunk.Errorf("The chunk size %q is not valid", size)
	}
	if c.got+n > c.want {
		return InvalidChunk.Errorf("The chunks hold more than the %d bytes of x-amz-decoded-content-length", c.want)
	}
	c.signature = strings.TrimPrefix(strings.TrimSpace(ext), "chunk-signature=")
	c.left = n
	if n == 0 {
		return c.end()
	}
	return nil
}

func (c *chunkReader) endChunk() error {
	if line, err := c.line(); err != nil || line != "" {
		if err == nil {
			err = InvalidChunk.Errorf("A chunk is longer than its size says")
		}
		return err
	}
	return c.checkChunk()
}

func (c *chunkReader) checkChunk() error {
	if c.signer == nil {
		return nil
	}
	detail := emptySHA256 + "\n" + hex.EncodeToString(c.sum.Sum(nil))
	c.sum.Reset()
	if !c.signer.check("PAYLOAD", detail, c.signature) {
		return SignatureDoesNotMatch.Errorf("The signature of a chunk does not match its content.")
	}
	return nil
}

func (c *chunkReader) end() error {
	if err := c.checkChunk(); err != nil {
		return err
	}
	if c.got != c.want {
		return truncated()
	}
	if err := c.readTrailers(); err != nil {
		return err
	}
	return io.EOF
}

func (c *chunkReader) readTrailers() error {
	c.trailers = map[string]string{}
	var signed bytes.Buffer
	signature := ""
	for range maxTrailers {
		line, err := c.line()
		if errors.Is(err, io.EOF) || err == nil && line == "" {
			return c.checkTrailers(signed.Bytes(), signature)
		}
		if err != nil {
			return err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return InvalidChunk.Errorf("A trailing header is malformed")
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "x-amz-trailer-signature" {
			signature = value
			continue
		}
		signed.WriteString(name + ":" + value + "\n")
		c.trailers[name] = value
	}
	return InvalidChunk.Errorf("There are more than %d trailing headers", maxTrailers)
}

func (c *chunkReader) checkTrailers(signed []byte, signature string) error {
	if c.signer == nil || !c.trailer {
		return nil
	}
	sum := sha256.Sum256(signed)
	if !c.signer.check("TRAILER", hex.EncodeToString(sum[:]), signature) {
		return SignatureDoesNotMatch.Errorf("The signature of the trailing headers does not match.")
	}
	return nil
}

// line reads up to CRLF. io.EOF is answered only where nothing was read and a trailer may end.
func (c *chunkReader) line() (string, error) {
	var b []byte
	for len(b) < maxChunkHeader {
		ch, err := c.in.ReadByte()
		if err != nil {
			if len(b) == 0 && c.trailers != nil {
				return "", io.EOF
			}
			return "", truncated()
		}
		if ch == '\n' {
			return strings.TrimSuffix(string(b), "\r"), nil
		}
		b = append(b, ch)
	}
	return "", InvalidChunk.Errorf("A chunk header is longer than %d bytes", maxChunkHeader)
}
