package telemetry

import (
	"context"
	"time"
)

// Load is the highest containerCPUUtilization of any TaskManager in the minute that begins at a time.
type Load struct {
	At  time.Time
	CPU float64 // percent
}

const loadLife = 400 // minutes that are remembered: the service's rule of scaling looks at 360

// note keeps a sample of the minute in which it was taken.
func (p *reporter) note(cpu float64, minute time.Duration, now time.Time) {
	at := now.Truncate(minute)
	if n := len(p.load); n > 0 && p.load[n-1].At.Equal(at) {
		p.load[n-1].CPU = max(p.load[n-1].CPU, cpu)
		return
	}
	p.load = append(p.load[max(0, len(p.load)-loadLife):], Load{at, cpu})
}

// Load gives the use of CPU by a registered application, oldest minute first. What was measured before the application was
// registered comes from History.
func (r *Receiver) Load(ctx context.Context, token string) ([]Load, error) {
	p := r.reporter(token)
	if p == nil {
		return nil, ErrUnknownToken
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.History != nil && !p.recalled && len(p.load) > 0 {
		first := p.load[0].At
		before, err := r.History(ctx, p.app, first.Add(-loadLife*r.Minute), first)
		if err != nil {
			return nil, err
		}
		p.load, p.recalled = append(before, p.load...), true
	}
	return append([]Load(nil), p.load...), nil
}
