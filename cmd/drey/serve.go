package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"drey/driver/local"
	"drey/runtimes"
)

// serveCmd is `drey serve`.
type serveCmd struct {
	dataDir
	Listen        netip.AddrPort    `help:"Address of the AWS APIs." default:"127.0.0.1:4566" placeholder:"ADDR:PORT"`
	AppAddress    netip.Addr        `help:"Private address that applications see as AWS: ports 443, 80 and 53 of it." default:"127.0.77.1" placeholder:"ADDR"`
	Region        string            `help:"Region of 'drey env' and of requests that name none." default:"us-east-1"`
	AccountID     string            `help:"Account of 'drey env'." default:"123456789012"`
	IAM           string            `help:"enforce decides requests; audit lets all pass and reports what enforce would deny." enum:"enforce,audit" default:"enforce"`
	KinesisLimits string            `help:"on throttles producers and consumers of streams as AWS does; off is for load tests." enum:"on,off" default:"on"`
	KinesisSync   string            `help:"always acknowledges records when they are on the disk; never when the operating system has them: they survive an end of the server, not of the machine." enum:"always,never" default:"always"`
	AlarmWebhook  map[string]string `help:"Where notifications of alarms go: the name of an SNS topic, and the address to which its messages are posted as SNS would. May be given more than once." mapsep:"none" placeholder:"TOPIC=URL"`
	KPUMemory     byteSize          `help:"Memory of a Kinesis Processing Unit; AWS gives 4g." default:"4g" placeholder:"SIZE"`
	ScalingRule   scalingRule       `help:"When automatic scaling acts: the length of a datapoint, and percent of CPU and consecutive datapoints for up and down. AWS's is the default; shorter ones are for tests and development." default:"1m,75:15,10:360" placeholder:"RULE"`
	Ephemeral     bool              `help:"Keep nothing: data lies in a temporary directory, applications end with the server."`
	LogLevel      slog.Level        `help:"debug, info, warn or error." default:"info"`

	runtimes runtimes.Library
}

// Help shows how to use it.
func (serveCmd) Help() string {
	return `Examples:
  drey serve
  drey serve --data-dir /var/lib/drey --kpu-memory 2g
  drey serve --ephemeral --listen 127.0.0.1:5566 --app-address 127.0.77.2

Applications keep running when the server stops; the next server on the same data directory adopts them.`
}

// Validate checks what a single flag cannot know.
func (c *serveCmd) Validate() error {
	if len(c.AccountID) != 12 {
		return fmt.Errorf("--account-id %q: an AWS account id has 12 digits", c.AccountID)
	}
	if err := local.CheckMemory(int64(c.KPUMemory)); err != nil {
		return err
	}
	if !c.AppAddress.Is4() {
		return fmt.Errorf("--app-address %s: an IPv4 address is needed, best one of 127.0.0.0/8", c.AppAddress)
	}
	return nil
}

// heapGrowth is how many percent the heap grows between collections. The live heap is small, a few megabytes, and what
// requests allocate dies with them: Go's default of 100 collects many times a second under load.
const heapGrowth = 200

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	began := time.Now()
	c.runtimes = library(c.DataDir) // also of an ephemeral server
	if c.Ephemeral {
		dir, err := os.MkdirTemp("", "drey-")
		if err != nil {
			return err
		}
		c.DataDir = dir
		defer os.RemoveAll(dir)
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w; choose another with --data-dir", err)
	}
	unlock, err := lockDir(c.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := openServer(ctx, c, log)
	if err != nil {
		return errors.Join(err, s.close())
	}
	fmt.Printf("Drey serves AWS at http://%s (ready in %d ms)\n\n  eval \"$(drey env --data-dir %s)\"\n\n", c.Listen, time.Since(began).Milliseconds(), c.DataDir)
	err = s.run(ctx)
	if n := s.running(); n > 0 && !c.Ephemeral {
		fmt.Printf("Stopping. %d applications keep running; the next drey serve on this data directory adopts them.\n", n)
	}
	return errors.Join(err, s.close())
}

// lockDir makes sure that one server alone uses a data directory. The lock goes with the process, however it ends.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(dir+"/lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w; choose another with --data-dir", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another server uses %s; stop it, or give this one its own --data-dir", dir)
	}
	return func() { f.Close() }, nil
}
