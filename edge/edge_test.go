package edge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/fxamacker/cbor/v2"
	"github.com/miekg/dns"

	"drey/edge"
	"drey/edge/edgetest"
	"drey/model/cloudwatch"
	"drey/model/kinesis"
	"drey/model/sts"
	"drey/wire"
)

// echo serves one operation in each kind of protocol.
type echo struct{}

func (echo) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: new(wire.FromContext(ctx).Account)}, nil
}

func (echo) ListStreams(ctx context.Context, _ *kinesis.ListStreamsInput) (*kinesis.ListStreamsOutput, error) {
	proto := "plain"
	if wire.FromContext(ctx).Secure {
		proto = "secure"
	}
	return &kinesis.ListStreamsOutput{StreamNames: []string{proto}, HasMoreStreams: new(false)}, nil
}

func services() []*wire.Service {
	none := func(context.Context, string, any) ([]wire.Access, error) { return nil, nil }
	return []*wire.Service{
		wire.NewService(sts.Model, []wire.Op{wire.NewOp("GetCallerIdentity", "POST", "/", 0, echo{}.GetCallerIdentity)}, none),
		wire.NewService(kinesis.Model, []wire.Op{wire.NewOp("ListStreams", "POST", "/", 0, echo{}.ListStreams)}, none),
	}
}

func sign(t *testing.T, r *http.Request, body, service string) {
	t.Helper()
	hash := sha256.Sum256([]byte(body))
	err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: edgetest.AccessKeyID, SecretAccessKey: edgetest.SecretAccessKey}, r, hex.EncodeToString(hash[:]), service, "us-east-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
}

func listStreams(t *testing.T, url, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	sign(t, r, "{}", "kinesis")
	return r
}

func do(t *testing.T, client *http.Client, r *http.Request) (int, string, http.Header) {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func TestErrorsInTheSpellingOfTheProtocol(t *testing.T) {
	url := edgetest.Serve(t, services()...)
	for name, c := range map[string]struct {
		change func(*http.Request)
		target string
		status int
		code   string
	}{
		"UnknownOperation": {nil, "Kinesis_20131202.MakeTea", 404, "UnknownOperationException"},
		"NotYetServed":     {nil, "Kinesis_20131202.SplitShard", 404, "UnknownOperationException"},
		"UnknownTarget":    {nil, "Tea_2013.ListStreams", 404, "UnknownOperationException"},
		"NoSignature":      {func(r *http.Request) { r.Header.Del("Authorization") }, "Kinesis_20131202.ListStreams", 400, "MissingAuthenticationTokenException"},
		"WrongKey": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), edgetest.AccessKeyID, "AKIAOTHER", 1))
		}, "Kinesis_20131202.ListStreams", 400, "UnrecognizedClientException"},
		"ChangedBody": {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) }, "Kinesis_20131202.ListStreams", 400, "InvalidSignatureException"},
	} {
		t.Run(name, func(t *testing.T) {
			r := listStreams(t, url, c.target)
			if c.change != nil {
				c.change(r)
			}
			status, body, head := do(t, http.DefaultClient, r)
			var e struct {
				Type    string `json:"__type"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil || status != c.status || e.Type != c.code || e.Message == "" || head.Get("X-Amzn-Requestid") == "" {
				t.Errorf("got %d %s", status, body)
			}
		})
	}
}

// TestRPCv2 is spoken by the services whose model has it.
func TestRPCv2(t *testing.T) {
	none := func(context.Context, string, any) ([]wire.Access, error) { return nil, nil }
	listed := func(context.Context, *cloudwatch.ListMetricsInput) (*cloudwatch.ListMetricsOutput, error) {
		return &cloudwatch.ListMetricsOutput{NextToken: new("more")}, nil
	}
	url := edgetest.Serve(t, append(services(), wire.NewService(cloudwatch.Model, []wire.Op{wire.NewOp("ListMetrics", "POST", "/", 0, listed)}, none))...)
	for _, x := range []struct {
		path, scope string
		status      int
		member, is  string
	}{
		{"/service/GraniteServiceVersion20100801/operation/ListMetrics", "monitoring", 200, "NextToken", "more"},
		{"/service/Kinesis_20131202/operation/ListStreams", "kinesis", 404, "__type", "UnknownOperationException"},
		{"/service/Tea_2013/operation/ListStreams", "kinesis", 404, "__type", "UnknownOperationException"},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), "POST", url+x.path, strings.NewReader("\xa0"))
		r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
		r.Header.Set("Content-Type", "application/cbor")
		sign(t, r, "\xa0", x.scope)
		status, body, head := do(t, http.DefaultClient, r)
		var answer map[string]any
		if err := cbor.Unmarshal([]byte(body), &answer); err != nil || status != x.status || answer[x.member] != x.is || head.Get("Smithy-Protocol") != "rpc-v2-cbor" {
			t.Errorf("%s: %d %v %v", x.path, status, answer, err)
		}
	}
}

func TestQueryProtocol(t *testing.T) {
	url := edgetest.Serve(t, services()...)
	r, _ := http.NewRequestWithContext(t.Context(), "GET", url+"/?Action=GetCallerIdentity&Version=2011-06-15", nil)
	sign(t, r, "", "sts")
	if status, body, _ := do(t, http.DefaultClient, r); status != 200 || !strings.Contains(body, "<Account>123456789012</Account>") {
		t.Errorf("got %d %s", status, body)
	}
	r, _ = http.NewRequestWithContext(t.Context(), "GET", url+"/?Action=DecodeAuthorizationMessage&Version=2011-06-15", nil)
	sign(t, r, "", "sts")
	if status, body, _ := do(t, http.DefaultClient, r); status != 400 || !strings.Contains(body, "<Code>InvalidAction</Code>") {
		t.Errorf("got %d %s", status, body)
	}
}

// TestPrivateAddress speaks to the TLS side as the SDKs of applications do: HTTP/1.1, HTTP/2 by ALPN, and HTTP/2 from the
// first byte without ALPN.
func TestPrivateAddress(t *testing.T) {
	ca, err := edge.OpenCA(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	l, err := edge.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := edge.NewTLSServer(l, edge.New(edge.Config{
		Services: services(), Now: time.Now, Log: slog.New(slog.DiscardHandler), Authorize: func(context.Context, []wire.Access) error { return nil },
		Credentials: func(context.Context, string, string) (string, wire.Principal, error) {
			return edgetest.SecretAccessKey, wire.Principal{ARN: "a", Account: "123456789012"}, nil
		},
	}), ca)
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		_ = s.Close() // open connections are cut off
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	pem, err := os.ReadFile(ca.Path())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	const host = "123456789012.data-kinesis.us-east-1.amazonaws.com"
	dialTLS := func(alpn ...string) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: host, NextProtos: alpn}}).DialContext(ctx, "tcp", l.Addr().String())
		}
	}
	protocols := func(set func(*http.Protocols)) *http.Protocols {
		p := new(http.Protocols)
		set(p)
		return p
	}
	for name, c := range map[string]struct {
		scheme    string
		transport *http.Transport
		want      int
	}{
		"HTTP1": {"https", &http.Transport{DialTLSContext: dialTLS("http/1.1")}, 1},
		"HTTP2ByALPN": {"https", &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
		}, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: host}, ForceAttemptHTTP2: true}, 2},
		"HTTP2WithoutALPN": {"http", &http.Transport{DialContext: dialTLS(), Protocols: protocols(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := listStreams(t, c.scheme+"://"+host+"/", "Kinesis_20131202.ListStreams")
			resp, err := (&http.Client{Transport: c.transport}).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.ProtoMajor != c.want || !bytes.Contains(body, []byte("secure")) {
				t.Errorf("got HTTP/%d %s", resp.ProtoMajor, body)
			}
		})
	}
}

func TestTheAuthorityIsKept(t *testing.T) {
	dir := t.TempDir()
	first, err := edge.OpenCA(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(first.Path())
	if _, err := edge.OpenCA(dir, time.Now); err != nil {
		t.Fatal(err)
	}
	after, _ := os.ReadFile(first.Path())
	if !bytes.Equal(before, after) {
		t.Error("a second start made another authority")
	}
	if info, err := os.Stat(dir + "/ca.key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is readable by others: %v %v", info.Mode(), err)
	}
}

func TestNames(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.LocalAddr().(*net.UDPAddr).Port
	l.Close()
	d, err := edge.NewDNS(t.Context(), netip.MustParseAddr("127.0.0.1"), uint16(port), "/nonexistent")
	if err != nil {
		t.Fatal(err)
	}
	go d.Serve()
	t.Cleanup(func() { d.Close() })
	for name, want := range map[string]int{"kinesis.us-east-1.amazonaws.com.": 1, "A.B.AmazonAWS.com.": 1, "telemetry.drey.internal.": 1, "example.org.": 0, "notamazonaws.com.": 0} {
		q := new(dns.Msg)
		q.SetQuestion(name, dns.TypeA)
		for _, network := range []string{"udp", "tcp"} {
			answer, _, err := (&dns.Client{Net: network}).Exchange(q, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)).String())
			if err != nil {
				t.Fatal(err)
			}
			if len(answer.Answer) != want {
				t.Errorf("%s over %s: got %v", name, network, answer)
			}
		}
	}
}

// TestLongForms: a form is read before it names its service; then that service's limit counts, however the length was told.
func TestLongForms(t *testing.T) {
	form := "Action=GetCallerIdentity&Version=2011-06-15&a=" + strings.Repeat("x", 2<<20)
	url := edgetest.Serve(t, services()...)
	for name, body := range map[string]io.Reader{"announced": strings.NewReader(form), "in chunks": io.MultiReader(strings.NewReader(form))} {
		r, err := http.Post(url, "application/x-www-form-urlencoded", body)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %s", name, r.Status)
		}
	}
}
