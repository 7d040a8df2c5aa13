package e2e

import (
	"context"
	"path/filepath"
	"time"

	"drey/e2e/paced"
)

// pace is an application that counts, whose tasks take fifty records a second each, and who puts records for it.
type pace struct {
	application
	records *paced.Producer
	counts  *paced.Counts

	stop    context.CancelFunc
	stopped chan error
}

// runPaced starts it with tags. Its log stream is in the group "paced".
func runPaced(s *server, tags ...string) *pace {
	s.t.Helper()
	project := filepath.Join(root, "e2e", "paced")
	if err := build(project, "paced.jar"); err != nil {
		s.t.Fatal(err)
	}
	s.makeStream("in", 2)
	s.makeStream("out", 1)
	s.makeRole("app")
	client := s.streams(false)
	p := &pace{application: s.create("paced", createOptions{
		jar: filepath.Join(project, "target", "paced.jar"), checkpointInterval: 5 * time.Second, perKPU: 2,
		groups: map[string]map[string]string{"Paced": {"in": "in", "out": "out", "work.micros": "20000"}},
	}), records: &paced.Producer{Client: client, Stream: "in"}}
	s.aws("logs", "create-log-group", "--log-group-name", "paced")
	p.logTo("paced")
	p.tag(tags...)
	p.run()
	var err error
	if p.counts, err = paced.ReadCounts(s.t.Context(), client, "out"); err != nil {
		s.t.Fatal(err)
	}
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
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := p.records.Put(context.WithoutCancel(ctx), perSecond/putsPerSecond); err != nil {
			return err
		}
	}
}

// backlog is how many records were put and are not counted yet.
func (p *pace) backlog() int64 {
	p.t.Helper()
	n, _, err := p.counts.Backlog(p.t.Context(), p.records)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// countsAll tells whether each record is counted, and once.
func (p *pace) countsAll() bool {
	p.t.Helper()
	_, all, err := p.counts.Backlog(p.t.Context(), p.records)
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}
