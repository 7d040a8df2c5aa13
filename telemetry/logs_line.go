package telemetry

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxLogMessage is the longest message that fits into a batch.
const maxLogMessage = maxLogBatch - logOverhead

// logLine makes an event of a line. A JSON object is a record: its member "timestamp", milliseconds since the epoch, is
// the time and is taken out. Anything else is shipped as it is, with the time now.
func logLine(line []byte, now int64) LogEvent {
	if e, ok := logRecord(line); ok {
		return e
	}
	return LogEvent{now, cutMessage(string(line))}
}

// recordOptions take what encoding/json takes.
var recordOptions = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// logRecord reads a JSON object and leaves its members in their order and as they were written.
func logRecord(line []byte) (LogEvent, bool) {
	d := jsontext.NewDecoder(bytes.NewBuffer(line), recordOptions...)
	if open, err := d.ReadToken(); err != nil || open.Kind() != '{' {
		return LogEvent{}, false
	}
	e := LogEvent{Time: -1}
	from, to := int64(0), int64(0) // of the member that is taken out
	for d.PeekKind() == '"' {
		start := d.InputOffset()
		name, err := d.ReadToken()
		if err != nil {
			return LogEvent{}, false
		}
		is := e.Time < 0 && name.String() == "timestamp"
		value, err := d.ReadValue()
		if err != nil {
			return LogEvent{}, false
		}
		if !is {
			continue
		}
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			e.Time, from, to = n, start, d.InputOffset()
		}
	}
	if _, err := d.ReadToken(); err != nil || e.Time < 0 || len(bytes.TrimSpace(line[d.InputOffset():])) > 0 {
		return LogEvent{}, false
	}
	before, after := line[:from], line[to:d.InputOffset()]
	if before = bytes.TrimLeft(before, " \t"); len(before) == 1 { // it was the first: the comma behind it goes, else the one before it
		after = bytes.TrimLeft(after, ", \t")
	}
	e.Message = cutMessage(string(before) + string(after))
	return e, true
}

// cutMessage makes valid UTF-8 of a message, and cuts what is too long for an event.
func cutMessage(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxLogMessage {
		return s
	}
	n := maxLogMessage
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
