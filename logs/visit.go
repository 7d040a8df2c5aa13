package logs

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// visitor takes an event of a part, which it is told by its index. The text of the message is only for the call.
type visitor func(part int, k key, message string) error

// visit hands the events of all parts to the workers, each of which runs in a goroutine of its own, in no order
// of the parts.
func visit(ctx context.Context, parts []part, s search, workers []visitor) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for _, work := range workers {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(parts) {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				err := parts[i].stream.read(parts[i].zone, s, func(k key, message string) error { return work(i, k, message) })
				if ignoreClosed(err) != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}
