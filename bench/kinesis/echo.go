package main

import (
	"context"
	"io"
	"net/http"
	"time"
)

// serveEcho answers every request with so many bytes, after it has read its body: what a server in Go cannot be faster
// than, without doing anything.
func serveEcho(ctx context.Context, size int) error {
	answer := make([]byte, size)
	s := &http.Server{Addr: echoAddress, ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			_, _ = w.Write(answer) // the caller is gone if this fails
		}
	})}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.ListenAndServe(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}
