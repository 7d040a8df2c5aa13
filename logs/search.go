package logs

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"drey/store/seglog"
)

// search is what a reader of events looks for.
type search struct {
	low, high int64 // times in [low, high)
	// may tells whether a block whose text holds messages and their lengths can hold something that is looked for; nil: any.
	may func(text string) bool
}

// read calls fn for the events of a zone that are searched for, until it fails. The text of a message is only for the call.
func (st *stream) read(z zone, s search, fn func(k key, message string) error) error {
	r := st.log.Reader(z.first)
	defer r.Close()
	b := blockReaders.Get().(*blockReader)
	defer blockReaders.Put(b)
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if rec.Ordinal > z.last {
			return nil
		}
		if err := st.readBlock(b, rec, s, fn); err != nil {
			return err
		}
		if rec.Ordinal == z.last {
			return nil
		}
	}
}

// blockReaders are those that nobody reads with.
var blockReaders = sync.Pool{New: func() any { return new(blockReader) }}

func (st *stream) readBlock(b *blockReader, rec seglog.Record, s search, fn func(k key, message string) error) error {
	damaged := func(err error) error { return fmt.Errorf("log stream %d, block %d: %w", st.id, rec.Ordinal, err) }
	h, packed, err := decodeHead(rec.Data)
	if err != nil {
		return damaged(err)
	}
	if h.high < s.low || h.low >= s.high {
		return nil
	}
	text, err := b.open(packed)
	if err != nil {
		return damaged(err)
	}
	if s.may != nil && !s.may(text) {
		return nil
	}
	k := key{ingested: rec.Time.UnixMilli(), stream: st.id, block: rec.Ordinal}
	err = h.each(text, func(i int, e Event) error {
		if e.Time < s.low || e.Time >= s.high {
			return nil
		}
		k.time, k.index = e.Time, uint32(i)
		return fn(k, e.Message)
	})
	if errors.Is(err, errBlock) {
		return damaged(err)
	}
	return err
}
