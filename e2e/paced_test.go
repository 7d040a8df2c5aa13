package e2e

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// pace is an application that counts, whose tasks take fifty records a second each, and who puts records for it.
type pace struct {
	application
	client *kinesis.Client
	out    *string
	next   *string // iterator of the stream of counts
	counts map[string]int64

	mu       sync.Mutex
	expected map[string]int64
	stop     context.CancelFunc
	stopped  chan error
}

// pacedKeys are as many that the tasks of any small parallelism have some.
const pacedKeys = 64

// runPaced starts it with tags. Its log stream is in the group "paced".
func runPaced(s *server, tags ...string) *pace {
	s.t.Helper()
	project := filepath.Join(root, "e2e", "paced")
	if err := build(project, "paced.jar"); err != nil {
		s.t.Fatal(err)
	}
	s.makeStream("in", 2)
	out := s.makeStream("out", 1)
	s.makeRole("app")
	p := &pace{application: s.create("paced", createOptions{
		jar: filepath.Join(project, "target", "paced.jar"), checkpointInterval: 5 * time.Second, perKPU: 2,
		groups: map[string]map[string]string{"Paced": {"in": "in", "out": "out", "work.micros": "20000"}},
	}), client: s.streams(false), out: out.StreamName, counts: map[string]int64{}, expected: map[string]int64{}}
	s.aws("logs", "create-log-group", "--log-group-name", "paced")
	p.logTo("paced")
	p.tag(tags...)
	p.run()
	it, err := p.client.GetShardIterator(s.t.Context(), &kinesis.GetShardIteratorInput{StreamName: p.out, ShardId: out.Shards[0].ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		s.t.Fatal(err)
	}
	p.next = it.ShardIterator
	return p
}

// tag sets tags like Key=drey:scaling-max,Value=2.
func (a application) tag(tags ...string) {
	a.t.Helper()
	a.aws(append([]string{"kinesisanalyticsv2", "tag-resource", "--resource-arn", "arn:aws:kinesisanalytics:us-east-1:123456789012:application/" + a.name, "--tags"}, tags...)...)
}

// load puts so many records a second from now on, instead of what was put before.
func (p *pace) load(perSecond int) {
	p.t.Helper()
	p.rest()
	ctx, cancel := context.WithCancel(p.t.Context())
	p.stop, p.stopped = cancel, make(chan error, 1)
	go func() { p.stopped <- p.put(ctx, perSecond) }()
	p.t.Cleanup(p.rest)
}

// rest ends the load.
func (p *pace) rest() {
	p.t.Helper()
	if p.stop == nil {
		return
	}
	p.stop()
	if err := <-p.stopped; err != nil {
		p.t.Error(err)
	}
	p.stop = nil
}

const putsPerSecond = 10

func (p *pace) put(ctx context.Context, perSecond int) error {
	tick := time.NewTicker(time.Second / putsPerSecond)
	defer tick.Stop()
	filler := strings.Repeat("x", 8000)
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var batch []types.PutRecordsRequestEntry
		p.mu.Lock()
		for range perSecond / putsPerSecond {
			key := fmt.Sprint("key-", n%pacedKeys)
			n++
			p.expected[key]++
			batch = append(batch, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(key + " " + filler)})
		}
		p.mu.Unlock()
		out, err := p.client.PutRecords(context.WithoutCancel(ctx), &kinesis.PutRecordsInput{StreamName: aws.String("in"), Records: batch})
		if err != nil {
			return err
		}
		if *out.FailedRecordCount > 0 {
			return fmt.Errorf("%d records were not taken", *out.FailedRecordCount)
		}
	}
}

// backlog is how many records were put and are not counted yet.
func (p *pace) backlog() (n int64) {
	p.t.Helper()
	out, err := p.client.GetRecords(p.t.Context(), &kinesis.GetRecordsInput{ShardIterator: p.next})
	if err != nil {
		p.t.Fatal(err)
	}
	p.next = out.NextShardIterator
	for _, r := range out.Records {
		key, count, _ := strings.Cut(string(r.Data), " ")
		if p.counts[key], err = strconv.ParseInt(count, 10, 64); err != nil {
			p.t.Fatalf("the record %q: %v", r.Data, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, put := range p.expected {
		n += put - p.counts[key]
	}
	return n
}

// countsAll tells whether each record is counted, and once.
func (p *pace) countsAll() bool {
	p.t.Helper()
	p.backlog()
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Equal(p.counts, p.expected)
}
