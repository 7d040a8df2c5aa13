package logs

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// visit hands the events of all parts to the workers, each of which runs in a goroutine of its own, in no order. The text
// of a message is only for the call.
func visit(ctx context.Context, parts []part, low, high int64, workers []func(p *part, k key, message string) error) error {
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
				p := &parts[i]
				err := p.stream.read(p.zone, low, high, func(k key, message string) error { return work(p, k, message) })
				if ignoreClosed(err) != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}
