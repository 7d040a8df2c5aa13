package telemetry

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
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

// logRecord reads a JSON object and leaves its members in their order and as they were written.
func logRecord(line []byte) (LogEvent, bool) {
	d := json.NewDecoder(bytes.NewReader(line))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return LogEvent{}, false
	}
	e := LogEvent{Time: -1}
	out := make([]byte, 1, len(line))
	out[0] = '{'
	for d.More() {
		start := d.InputOffset()
		name, err := d.Token()
		if err != nil {
			return LogEvent{}, false
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return LogEvent{}, false
		}
		if name == "timestamp" && e.Time < 0 && json.Unmarshal(value, &e.Time) == nil {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, bytes.TrimLeft(line[start:d.InputOffset()], ", \t")...)
	}
	if _, err := d.Token(); err != nil || e.Time < 0 || len(bytes.TrimSpace(line[d.InputOffset():])) > 0 {
		return LogEvent{}, false
	}
	e.Message = cutMessage(string(append(out, '}')))
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
