package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"golang.org/x/sync/errgroup"
)

// gate holds up clients while the server is away; it begins shut.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // closed while it is open
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if open {
		close(g.open)
	} else {
		g.open = make(chan struct{})
	}
}

// pass waits for the server; false means that ctx is over.
func (g *gate) pass(ctx context.Context) bool {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	select {
	case <-open:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// sent is a record as it was sent: which request of its producer, which attempt at that, which record of the request.
type sent struct{ request, attempt, index int }

func (a sent) before(b sent) bool {
	return slices.Compare([]int{a.request, a.attempt, a.index}, []int{b.request, b.attempt, b.index}) < 0
}

// ledger holds what producers sent and were told.
type ledger struct {
	mu    sync.Mutex
	sent  map[string]map[sent]bool // by producer
	told  map[string]string        // shard and sequence number → text
	again int                      // requests that were repeated
	bytes atomic.Int64             // acknowledged
}

// producer puts requests of some records one after the other, each until it is acknowledged.
type producer struct {
	*ledger
	gate    *gate
	client  *kinesis.Client
	stream  *string
	name    string
	records int // of a request; 1: PutRecord
	padding int // bytes
}

func (p *producer) run(ctx context.Context) error {
	for request := 0; ctx.Err() == nil; request++ {
		for attempt := 0; ; attempt++ {
			p.gate.pass(context.WithoutCancel(ctx)) // what was begun is ended
			err := p.put(context.WithoutCancel(ctx), request, attempt)
			if err == nil {
				break
			}
			if attempt > 1000 {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return nil
}

// put notes what is sent before, and what is acknowledged after.
func (p *producer) put(ctx context.Context, request, attempt int) error {
	entries := make([]types.PutRecordsRequestEntry, p.records)
	p.mu.Lock()
	if attempt > 0 {
		p.again++
	}
	for i := range entries {
		p.sent[p.name][sent{request, attempt, i}] = true
		text := fmt.Appendf(nil, "%s %d %d %d ", p.name, request, attempt, i)
		entries[i] = types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprint(p.name, "-", i%3)), Data: append(text, bytes.Repeat([]byte("x"), p.padding)...)}
	}
	p.mu.Unlock()
	results, err := p.request(ctx, entries)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, r := range results {
		p.told[*r.ShardId+" "+*r.SequenceNumber] = fmt.Sprintf("%s %d %d %d", p.name, request, attempt, i)
		p.bytes.Add(int64(len(entries[i].Data)))
	}
	return nil
}

func (p *producer) request(ctx context.Context, entries []types.PutRecordsRequestEntry) ([]types.PutRecordsResultEntry, error) {
	if p.records == 1 {
		out, err := p.client.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: p.stream, PartitionKey: entries[0].PartitionKey, Data: entries[0].Data}, once)
		if err != nil {
			return nil, err
		}
		return []types.PutRecordsResultEntry{{ShardId: out.ShardId, SequenceNumber: out.SequenceNumber}}, nil
	}
	out, err := p.client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: p.stream, Records: entries}, once)
	if err != nil {
		return nil, err
	}
	if *out.FailedRecordCount > 0 {
		return nil, fmt.Errorf("%d records failed", *out.FailedRecordCount)
	}
	return out.Records, nil
}

// follower collects what a reader gets of a shard.
type follower struct {
	mu  sync.Mutex
	got []string // sequence number and beginning of the data
}

func (f *follower) take(records []types.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range records {
		f.got = append(f.got, *r.SequenceNumber+" "+string(r.Data[:min(len(r.Data), 64)]))
	}
}

func (f *follower) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// poll reads from the beginning on with one chain of iterators, over all restarts.
func (f *follower) poll(ctx context.Context, g *gate, c *kinesis.Client, iterator *string) error {
	tick := time.NewTicker(20 * time.Millisecond) // as pollers do
	defer tick.Stop()
	for g.pass(ctx) {
		out, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator}, once)
		if err != nil {
			continue // and the same once more
		}
		f.take(out.Records)
		if iterator = out.NextShardIterator; len(out.Records) == 0 {
			<-tick.C
		}
	}
	return nil
}

// follow subscribes again and again, behind the last event that came.
func (f *follower) follow(ctx context.Context, g *gate, c *kinesis.Client, consumer, shard *string) (subscriptions int) {
	from := &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
	for g.pass(ctx) {
		out, err := c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{ConsumerARN: consumer, ShardId: shard, StartingPosition: from}, once)
		if err != nil {
			continue
		}
		subscriptions++
		events := out.GetStream()
		for e := range events.Events() {
			event := e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
			f.take(event.Records)
			from = &types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: event.ContinuationSequenceNumber}
		}
		events.Close()
	}
	return subscriptions
}

// check holds a shard against the ledger: all that was acknowledged is there; each producer's requests are in their order,
// nothing is there twice but what was sent again, and nothing that nobody sent.
func (l *ledger) check(t *testing.T, shard string, records []string) {
	t.Helper()
	previous, latest, found := new(big.Int), map[string]sent{}, map[string]bool{}
	for _, r := range records {
		var number, name string
		var s sent
		if _, err := fmt.Sscan(r, &number, &name, &s.request, &s.attempt, &s.index); err != nil {
			t.Fatalf("%q: %v", r, err)
		}
		n, _ := new(big.Int).SetString(number, 10)
		if n.Cmp(previous) <= 0 {
			t.Fatalf("%s: %s comes after %s", shard, n, previous)
		}
		if last, ok := latest[name]; ok && !last.before(s) {
			t.Fatalf("%s: of %s, %v comes after %v", shard, name, s, last)
		}
		if !l.sent[name][s] {
			t.Fatalf("%s: nobody sent %v of %s", shard, s, name)
		}
		text := fmt.Sprintf("%s %d %d %d", name, s.request, s.attempt, s.index)
		if told, ok := l.told[shard+" "+number]; ok && told != text {
			t.Fatalf("%s: %s is %q, acknowledged was %q", shard, number, text, told)
		}
		previous, latest[name], found[number] = n, s, true
	}
	for place, text := range l.told {
		if number, ok := strings.CutPrefix(place, shard+" "); ok && !found[number] {
			t.Fatalf("%s: %q was acknowledged and is lost", shard, text)
		}
	}
}

// busy is a stream whose producers and readers are at work while the server is killed.
type busy struct {
	ledger
	stream  types.StreamDescription
	polling map[string]*follower // by shard
	pushed  map[string]*follower

	subscriptions atomic.Int64
}

func (s *server) makeBusy(name string, shards int) *busy {
	return &busy{ledger: ledger{sent: map[string]map[sent]bool{}, told: map[string]string{}}, stream: s.makeStream(name, shards), polling: map[string]*follower{}, pushed: map[string]*follower{}}
}

// produce starts a producer, with connections of its own.
func (b *busy) produce(ctx context.Context, work *errgroup.Group, s *server, g *gate, records, padding int) {
	name := fmt.Sprint("producer", len(b.sent))
	b.sent[name] = map[sent]bool{}
	p := &producer{ledger: &b.ledger, gate: g, client: s.streams(len(b.sent)%2 == 0), stream: b.stream.StreamName, name: name, records: records, padding: padding}
	work.Go(func() error { return p.run(ctx) })
}

// read starts a subscriber and a polling reader of each shard.
func (b *busy) read(ctx context.Context, work *errgroup.Group, s *server, g *gate) {
	s.t.Helper()
	consumer := s.consumer(b.stream, "fan-out")
	for i, shard := range b.stream.Shards {
		id := *shard.ShardId
		polling, pushed := &follower{}, &follower{}
		b.polling[id], b.pushed[id] = polling, pushed
		asking, subscribing := s.streams(i%2 == 0), s.streams(true)
		it, err := asking.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: b.stream.StreamName, ShardId: &id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			s.t.Fatal(err)
		}
		work.Go(func() error { return polling.poll(ctx, g, asking, it.ShardIterator) })
		work.Go(func() error {
			b.subscriptions.Add(int64(pushed.follow(ctx, g, subscribing, consumer, &id)))
			return nil
		})
	}
}

// check reads each shard once more, and waits for the readers to have got the same.
func (b *busy) check(s *server) {
	s.t.Helper()
	for _, shard := range b.stream.Shards {
		id := *shard.ShardId
		records, err := polled(s.t.Context(), s.streams(false), b.stream.StreamName, &id)
		if err != nil {
			s.t.Fatal(err)
		}
		whole := &follower{}
		whole.take(records)
		b.ledger.check(s.t, id, whole.got)
		for how, f := range map[string]*follower{"polled": b.polling[id], "pushed": b.pushed[id]} {
			if f == nil {
				continue
			}
			s.await(id+" is "+how, 20*time.Second, func() bool { return len(f.all()) >= len(whole.got) })
			if got := f.all(); !slices.Equal(got, whole.got) {
				s.t.Errorf("%s: %d records were %s over the crashes, the shard has %d, and not all are the same", id, len(got), how, len(whole.got))
			}
		}
	}
	s.t.Logf("%s: %d records, %d MB acknowledged, %d requests repeated", *b.stream.StreamName, len(b.told), b.bytes.Load()>>20, b.again)
}

// TestKilledWhileBusy crashes the server again and again while producers, subscribers and pollers are at work. Some lives are
// long enough for the journal of all streams, which holds 64 MiB, to begin anew, others short.
func TestKilledWhileBusy(t *testing.T) {
	s := serve(t, "--kinesis-limits", "off")
	orders, ballast, g := s.makeBusy("orders", 2), s.makeBusy("ballast", 1), newGate()
	g.set(true)
	producing, stop := context.WithCancel(t.Context())
	reading, leave := context.WithCancel(t.Context())
	defer leave()
	defer stop()
	var producers, readers errgroup.Group
	for range 4 {
		orders.produce(producing, &producers, s, g, 1, 0)
		orders.produce(producing, &producers, s, g, 20, 10)
	}
	for range 2 {
		ballast.produce(producing, &producers, s, g, 10, 90_000)
	}
	orders.read(reading, &readers, s, g)

	for _, most := range []int64{80 << 20, 8 << 20, 80 << 20, 1 << 20, 8 << 20} {
		until, small := ballast.bytes.Load()+most-rand.N(most/8), orders.bytes.Load()
		s.await("the producers are at work", 20*time.Second, func() bool {
			return ballast.bytes.Load() >= until && orders.bytes.Load() > small+10_000
		})
		g.set(false)
		s.kill()
		s.boot()
		g.set(true)
	}
	stop()
	if err := producers.Wait(); err != nil {
		t.Fatal(err)
	}
	orders.check(s)
	ballast.check(s)
	leave()
	_ = readers.Wait() // they give no errors
	if orders.again == 0 || orders.subscriptions.Load() < 8 {
		t.Errorf("%d requests were repeated and %d subscriptions made: the crashes disturbed nobody", orders.again, orders.subscriptions.Load())
	}
}
