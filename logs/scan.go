package logs

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"

	"drey/store/seglog"
)

// query asks for the events nearest to a position.
type query struct {
	streams   []*stream
	low, high int64 // times in [low, high)
	from      key   // forward: events at or above it; backward: below it
	backward  bool
	limit     int
	match     func(message string) bool // nil = all
	may       func(text string) bool    // see search
	budget    int64                     // stop somewhere after having read events of so many bytes; 0 = never
}

// pageBytes is the size of an answer of GetLogEvents and FilterLogEvents.
const pageBytes = 1 << 20

type hit struct {
	key
	message string
}

// answer holds the hits in the direction of the query.
type answer struct {
	hits []hit
	more bool
	next key // where to go on, if there is more
}

// scan reads the zones nearest first, keeps the nearest hits, and stops when what is left lies farther away.
//
//	position ──► zone ───────          every hit before the edge of the
//	               zone ──────────     next zone is where it belongs
//	                    │ zone ───
//	                    edge
func scan(ctx context.Context, q query) (answer, error) {
	parts, err := q.parts(ctx)
	if err != nil {
		return answer{}, err
	}
	var a answer
	var spent int64
	for ahead := 1; len(parts) > 0; ahead = min(2*ahead, 2*runtime.GOMAXPROCS(0)) { // the first answers a short page
		now := parts[:min(ahead, len(parts))]
		found, err := q.readParts(ctx, now)
		if err != nil {
			return answer{}, err
		}
		for i, p := range now {
			edge := q.edge(p.zone)
			if n := len(a.hits); a.more && q.toward(a.hits[n-1].time) < edge {
				return a.closed(q), nil
			}
			if q.budget > 0 && spent >= q.budget && edge > q.toward(q.nearest()) {
				a.stopBefore(q, edge)
				return a, nil
			}
			spent += p.bytes
			a.hits = append(a.hits, found[i]...)
			a.cut(q)
		}
		parts = parts[len(now):]
	}
	return a.closed(q), nil
}

// closed says where an answer that is full goes on.
func (a *answer) closed(q query) answer {
	if a.more {
		a.next = a.hits[len(a.hits)-1].key
		if !q.backward {
			a.next = a.next.after()
		}
	}
	return *a
}

// readParts gives the hits of each part. A part alone is read here, several by as many goroutines as there are processors.
func (q *query) readParts(ctx context.Context, parts []part) ([][]hit, error) {
	found := make([][]hit, len(parts))
	workers := make([]visitor, min(len(parts), runtime.GOMAXPROCS(0)))
	for i := range workers {
		workers[i] = func(p int, k key, message string) error {
			if q.wants(k) && (q.match == nil || q.match(message)) {
				found[p] = append(found[p], hit{k, strings.Clone(message)})
			}
			return nil
		}
	}
	err := visit(ctx, parts, search{q.low, q.high, q.may}, workers)
	return found, err
}

type part struct {
	stream *stream
	zone
}

// parts lists the zones that may hold hits, nearest first.
func (q *query) parts(ctx context.Context) ([]part, error) {
	var parts []part
	for _, st := range q.streams {
		zones, err := st.snapshot(ctx)
		if errors.Is(err, seglog.ErrClosed) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		for _, z := range zones {
			if z.high < q.low || z.low >= q.high || (!q.backward && z.high < q.from.time) || (q.backward && z.low > q.from.time) {
				continue
			}
			parts = append(parts, part{st, z})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(q.edge(a.zone), q.edge(b.zone)) })
	return parts, nil
}

// toward makes times grow in the direction of the query.
func (q *query) toward(time int64) int64 {
	if q.backward {
		return -time
	}
	return time
}

// edge is where the nearest event of a zone may be.
func (q *query) edge(z zone) int64 {
	if q.backward {
		return -z.high
	}
	return z.low
}

// nearest is the first time the query can find.
func (q *query) nearest() int64 {
	if q.backward {
		if q.from == (key{time: q.from.time}) { // below all events of that time
			return min(q.high, q.from.time) - 1
		}
		return min(q.high-1, q.from.time)
	}
	return max(q.low, q.from.time)
}

func (q *query) wants(k key) bool { return (k.compare(q.from) < 0) == q.backward }

// cut sorts the hits and drops those that do not fit into the answer.
func (a *answer) cut(q query) {
	slices.SortFunc(a.hits, func(x, y hit) int {
		if q.backward {
			return y.compare(x.key)
		}
		return x.compare(y.key)
	})
	var size int64
	for i, h := range a.hits {
		size += int64(len(h.message)) + eventOverhead
		if i >= q.limit || (i > 0 && size > pageBytes) {
			clear(a.hits[i:])
			a.hits, a.more = a.hits[:i], true
			return
		}
	}
}

// stopBefore ends the answer where the next zone begins.
func (a *answer) stopBefore(q query, edge int64) {
	n, _ := slices.BinarySearchFunc(a.hits, edge, func(h hit, edge int64) int { return cmp.Compare(q.toward(h.time), edge) })
	a.hits, a.more = a.hits[:n], true
	if q.backward {
		a.next = key{time: -edge + 1}
	} else {
		a.next = key{time: edge}
	}
}
