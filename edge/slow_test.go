package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"drey/edge"
	"drey/edge/edgetest"
	"drey/model/kinesis"
	"drey/model/s3"
	"drey/wire"
)

// pipes is a listener whose connections are in memory, so that time in a bubble passes by itself.
type pipes struct {
	conns chan net.Conn
	ended chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.ended)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// slow serves a test's operations in a bubble; ca may be nil.
func slow(t *testing.T, ca *edge.CA, services ...*wire.Service) *pipes {
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	h := edge.New(edge.Config{
		Services: services, Now: time.Now, Region: "us-east-1", Log: slog.New(slog.DiscardHandler), Authorize: func(context.Context, []wire.Access) error { return nil },
		Credentials: func(context.Context, string, string) (string, wire.Principal, error) {
			return edgetest.SecretAccessKey, wire.Principal{ARN: "a", Account: "123456789012"}, nil
		},
	})
	s := edge.NewServer(p, h)
	if ca != nil {
		s = edge.NewTLSServer(p, h, ca)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		_ = s.Close() // open connections are cut off
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p
}

// trickle sends a byte a second until the server hangs up, and gives what it has answered and how long it took that.
func trickle(t *testing.T, c net.Conn, text string) (answer string, took time.Duration) {
	began := time.Now()
	ended := make(chan string)
	go func() {
		b, _ := io.ReadAll(c) // whatever ends it
		ended <- string(b)
	}()
	for i := 0; ; i++ {
		if _, err := c.Write([]byte{text[i%len(text)]}); err != nil {
			return <-ended, time.Since(began)
		}
		if time.Since(began) > time.Hour {
			t.Fatal("the server listens for an hour")
		}
		time.Sleep(time.Second)
	}
}

// TestAByteASecond: who sends one byte a second is cut off, before and within a header, a TLS handshake, and a body, whether
// the operation reads it or not.
func TestAByteASecond(t *testing.T) {
	ca, err := edge.OpenCA(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	const put = "POST / HTTP/1.1\r\nHost: kinesis\r\nX-Amz-Target: Kinesis_20131202.ListStreams\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 100000\r\n"
	signed := put + "Authorization: AWS4-HMAC-SHA256 Credential=A/20000101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00\r\nX-Amz-Date: 20000101T000000Z\r\n\r\n"
	for name, c := range map[string]struct {
		at     string
		ca     *edge.CA
		within time.Duration
		says   string
	}{
		"Header":      {"", nil, 11 * time.Second, ""},
		"Handshake":   {"", ca, 11 * time.Second, ""},
		"Body":        {signed, nil, 22 * time.Second, "RequestTimeoutException"},
		"UnreadBody":  {put + "\r\n", nil, 22 * time.Second, "MissingAuthenticationTokenException"},
		"UnaskedBody": {"POST /_drey/health HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", nil, 22 * time.Second, "ok"},
		"Form":        {"POST / HTTP/1.1\r\nHost: sts\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\n", nil, 22 * time.Second, "RequestTimeout"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := slow(t, c.ca, services()...).dial()
				if _, err := io.WriteString(conn, c.at); err != nil {
					t.Fatal(err)
				}
				answer, took := trickle(t, conn, strings.Repeat("x", 64))
				if took > c.within || !strings.Contains(answer, c.says) {
					t.Errorf("ended after %v with %q", took, answer)
				}
			})
		})
	}
}

// drip is a body of a byte a second.
type drip struct{}

func (drip) Read(b []byte) (int, error) {
	time.Sleep(time.Second)
	b[0] = ' '
	return 1, nil
}

func TestAByteASecondOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := slow(t, nil, services()...)
		transport := over(p, true)
		defer transport.CloseIdleConnections()
		r := listStreams(t, "http://kinesis/", "Kinesis_20131202.ListStreams")
		r.Body, r.ContentLength = io.NopCloser(drip{}), 100000
		began := time.Now()
		status, body, _ := do(t, &http.Client{Transport: transport}, r)
		if took := time.Since(began); status != 408 || !strings.Contains(body, "RequestTimeoutException") || took > 22*time.Second {
			t.Errorf("after %v: %d %s", took, status, body)
		}
	})
}

// blob is an S3 that takes objects.
type blob struct{ got chan string }

func (s blob) PutObject(_ context.Context, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	b, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	s.got <- string(b)
	return &s3.PutObjectOutput{}, nil
}

// TestSlowUploads: an upload to S3 may be as slow as it likes while bytes arrive, and is given up when none do.
func TestSlowUploads(t *testing.T) {
	const head = "PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nContent-Length: 100\r\n\r\n"
	synctest.Test(t, func(t *testing.T) {
		s := blob{make(chan string, 1)}
		service := wire.NewService(s3.Model, []wire.Op{wire.NewOp("PutObject", "PUT", "/{Bucket}/{Key+}?x-id=PutObject", 0, s.PutObject)},
			func(context.Context, string, any) ([]wire.Access, error) { return nil, nil })
		p := slow(t, nil, service)
		conn := p.dial()
		fmt.Fprint(conn, head)
		for range 100 {
			time.Sleep(25 * time.Second)
			if _, err := conn.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		if got := <-s.got; got != strings.Repeat("x", 100) {
			t.Errorf("got %q", got)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != 200 {
			t.Errorf("%v %v", resp, err)
		}
		conn.Close()

		conn = p.dial()
		began := time.Now()
		fmt.Fprint(conn, head+"x")
		answer, _ := io.ReadAll(conn) // whatever ends it
		if took := time.Since(began); took > 32*time.Second || !bytes.Contains(answer, []byte("<Code>RequestTimeout</Code>")) {
			t.Errorf("ended after %v with %q", took, answer)
		}
	})
}

// TestLongBodies: a body beyond the limit is refused before it is read if its length is announced, and else where it
// passes the limit.
func TestLongBodies(t *testing.T) {
	const limit = 16 << 20 // of Kinesis
	const head = "POST / HTTP/1.1\r\nHost: kinesis\r\nX-Amz-Target: Kinesis_20131202.PutRecords\r\nContent-Type: application/x-amz-json-1.1\r\n" +
		"Authorization: AWS4-HMAC-SHA256 Credential=A/20000101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00\r\nX-Amz-Date: 20000101T000000Z\r\n"
	refused := func(t *testing.T, conn net.Conn) {
		t.Helper()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		var e struct {
			Type string `json:"__type"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || resp.StatusCode != 413 || e.Type != "RequestEntityTooLargeException" || !resp.Close {
			t.Errorf("%v %v %v", resp.Status, e, err)
		}
	}
	t.Run("Announced", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn := slow(t, nil, services()...).dial()
			began := time.Now()
			fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n", head, limit+1)
			refused(t, conn)
			if time.Since(began) > 0 {
				t.Error("the answer waited for the body")
			}
		})
	})
	t.Run("Chunked", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn := slow(t, nil, services()...).dial()
			sent := make(chan int, 1)
			go func() {
				fmt.Fprint(conn, head, "Transfer-Encoding: chunked\r\n\r\n")
				n, chunk := 0, fmt.Sprintf("%x\r\n%s\r\n", 1<<20, make([]byte, 1<<20))
				for ; n < 64; n++ {
					if _, err := io.WriteString(conn, chunk); err != nil {
						break
					}
				}
				sent <- n
			}()
			refused(t, conn)
			conn.Close()
			if n := <-sent; n > limit>>20+1 {
				t.Errorf("%d MiB were read", n)
			}
		})
	})
}

// endless is a body that counts what is taken of it.
type endless struct{ taken *atomic.Int64 }

func (e endless) Read(b []byte) (int, error) {
	e.taken.Add(int64(len(b)))
	return len(b), nil
}

// TestLongBodiesOverHTTP2: who announces too much is refused, and no more is taken of the body than a window's worth.
func TestLongBodiesOverHTTP2(t *testing.T) {
	const limit = 16 << 20 // of Kinesis
	for name, c := range map[string]struct{ length, most int64 }{"Announced": {limit + 1, 4 << 20}, "Unannounced": {-1, limit + 4<<20}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := over(slow(t, nil, services()...), true)
				defer transport.CloseIdleConnections()
				r := listStreams(t, "http://kinesis/", "Kinesis_20131202.PutRecords")
				var taken atomic.Int64
				r.Body, r.ContentLength = io.NopCloser(endless{&taken}), c.length
				status, body, _ := do(t, &http.Client{Transport: transport}, r)
				if status != 413 || !strings.Contains(body, "RequestEntityTooLargeException") {
					t.Errorf("%d %s", status, body)
				}
				synctest.Wait()
				if n := taken.Load(); n > c.most {
					t.Errorf("%d bytes were taken", n)
				}
			})
		})
	}
}

// flood pushes events that grow as large as the caller takes them, until its own minute is over.
type flood struct{ ended chan error }

func (f flood) SubscribeToShard(ctx context.Context, _ *kinesis.SubscribeToShardInput) (*kinesis.SubscribeToShardOutput, error) {
	reading, cut := context.WithTimeout(ctx, time.Minute)
	return &kinesis.SubscribeToShardOutput{EventStream: func(ctx context.Context, send func(context.Context, any) error) error {
		defer cut()
		for reading.Err() == nil {
			e := &kinesis.SubscribeToShardEvent{ContinuationSequenceNumber: new("1"), MillisBehindLatest: new(int64(0)), Records: []kinesis.Record{{Data: make([]byte, 1<<20), PartitionKey: new("k"), SequenceNumber: new("1")}}}
			if err := send(reading, &kinesis.SubscribeToShardEventStream{SubscribeToShardEvent: e}); err != nil {
				f.ended <- err
				return err
			}
		}
		f.ended <- nil
		return nil
	}}, nil
}

// TestASubscriberThatDoesNotRead is let go when its subscription ends, over HTTP/1.1 and HTTP/2.
func TestASubscriberThatDoesNotRead(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP1": false, "HTTP2": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := flood{make(chan error, 1)}
				p := slow(t, nil, wire.NewService(kinesis.Model, []wire.Op{wire.NewOp("SubscribeToShard", "POST", "/", 0, f.SubscribeToShard)},
					func(context.Context, string, any) ([]wire.Access, error) { return nil, nil }))
				transport := over(p, http2)
				defer transport.CloseIdleConnections()
				r := subscribeRequest(t)
				began := time.Now()
				resp, err := (&http.Client{Transport: transport}).Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if m, err := eventstream.NewDecoder().Decode(resp.Body, nil); err != nil || m.Headers.Get(":event-type").String() != "initial-response" {
					t.Fatal(m, err)
				}
				if err, took := <-f.ended, time.Since(began); err == nil || took != time.Minute+5*time.Second {
					t.Errorf("ended after %v: %v", took, err)
				}
			})
		})
	}
}

// unread are requests that are answered in each of the edge's ways.
var unread = map[string][2]string{"Answer": {"GET", "/_drey/health"}, "Refusal": {"POST", "/?Action=GetCallerIdentity"}, "S3": {"GET", "/bucket"}, "NotFound": {"GET", "/_drey/no"}}

// TestAnswersWithoutAWindow: over HTTP/2 an answer, however short, is given up when the client grants no window for it.
func TestAnswersWithoutAWindow(t *testing.T) {
	for name, request := range unread {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := slow(t, nil, append(services(), objects(nil))...).dial()
				defer conn.Close()
				began := time.Now()
				go func() {
					_, _ = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
					f := http2.NewFramer(conn, nil)
					var fields bytes.Buffer
					e := hpack.NewEncoder(&fields)
					for _, h := range [][2]string{{":method", request[0]}, {":path", request[1]}, {":scheme", "http"}, {":authority", "a"}} {
						_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
					}
					_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
					_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields.Bytes(), EndStream: true, EndHeaders: true})
				}()
				f := http2.NewFramer(nil, conn)
				for {
					frame, err := f.ReadFrame()
					if err != nil {
						t.Fatal(err)
					}
					switch frame := frame.(type) {
					case *http2.DataFrame:
						t.Fatalf("data without a window: %q", frame.Data())
					case *http2.RSTStreamFrame:
						if took := time.Since(began); took != 20*time.Second {
							t.Errorf("given up after %v", took)
						}
						return
					}
					if time.Since(began) > time.Minute {
						t.Fatal("the answer is held")
					}
				}
			})
		})
	}
}

// TestConnectionsThatAreNotRead are closed, over HTTP/1.1 and, where all streams share what the socket does not take, HTTP/2.
func TestConnectionsThatAreNotRead(t *testing.T) {
	closed := func(t *testing.T, conn net.Conn, text string, within time.Duration) {
		t.Helper()
		defer conn.Close()
		_, _ = io.WriteString(conn, text)
		time.Sleep(within)
		synctest.Wait()
		if _, err := conn.Write([]byte("x")); err == nil {
			t.Error("the connection stands")
		}
	}
	for name, request := range unread {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := slow(t, nil, append(services(), objects(nil))...)
				closed(t, p.dial(), request[0]+" "+request[1]+" HTTP/1.1\r\nHost: a\r\n\r\n", 21*time.Second)
			})
		})
	}
	t.Run("HTTP2", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			closed(t, slow(t, nil, services()...).dial(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 31*time.Second)
		})
	})
}

// objects is an S3 of which each object has that body.
func objects(body []byte) *wire.Service {
	get := func(context.Context, *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
		return &s3.GetObjectOutput{Body: io.NopCloser(io.LimitReader(bytes.NewReader(body), int64(len(body)))), ContentLength: new(int64(len(body)))}, nil
	}
	return wire.NewService(s3.Model, []wire.Op{wire.NewOp("GetObject", "GET", "/{Bucket}/{Key+}?x-id=GetObject", 0, get)},
		func(context.Context, string, any) ([]wire.Access, error) { return nil, nil })
}

// TestPausesWithinAnObject: who reads an object may pause for less than five minutes, again and again.
func TestPausesWithinAnObject(t *testing.T) {
	for name, isHTTP2 := range map[string]bool{"HTTP1": false, "HTTP2": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const size = 10 << 20
				p := slow(t, nil, objects(make([]byte, size)))
				transport := over(p, isHTTP2)
				defer transport.CloseIdleConnections()
				read := func(pause time.Duration) (n int64, err error) {
					r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://s3/bucket/key", nil)
					resp, err := (&http.Client{Transport: transport}).Do(r)
					if err != nil {
						t.Fatal(err)
					}
					defer resp.Body.Close()
					for err == nil {
						var m int64
						m, err = io.CopyN(io.Discard, resp.Body, 2<<20)
						n += m
						time.Sleep(pause)
					}
					return n, err
				}
				if n, err := read(4 * time.Minute); n != size || err != io.EOF {
					t.Errorf("read %d: %v", n, err)
				}
				if n, err := read(6 * time.Minute); n == size || err == io.EOF {
					t.Errorf("read %d: %v", n, err)
				}
			})
		})
	}
}

// over is a client's way to p.
func over(p *pipes, http2 bool) *http.Transport {
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return p.dial(), nil }, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	return transport
}

func subscribeRequest(t *testing.T) *http.Request {
	t.Helper()
	const body = `{"ConsumerARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1","ShardId":"shardId-000000000000","StartingPosition":{"Type":"LATEST"}}`
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://kinesis/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.SubscribeToShard")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	sign(t, r, body, "kinesis")
	return r
}

// TestDeadlinesEndWithTheirAnswers: a connection that rests longer than an answer may take is good for any other request.
func TestDeadlinesEndWithTheirAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := slow(t, nil, services()...).dial()
		defer c.Close()
		in := bufio.NewReader(c)
		send := func(text string) *http.Response {
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			r, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, r.Body)
			return r
		}
		send("POST / HTTP/1.1\r\nHost: kinesis\r\nX-Amz-Target: Kinesis_20131202.ListStreams\r\nContent-Length: 0\r\n\r\n")
		time.Sleep(time.Minute)
		r := send("POST / HTTP/1.1\r\nHost: sts\r\nExpect: 100-continue\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n\r\n")
		if r.StatusCode != http.StatusContinue {
			t.Errorf("got %s", r.Status)
		}
	})
}
