package main

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// A page of GetRecords or an event of SubscribeToShard is megabytes long. What the bench wants of it is found without
// decoding it: in Base64 no member name can occur, and in random bytes none does.
var (
	numberJSON   = []byte(`"SequenceNumber"`) // the quote tells it from ContinuationSequenceNumber
	numberCBOR   = []byte("\x6eSequenceNumber")
	iteratorJSON = []byte(`"NextShardIterator":"`)
	iteratorCBOR = []byte("\x71NextShardIterator")
	atTipJSON    = []byte(`"MillisBehindLatest":0`)

	errNoIterator = errors.New("a page has no NextShardIterator")
)

// margin is how far from its ends a page or event has its members other than records.
const margin = 4096

// recordsIn counts the records of a page or event.
func (f format) recordsIn(page []byte) int {
	if f.contentType == asCBOR.contentType {
		return bytes.Count(page, numberCBOR)
	}
	return bytes.Count(page, numberJSON)
}

// after gives what follows the name, which stands near the beginning or the end.
func after(page, name []byte) ([]byte, bool) {
	if i := bytes.Index(page[:min(len(page), margin)], name); i >= 0 {
		return page[i+len(name):], true
	}
	rest := page[max(0, len(page)-margin):]
	i := bytes.LastIndex(rest, name)
	if i < 0 {
		return nil, false
	}
	return rest[i+len(name):], true
}

// nextIterator gives where to read on from a page.
func (f format) nextIterator(page []byte) (string, error) {
	if f.contentType == asCBOR.contentType {
		rest, ok := after(page, iteratorCBOR)
		if !ok {
			return "", errNoIterator
		}
		return textCBOR(rest)
	}
	rest, ok := after(page, iteratorJSON)
	end := bytes.IndexByte(rest, '"')
	if !ok || end < 0 {
		return "", errNoIterator
	}
	return string(rest[:end]), nil
}

// textCBOR reads a text of definite length (RFC 8949, 3.1).
func textCBOR(b []byte) (string, error) {
	if len(b) < 3 {
		return "", errNoIterator
	}
	var n, start int
	switch first := b[0]; {
	case first >= 0x60 && first < 0x78:
		n, start = int(first-0x60), 1
	case first == 0x78:
		n, start = int(b[1]), 2
	case first == 0x79:
		n, start = int(binary.BigEndian.Uint16(b[1:])), 3
	}
	if start == 0 || len(b) < start+n {
		return "", errNoIterator
	}
	return string(b[start : start+n]), nil
}

// atTip tells whether an event is the last one for now.
func atTip(event []byte) bool {
	_, ok := after(event, atTipJSON)
	return ok
}
