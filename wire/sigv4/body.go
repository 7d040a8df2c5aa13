package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
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

// payloadHash is the last line of the canonical request. S3 sends it as a header; for the others the body, which the edge
// has limited, is read here.
func payloadHash(r *http.Request, service string) (string, error) {
	if h := r.Header.Get("X-Amz-Content-Sha256"); h != "" {
		return h, nil
	}
	if service == "s3" {
		return "", IncompleteSignature.Errorf("Missing required header for this request: x-amz-content-sha256")
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return "", readError(err)
	}
	r.Body = io.NopCloser(strings.NewReader(string(raw)))
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
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
	want, err := hex.DecodeString(payload)
	if err != nil || len(want) != sha256.Size {
		return nil, ContentSHA256Mismatch.Errorf("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD or a valid sha256 value.")
	}
	res.Length = r.ContentLength
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
		return n, ContentSHA256Mismatch.Errorf("The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return n, IncompleteBody.Errorf("You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	return n, err
}

func (b *hashedBody) Close() error { return b.body.Close() }
