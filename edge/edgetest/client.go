package edgetest

import (
	"bytes"
	"io"
	"net/http"
)

// Client is an HTTP client for AWS's SDK for Go that sends a copy of each body. The SDK closes its own as soon as the answer
// begins, and when net/http has not yet looked for its end, that ends the connection, and with it an event stream
// (smithy-go 1.28.9).
type Client struct{ *http.Client }

// Do sends r.
func (c Client) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return c.Client.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return c.Client.Do(r)
}
