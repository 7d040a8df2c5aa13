package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// events reads the messages of an event stream ("Event stream encoding" in the Transcribe developer guide), without
// looking at their checksums. It reuses its memory.
type events struct {
	message []byte

	count, length int // of all events
}

const (
	preludeSize = 12
	messageMin  = preludeSize + 4
	messageMax  = 16 << 20
)

var errNotEvents = errors.New("not an event stream")

// next gives the payload of the next event, good until the call after it. An exception is an error.
func (e *events) next(r io.Reader) ([]byte, error) {
	e.message = slices.Grow(e.message[:0], preludeSize)[:preludeSize]
	if _, err := io.ReadFull(r, e.message); err != nil {
		return nil, err
	}
	total, headers := int(binary.BigEndian.Uint32(e.message)), int(binary.BigEndian.Uint32(e.message[4:]))
	if total < messageMin || total > messageMax || headers > total-messageMin {
		return nil, errNotEvents
	}
	e.message = slices.Grow(e.message, total-preludeSize)[:total]
	if _, err := io.ReadFull(r, e.message[preludeSize:]); err != nil {
		return nil, err
	}
	e.count++
	e.length += total
	payload := e.message[preludeSize+headers : total-4]
	if bytes.Contains(e.message[preludeSize:preludeSize+headers], []byte(":exception-type")) {
		return nil, fmt.Errorf("the subscription ended: %s", payload)
	}
	return payload, nil
}

// average is the length of an event.
func (e *events) average() int { return e.length / max(1, e.count) }
