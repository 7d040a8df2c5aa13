package edge

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// Names below these resolve to the private address.
var privateSuffixes = []string{".amazonaws.com.", ".drey.internal."}

const (
	dnsTTL         = 30
	forwardTimeout = 2 * time.Second
)

// DNS answers the names of AWS with the private address and asks the machine's own resolvers for all others.
type DNS struct {
	address   netip.Addr
	upstreams []string
	servers   []*dns.Server
}

// NewDNS takes port 53 of address, in UDP and TCP. resolvConf is the machine's resolver file.
func NewDNS(ctx context.Context, address netip.Addr, port uint16, resolvConf string) (*DNS, error) {
	d := &DNS{address: address}
	if c, err := dns.ClientConfigFromFile(resolvConf); err == nil {
		for _, s := range c.Servers {
			if s != address.String() {
				d.upstreams = append(d.upstreams, net.JoinHostPort(s, c.Port))
			}
		}
	}
	at := netip.AddrPortFrom(address, port).String()
	packets, err := new(net.ListenConfig).ListenPacket(ctx, "udp", at)
	if err != nil {
		return nil, fmt.Errorf("listen for names: %w", explainBind(err, at))
	}
	l, err := Listen(ctx, "tcp", at)
	if err != nil {
		packets.Close()
		return nil, fmt.Errorf("listen for names: %w", err)
	}
	d.servers = []*dns.Server{{PacketConn: packets, Handler: d}, {Listener: l, Handler: d}}
	return d, nil
}

// Serve blocks until Close.
func (d *DNS) Serve() error {
	var g errgroup.Group
	for _, s := range d.servers {
		g.Go(s.ActivateAndServe)
	}
	return g.Wait()
}

// Close ends Serve.
func (d *DNS) Close() error {
	for _, s := range d.servers {
		_ = s.Shutdown() // an error means that it was not serving
	}
	return nil
}

// ServeDNS answers one question.
func (d *DNS) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	_ = w.WriteMsg(d.answer(w.RemoteAddr().Network(), q)) // the client asks again if this fails
}

func (d *DNS) answer(network string, q *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	if len(q.Question) != 1 {
		return m.SetRcode(q, dns.RcodeFormatError)
	}
	name := strings.ToLower(q.Question[0].Name)
	if !private(name) {
		return d.forward(network, q)
	}
	m.SetReply(q)
	m.Authoritative = true
	header := dns.RR_Header{Name: q.Question[0].Name, Class: dns.ClassINET, Ttl: dnsTTL}
	switch ip := d.address.AsSlice(); {
	case q.Question[0].Qtype == dns.TypeA && d.address.Is4():
		header.Rrtype = dns.TypeA
		m.Answer = []dns.RR{&dns.A{Hdr: header, A: ip}}
	case q.Question[0].Qtype == dns.TypeAAAA && d.address.Is6():
		header.Rrtype = dns.TypeAAAA
		m.Answer = []dns.RR{&dns.AAAA{Hdr: header, AAAA: ip}}
	}
	return m
}

func private(name string) bool {
	for _, suffix := range privateSuffixes {
		if strings.HasSuffix("."+name, suffix) {
			return true
		}
	}
	return false
}

func (d *DNS) forward(network string, q *dns.Msg) *dns.Msg {
	client := dns.Client{Net: network, Timeout: forwardTimeout}
	for _, upstream := range d.upstreams {
		if answer, _, err := client.Exchange(q, upstream); err == nil {
			return answer
		}
	}
	return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
}
