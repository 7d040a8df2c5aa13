package delivery

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// at is a time in the tests, which begin at second 1,000.
func at(second int) time.Time {
	return time.UnixMilli(1_000_000).Add(time.Duration(second) * time.Second)
}

// desk drives a book by the letters of records: a to z are the ordinals 1 to 26 of shard 0, which arrived at second 0.
type desk struct {
	t        *testing.T
	b        *Book
	receipts map[string]uint64 // of the newest delivery
	events   []Event
}

func newDesk(t *testing.T) *desk { return &desk{t: t, b: New(), receipts: map[string]uint64{}} }

func letter(id ID) string { return string(rune('a' + id.Ordinal - 1)) }
func id(letter string) ID { return ID{0, uint64(letter[0]-'a') + 1} }

func (d *desk) apply(events ...Event) {
	for _, e := range events {
		d.b.Apply(e)
	}
	d.events = append(d.events, events...)
}

// do runs one command of a scenario and tells what came of it.
func (d *desk) do(second int, horizon int, command string) string {
	d.b.Advance(at(second), at(horizon))
	verb, rest, _ := strings.Cut(command, " ")
	name, argument, _ := strings.Cut(rest, " ")
	n := 0
	_, _ = fmt.Sscan(argument, &n)
	switch verb {
	case "new": // records that nobody received, hidden for n seconds
		var records []Record
		for i := range name {
			records = append(records, Record{id(name[i:]), at(0)})
		}
		return d.receive(second, n, records)
	case "receive", "dead": // what is visible
		return d.receive(second, n, d.b.Visible(verb == "dead", 10))
	case "limit":
		_, _ = fmt.Sscan(name, &n)
		d.apply(d.b.SetLimit(at(second), n))
		return ""
	}
	ofDead := strings.HasSuffix(verb, "-dead") || verb == "restore"
	if v := d.b.Check(id(name), d.receipts[name], ofDead); v != Good {
		return []string{Gone: "gone", Superseded: "superseded", Moved: "moved"}[v]
	}
	switch verb {
	case "ack", "ack-dead":
		d.apply(d.b.Acknowledge(at(second), id(name)))
	case "hide", "hide-dead":
		d.apply(d.b.Hide(at(second), id(name), time.Duration(n)*time.Second))
	case "restore":
		d.apply(d.b.Restore(at(second), id(name)))
	default:
		d.t.Fatalf("no command %q", command)
	}
	return "ok"
}

func (d *desk) receive(second, hidden int, records []Record) (got string) {
	d.apply(d.b.Receive(at(second), time.Duration(hidden)*time.Second, records)...)
	for _, r := range records {
		x := d.b.Delivery(r.ID)
		d.receipts[letter(r.ID)] = x.Receipt
		got += fmt.Sprintf("%s%d", letter(r.ID), x.Count)
	}
	return got
}

func TestBook(t *testing.T) {
	type step struct {
		second  int
		command string
		want    string
	}
	for name, steps := range map[string][]step{
		"not acknowledged in time": {{0, "new ab 30", "a1b1"}, {29, "receive x 30", ""}, {30, "receive x 30", "a2b2"}},
		"acknowledged":             {{0, "new ab 30", "a1b1"}, {1, "ack a", "ok"}, {2, "ack a", "gone"}, {40, "receive x 30", "b2"}},
		"acknowledged late":        {{0, "new a 30", "a1"}, {31, "ack a", "ok"}, {32, "receive x 30", ""}},
		"extended":                 {{0, "new a 30", "a1"}, {20, "hide a 60", "ok"}, {79, "receive x 30", ""}, {80, "receive x 30", "a2"}},
		"given back":               {{0, "new a 30", "a1"}, {1, "hide a 0", "ok"}, {1, "receive x 0", "a2"}, {1, "receive x 0", "a3"}},
		"hidden again":             {{0, "new a 1", "a1"}, {5, "hide a 10", "ok"}, {14, "receive x 1", ""}, {15, "receive x 1", "a2"}},
		"dead letter":              {{0, "limit 2", ""}, {0, "new a 1", "a1"}, {1, "receive x 1", "a2"}, {2, "receive x 1", ""}, {2, "ack a", "moved"}, {3, "dead x 9", "a3"}, {4, "ack a", "moved"}, {5, "dead x 9", ""}, {12, "dead x 9", "a4"}, {13, "ack-dead a", "ok"}, {99, "dead x 9", ""}},
		"restored":                 {{0, "limit 1", ""}, {0, "new a 1", "a1"}, {1, "dead x 9", "a2"}, {2, "restore a", "ok"}, {2, "ack-dead a", "superseded"}, {2, "receive x 1", "a1"}, {3, "receive x 1", ""}, {3, "dead x 1", "a2"}},
		"restored by another path": {{0, "new a 9", "a1"}, {1, "restore a", "moved"}, {1, "hide-dead a 5", "moved"}},
		"hidden dead letter":       {{0, "limit 1", ""}, {0, "new a 1", "a1"}, {1, "dead x 1", "a2"}, {1, "hide-dead a 20", "ok"}, {20, "dead x 1", ""}, {21, "dead x 1", "a3"}},
		"lower limit":              {{0, "new ab 1", "a1b1"}, {1, "receive x 1", "a2b2"}, {2, "ack b", "ok"}, {3, "limit 2", ""}, {3, "receive x 1", ""}, {3, "dead x 1", "a3"}},
		"higher limit":             {{0, "limit 1", ""}, {0, "new a 1", "a1"}, {1, "limit 9", ""}, {1, "receive x 1", ""}, {1, "dead x 1", "a2"}},
		"never dead":               {{0, "limit 0", ""}, {0, "new a 0", "a1"}, {1, "receive x 0", "a2"}, {1, "receive x 0", "a3"}, {2, "receive x 0", "a4"}},
		"out of retention":         {{0, "new ab 30", "a1b1"}, {150, "ack a", "gone"}, {150, "receive x 1", ""}},
		"order":                    {{0, "new a 30", "a1"}, {1, "new b 10", "b1"}, {2, "new c 29", "c1"}, {40, "receive x 1", "b2a2c2"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			for _, s := range steps {
				if got := d.do(s.second, s.second-100, s.command); got != s.want {
					t.Fatalf("second %d: %s: %q, want %q", s.second, s.command, got, s.want)
				}
			}
			again := New()
			for _, e := range roundTrip(t, d.events) {
				again.Apply(e)
			}
			last := steps[len(steps)-1].second
			for _, b := range []*Book{again, d.b} {
				b.Advance(at(last), at(last-100))
			}
			same(t, again, d.b)
		})
	}
}

func roundTrip(t *testing.T, events []Event) []Event {
	t.Helper()
	out, err := Decode(Encode(events))
	if err != nil || !slices.Equal(out, events) {
		t.Fatalf("%v after a round trip: %v, %v", events, out, err)
	}
	return out
}

// same compares all that books show and keep.
func same(t *testing.T, got, want *Book) {
	t.Helper()
	if a, b := got.Copy(), want.Copy(); !reflect.DeepEqual(a, b) {
		t.Fatalf("the books differ:\n%v\n%v", a, b)
	}
}

// TestCutCopyCountsNot: a copy that a crash cut off leaves the book as it was, whatever is applied next.
func TestCutCopyCountsNot(t *testing.T) {
	d := newDesk(t)
	d.do(0, -100, "new abc 30")
	d.do(1, -100, "ack b")
	whole := d.b.Copy()
	for cut := 1; cut < len(whole); cut++ {
		b := New()
		for _, e := range append(slices.Clone(d.events), whole[:cut]...) {
			b.Apply(e)
		}
		same(t, b, d.b)
		b.Apply(b.Acknowledge(at(2), id("a")))
		if b.Check(id("a"), 1, false) != Gone || b.Check(id("c"), 3, false) != Good || b.Position(0) != 4 {
			t.Fatalf("after %d events of a copy: %v", cut, b.Copy())
		}
	}
}

func FuzzDecode(f *testing.F) {
	d := newDesk(&testing.T{})
	d.do(0, -100, "new abc 30")
	f.Add(Encode(append(d.events, d.b.Copy()...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		events, err := Decode(b)
		if err != nil {
			return
		}
		book := New()
		for _, e := range events {
			book.Apply(e)
		}
		book.Advance(at(5), at(-5))
		book.Visible(false, 10)
		again := New()
		for _, e := range roundTrip(t, book.Copy()) {
			again.Apply(e)
		}
		again.Advance(at(5), at(-5))
		book.Advance(at(5), at(-5))
		same(t, again, book)
	})
}
