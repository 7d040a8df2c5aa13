package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// sum is a number of orders and their worth in cents.
type sum struct{ count, cents int64 }

// summary is what the order processor answers for a window of a region.
type summary struct {
	Version, Region, WindowEnd string
	Count                      int64
	Amount                     json.Number
	TotalCount                 int64
	TotalAmount                json.Number
	BestWindow, Average        json.Number
}

// cents reads an amount without floating point.
func cents(t *testing.T, amount json.Number) int64 {
	t.Helper()
	whole, fraction, _ := strings.Cut(amount.String(), ".")
	var c int64
	if _, err := fmt.Sscan(whole+(fraction + "00")[:2], &c); err != nil || len(fraction) > 2 {
		t.Fatalf("%q is no amount of money", amount)
	}
	return c
}

// shop sends orders to a stream, reads summaries from another, and knows what these should come to.
type shop struct {
	*server
	client            *kinesis.Client
	orders, summaries string
	random            *rand.Rand
	sent              int
	expected          map[string]sum
	iterators         map[string]*string
	received          []summary
}

// openShop uses existing streams.
func (s *server) openShop(orders, summaries string, seed uint64) *shop {
	p := &shop{server: s, orders: orders, summaries: summaries, random: rand.New(rand.NewPCG(seed, 0)), expected: map[string]sum{}}
	p.client = kinesis.New(kinesis.Options{
		BaseEndpoint: aws.String(s.getenv("AWS_ENDPOINT_URL")), Region: s.getenv("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(s.getenv("AWS_ACCESS_KEY_ID"), s.getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})
	return p
}

// createStreams makes the streams of the guide.
func (s *server) createStreams() {
	s.t.Helper()
	s.guide("02-streams.sh")
}

// regions of the orders; those that begin with probe are for finding out when the application reads.
var regions = []string{"Africa", "Asia", "Europe", "Oceania"}

const probe = "probe "

// order makes a random one. Some are refunds, which the application leaves out.
func (p *shop) order() types.PutRecordsRequestEntry {
	p.sent++
	region := regions[p.random.IntN(len(regions))]
	worth := p.random.Int64N(50_000) + 1
	if p.random.IntN(50) == 0 {
		worth = -worth
	}
	if worth > 0 {
		e := p.expected[region]
		p.expected[region] = sum{e.count + 1, e.cents + worth}
	}
	sign := ""
	if worth < 0 {
		sign, worth = "-", -worth
	}
	id := fmt.Sprintf("order-%d", p.sent)
	body := fmt.Sprintf(`{"id":%q,"region":%q,"amount":%s%d.%02d}`, id, region, sign, worth/100, worth%100)
	return types.PutRecordsRequestEntry{Data: []byte(body), PartitionKey: &id}
}

// send puts a number of orders.
func (p *shop) send(n int) {
	p.t.Helper()
	for n > 0 {
		var batch []types.PutRecordsRequestEntry
		for range min(n, 500) {
			batch = append(batch, p.order())
		}
		n -= len(batch)
		for len(batch) > 0 {
			out, err := p.client.PutRecords(p.t.Context(), &kinesis.PutRecordsInput{StreamName: &p.orders, Records: batch})
			if err != nil {
				p.t.Fatal(err)
			}
			var again []types.PutRecordsRequestEntry
			for i, r := range out.Records {
				if r.ErrorCode != nil {
					again = append(again, batch[i])
				}
			}
			if batch = again; len(batch) > 0 {
				time.Sleep(100 * time.Millisecond) // a shard takes 1,000 records in a second
			}
		}
	}
}

// awaitConsumption probes every shard until the application answers for each: it reads from LATEST on, so what was sent
// before it subscribed never counts.
func (p *shop) awaitConsumption() {
	p.t.Helper()
	shards, err := p.client.ListShards(p.t.Context(), &kinesis.ListShardsInput{StreamName: &p.orders})
	if err != nil {
		p.t.Fatal(err)
	}
	var probed time.Time
	p.await("the application reads every shard", 4*time.Minute, func() bool {
		if time.Since(probed) > 2*time.Second {
			probed = time.Now()
			for _, s := range shards.Shards {
				_, err := p.client.PutRecord(p.t.Context(), &kinesis.PutRecordInput{
					StreamName: &p.orders, PartitionKey: aws.String("probe"), ExplicitHashKey: s.HashKeyRange.StartingHashKey,
					Data: fmt.Appendf(nil, `{"id":"probe","region":%q,"amount":0.01}`, probe+*s.ShardId),
				})
				if err != nil {
					p.t.Fatal(err)
				}
			}
		}
		p.poll()
		heard := map[string]bool{}
		for _, s := range p.received {
			heard[s.Region] = heard[s.Region] || strings.HasPrefix(s.Region, probe)
		}
		delete(heard, "")
		n := 0
		for _, probed := range heard {
			if probed {
				n++
			}
		}
		return n == len(shards.Shards)
	})
}

// poll reads what is new in the stream of summaries.
func (p *shop) poll() {
	p.t.Helper()
	ctx := p.t.Context()
	if p.iterators == nil {
		p.iterators = p.fromTheBeginning(ctx)
	}
	for shard, iterator := range p.iterators {
		out, err := p.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})
		if err != nil {
			p.t.Fatal(err)
		}
		p.iterators[shard] = out.NextShardIterator
		for _, r := range out.Records {
			var s summary
			d := json.NewDecoder(bytes.NewReader(r.Data))
			d.UseNumber()
			if err := d.Decode(&s); err != nil {
				p.t.Fatalf("the summary %s: %v", r.Data, err)
			}
			p.received = append(p.received, s)
		}
	}
}

func (p *shop) fromTheBeginning(ctx context.Context) map[string]*string {
	p.t.Helper()
	shards, err := p.client.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &p.summaries})
	if err != nil {
		p.t.Fatal(err)
	}
	iterators := map[string]*string{}
	for _, s := range shards.Shards {
		out, err := p.client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
			StreamName: &p.summaries, ShardId: s.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			p.t.Fatal(err)
		}
		iterators[*s.ShardId] = out.ShardIterator
	}
	return iterators
}

// totals are the newest running total of each region: the application's state.
func (p *shop) totals() map[string]sum {
	totals := map[string]sum{}
	for _, s := range p.received {
		if !strings.HasPrefix(s.Region, probe) {
			totals[s.Region] = sum{s.TotalCount, cents(p.t, s.TotalAmount)}
		}
	}
	return totals
}

// windows are the sums of all windows of each region.
func (p *shop) windows() map[string]sum {
	windows := map[string]sum{}
	for _, s := range p.received {
		if !strings.HasPrefix(s.Region, probe) {
			w := windows[s.Region]
			windows[s.Region] = sum{w.count + s.Count, w.cents + cents(p.t, s.Amount)}
		}
	}
	return windows
}

// awaitTotals waits until the running totals count all orders that were sent.
func (p *shop) awaitTotals() {
	p.t.Helper()
	p.await("summaries of all orders", 3*time.Minute, func() bool {
		p.poll()
		var have, want int64
		for _, s := range p.totals() {
			have += s.count
		}
		for _, s := range p.expected {
			want += s.count
		}
		return have >= want
	})
}
