package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// entry is a record of a request.
type entry struct {
	Data         []byte
	PartitionKey string
}

type putRecordsInput struct {
	StreamName string
	Records    []entry
}

type putRecordInput struct {
	StreamName string
	entry
}

// newEntry has a random key, so that shards get equal shares, and random bytes.
func newEntry(size int) entry {
	data := make([]byte, size)
	rand.Read(data)
	return entry{data, rand.Text()}
}

// traffic is what producers send: PutRecords of so many records, or PutRecord when it is one.
type traffic struct {
	format
	records, size int
	connections   int
	shards        int
}

// bodies is how many different requests a connection sends in turn.
func (t traffic) bodies() int {
	if t.records == 1 {
		return 64
	}
	return 8
}

func (t traffic) request(s *server, stream string) ([]byte, error) {
	if t.records == 1 {
		return s.request(t.format, "PutRecord", putRecordInput{stream, newEntry(t.size)})
	}
	in := putRecordsInput{StreamName: stream}
	for range t.records {
		in.Records = append(in.Records, newEntry(t.size))
	}
	return s.request(t.format, "PutRecords", in)
}

// sender sends its requests in turn.
type sender struct {
	*conn
	requests [][]byte
	next     int
	records  int // in each request
}

func (t traffic) producers(ctx context.Context, s *server, stream string) ([]worker, error) {
	var all []worker
	for range t.connections {
		c, err := s.dial(ctx)
		if err != nil {
			closeAll(all)
			return nil, err
		}
		p := &sender{conn: c, records: t.records}
		all = append(all, p)
		for range t.bodies() {
			r, err := t.request(s, stream)
			if err != nil {
				closeAll(all)
				return nil, err
			}
			p.requests = append(p.requests, r)
		}
	}
	return all, nil
}

var (
	noneFailedJSON = []byte(`"FailedRecordCount":0`)
	noneFailedCBOR = []byte("FailedRecordCount\x00")
	errNotStored   = errors.New("some records were not stored")
)

func (p *sender) step() (int, error) {
	body, err := p.roundTrip(p.requests[p.next])
	if err != nil {
		return 0, err
	}
	if p.records > 1 && !bytes.Contains(body, noneFailedJSON) && !bytes.Contains(body, noneFailedCBOR) {
		return 0, fmt.Errorf("%w: %.500s", errNotStored, body)
	}
	p.next = (p.next + 1) % len(p.requests)
	return p.records, nil
}

// putTraffic measures it on a stream of its own.
func (b *bench) putTraffic(ctx context.Context, s *server, t traffic) (outcome, error) {
	return b.onStream(ctx, s, t.shards, func(stream string) (outcome, error) {
		workers, err := t.producers(ctx, s, stream)
		if err != nil {
			return outcome{}, err
		}
		defer closeAll(workers)
		o, err := b.measure(ctx, s, workers)
		o.answer = averageAnswer(workers)
		return o, err
	})
}
