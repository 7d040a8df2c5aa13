package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// figure is one that Drey has reached, with what a bare server would have to do for the same.
type figure struct {
	name        string
	rate        float64 // records a second
	records     float64 // for each answer
	connections int
	answer      int      // bytes
	traffic     *traffic // nil of a reader
}

func writing(t traffic, o outcome) figure {
	name := fmt.Sprintf("PutRecords %d × %d B on %d", t.records, t.size, t.connections)
	if t.records == 1 {
		name = fmt.Sprintf("PutRecord %d B on %d", t.size, t.connections)
	}
	return figure{name, o.records, float64(t.records), t.connections, o.answer, &t}
}

func reading(name string, o outcome) figure {
	return figure{name, o.records, o.records / o.steps, shards, o.answer, nil}
}

var errNoFigures = errors.New("it holds the figures of puts, put and get against the machine; run one of them too")

// limits measures what the machine allows: a bare HTTP server that gets the same bytes and answers as many, and a bare
// loop of writes with fdatasync, each of what all connections have under way at a time.
func (b *bench) limits(ctx context.Context) error {
	if len(b.reached) == 0 {
		return errNoFigures
	}
	t := newTable("The machine's limit, records/s", "", "Drey", "bare HTTP", "Drey's part of it", "bare fdatasync", "Drey's part of it")
	for _, f := range b.reached {
		http, err := b.best(func() (float64, error) { return b.bareHTTP(ctx, f) })
		if err != nil {
			return err
		}
		row := []any{f.name, count(f.rate), count(http), percent(f.rate / http), "", ""}
		if f.traffic != nil {
			group := f.traffic.records * f.connections
			syncs, err := b.best(func() (float64, error) { return b.bareSync(ctx, group*f.traffic.size) })
			if err != nil {
				return err
			}
			row[4], row[5] = count(syncs*float64(group)), percent(f.rate/(syncs*float64(group)))
		}
		t.row(row...)
	}
	t.print(b.out)
	return nil
}

// best is the highest rate of all rounds: a limit is what the machine can do, not what it mostly does.
func (b *bench) best(measure func() (float64, error)) (float64, error) {
	highest := 0.0
	for range b.rounds {
		rate, err := measure()
		if err != nil {
			return 0, err
		}
		highest = max(highest, rate)
	}
	return highest, nil
}

func percent(f float64) string { return decimal(100*f) + " %" }

// bareHTTP gives the records a second of a server that does nothing.
func (b *bench) bareHTTP(ctx context.Context, f figure) (rate float64, err error) {
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	s, err := start(ctx, "bare HTTP", echoAddress, filepath.Join(b.work, "echo.log"), exec.Command(program, "-echo", strconv.Itoa(max(1, f.answer))))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.keys, s.region = anyKeys, "us-east-1"
	workers, err := f.senders(ctx, s)
	if err != nil {
		return 0, err
	}
	defer closeAll(workers)
	o, err := b.measure(ctx, s, workers)
	return o.steps * f.records, err
}

// senders send what Drey was sent. Their answers are not looked at.
func (f figure) senders(ctx context.Context, s *server) ([]worker, error) {
	t := traffic{asJSON, 1, 100, f.connections, shards} // as long as a GetRecords
	if f.traffic != nil {
		t = *f.traffic
	}
	workers, err := t.producers(ctx, s, "bench")
	for _, w := range workers {
		w.(*sender).records = 1
	}
	return workers, err
}

const syncFile = 64 << 20

// bareSync gives how often a second so many bytes are durable. The file has its blocks already, as a log has that makes
// them ahead.
func (b *bench) bareSync(ctx context.Context, size int) (rate float64, err error) {
	f, err := os.Create(filepath.Join(b.work, "sync"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 1<<20)
	rand.Read(block)
	for range syncFile / len(block) {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	group := make([]byte, size)
	rand.Read(group)
	began, n := time.Now(), 0
	for at := 0; time.Since(began) < b.length() && ctx.Err() == nil; n++ {
		if at+size > syncFile {
			at = 0
		}
		if _, err := f.WriteAt(group, int64(at)); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		at += size
	}
	return float64(n) / time.Since(began).Seconds(), ctx.Err()
}
