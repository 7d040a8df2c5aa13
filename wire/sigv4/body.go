package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"drey/wire"
)

// The values of X-Amz-Content-Sha256 that are no hash (S3 API reference, "Signature Calculations for the Authorization
// Header").
const (
	unsigned                = "UNSIGNED-PAYLOAD"
	streamingSigned         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingSignedTrailer  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamingUnsignedTrailr = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// Whole is a body that was read into memory.
type Whole struct {
	bytes.Reader
	Bytes []byte
}

// NewWhole makes a body of b.
func NewWhole(b []byte) *Whole {
	w := &Whole{Bytes: b}
	w.Reset(b)
	return w
}

// Close does nothing.
func (*Whole) Close() error { return nil }

// firstRead is how much memory an announced length gets before its bytes have come.
const firstRead = 1 << 20

// ReadWhole reads all of r's body, which the edge has limited, and makes it a Whole.
func ReadWhole(r *http.Request) (*Whole, error) {
	if w, ok := r.Body.(*Whole); ok {
		return w, nil
	}
	b := make([]byte, 0, min(max(r.ContentLength, 0), firstRead)+1) // one more, so that the end shows
	for {
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			w := NewWhole(b)
			r.Body = w
			return w, nil
		}
		if err != nil {
			return nil, readError(err)
		}
		if len(b) == cap(b) {
			b = slices.Grow(b, max(len(b), bytes.MinRead))
		}
	}
}

// payloadHash is the last line of the canonical request. S3 sends it as a header; for the others the body is read here.
func payloadHash(r *http.Request, service string) (string, error) {
	if h := r.Header.Get("X-Amz-Content-Sha256"); h != "" {
		return h, nil
	}
	if service == "s3" {
		return "", IncompleteSignature.Errorf("Missing required header for this request: x-amz-content-sha256")
	}
	w, err := ReadWhole(r)
	if err != nil {
		return "", err
	}
	var text [2 * sha256.Size]byte
	sum := sha256.Sum256(w.Bytes)
	hex.Encode(text[:], sum[:])
	return string(text[:]), nil
}

func readError(err error) error {
	var tooLarge *http.MaxBytesError
	var e *wire.Error
	switch {
	case errors.As(err, &tooLarge):
		return tooLargeError(tooLarge.Limit)
	case errors.As(err, &e):
		return e
	}
	return IncompleteBody.Errorf("The request body terminated unexpectedly")
}

// body gives the reader that undoes the payload's coding and checks what the signature covers of it.
func body(r *http.Request, res *Result, payload string, chunks *chunkSigner) (*Result, error) {
	switch payload {
	case unsigned:
		return unsignedBody(r, res)
	case streamingSigned, streamingSignedTrailer:
		if chunks == nil {
			return nil, SignatureDoesNotMatch.Errorf(mismatch)
		}
		return chunkedBody(r, res, chunks, payload == streamingSignedTrailer)
	case streamingUnsignedTrailr:
		return chunkedBody(r, res, nil, true)
	}
	res.Length = r.ContentLength
	w, whole := r.Body.(*Whole)
	if whole && r.Header.Get("X-Amz-Content-Sha256") == "" { // payload is its own hash
		res.Body = w
		return res, nil
	}
	want, err := hex.DecodeString(payload)
	if err != nil || len(want) != sha256.Size {
		return nil, ContentSHA256Mismatch.Errorf("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD or a valid sha256 value.")
	}
	if whole {
		if sum := sha256.Sum256(w.Bytes); string(sum[:]) != string(want) {
			return nil, errContent
		}
		res.Body = w
		return res, nil
	}
	res.Body = &hashedBody{body: r.Body, hash: sha256.New(), want: want}
	return res, nil
}

func unsignedBody(r *http.Request, res *Result) (*Result, error) {
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), streamingUnsignedTrailr) {
		return chunkedBody(r, res, nil, true)
	}
	res.Body, res.Length = r.Body, r.ContentLength
	return res, nil
}

func chunkedBody(r *http.Request, res *Result, signer *chunkSigner, trailer bool) (*Result, error) {
	length, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
	if err != nil || length < 0 {
		return nil, missingContentLength.Errorf("You must provide the Content-Length HTTP header.")
	}
	res.Length = length
	res.Body = newChunkReader(r.Body, length, signer, trailer)
	return res, nil
}

var errContent = ContentSHA256Mismatch.Errorf("The provided 'x-amz-content-sha256' header does not match what was computed.")

// hashedBody fails at its end when the content is not what was signed.
type hashedBody struct {
	body io.ReadCloser
	hash hash.Hash
	want []byte
}

func (b *hashedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.hash.Write(p[:n])
	if err == io.EOF && string(b.hash.Sum(nil)) != string(b.want) {
		return n, errContent
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return n, IncompleteBody.Errorf("You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	return n, err
}

func (b *hashedBody) Close() error { return b.body.Close() }
