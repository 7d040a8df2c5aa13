package edge

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"

	"drey/wire"
)

// plain undoes the compression that SDKs apply to long requests of some operations (Smithy, "requestCompression trait"):
// the signature covers the compressed body. What it unpacks to is limited as any body is.
func plain(h http.Header, raw []byte, limit int64) ([]byte, error) {
	if h.Get("Content-Encoding") != "gzip" {
		return raw, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, wire.SerializationException.Errorf("The request body is not valid gzip: %v", err)
	}
	out, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err != nil {
		return nil, wire.SerializationException.Errorf("The request body is not valid gzip: %v", err)
	}
	if int64(len(out)) > limit {
		return nil, tooLarge(limit)
	}
	return out, nil
}
