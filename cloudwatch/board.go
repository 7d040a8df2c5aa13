package cloudwatch

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"drey/cloudwatch/alarm"
)

// board is alarms of one place while some of them change, with all that depend on them, and what those depend on. What changes, the items of the history and the actions that
// follow are stored at once, so that a crash loses none and doubles none of them.
type board struct {
	place
	now     time.Time
	alarms  map[string]*alarmDocument
	dirty   map[string]bool // to be written
	gone    map[string]bool // to be deleted
	moved   map[string]bool // the state has changed: composite alarms look again
	fresh   map[string]bool // composite alarms that were put
	history []historyItem
	queued  []queuedAction
}

// change lets fn change alarms of a place, brings the composite ones up to date, and stores all of it. moving are those whose state may
// change; reading are others that fn looks at, or changes but for their state.
func (s *Service) change(ctx context.Context, p place, moving, reading []string, fn func(*board) error) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	b := &board{place: p, now: s.now(), alarms: map[string]*alarmDocument{}, dirty: map[string]bool{}, gone: map[string]bool{}, moved: map[string]bool{}, fresh: map[string]bool{}}
	err := s.db.Write(ctx, func(tx *stdsql.Tx) error {
		if err := b.load(ctx, tx, moving, reading); err != nil {
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
		b.composites()
		b.suppression()
		return b.save(ctx, tx)
	})
	if err == nil {
		s.hasten(next(b.changed(), s.now()))
		s.poke()
	}
	return err
}

// changed are the alarms that were written.
func (b *board) changed() (list []*alarmDocument) {
	for name := range b.dirty {
		if d := b.alarms[name]; d != nil {
			list = append(list, d)
		}
	}
	return list
}

func (b *board) save(ctx context.Context, tx *stdsql.Tx) error {
	for name := range b.gone {
		if _, err := tx.ExecContext(ctx, `DELETE FROM cloudwatch_alarms WHERE account = ? AND region = ? AND name = ?`, b.Account, b.Region, name); err != nil {
			return err
		}
		if err := forgetDependencies(ctx, tx, b.place, name); err != nil {
			return err
		}
	}
	for name := range b.dirty {
		d := b.alarms[name]
		if d == nil {
			continue
		}
		if err := writeAlarm(ctx, tx, d); err != nil {
			return err
		}
		if b.fresh[name] {
			if err := writeDependencies(ctx, tx, d); err != nil {
				return err
			}
		}
	}
	for _, h := range b.history {
		if err := h.insert(ctx, tx); err != nil {
			return err
		}
	}
	for _, q := range b.queued {
		if err := q.insert(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// put makes or replaces an alarm.
func (b *board) put(d *alarmDocument) {
	b.alarms[d.Name], b.dirty[d.Name] = d, true
}

func (b *board) delete(name string) {
	delete(b.alarms, name)
	b.gone[name] = true
}

// transition gives an alarm a state, with an item of the history and the actions of the state.
func (b *board) transition(d *alarmDocument, v alarm.Verdict) {
	was := *d
	d.State, d.Reason, d.ReasonData, d.StateUpdated = v.State, v.Reason, v.Data, b.now
	b.dirty[d.Name] = true
	if was.State == v.State {
		return
	}
	d.Transitioned, b.moved[d.Name] = b.now, true
	b.history = append(b.history, stateUpdate(&was, d))
	if d.Composite == nil || d.suppressor() == "" {
		d.Acted = d.State
		b.perform(d, was.State)
	}
}

// perform queues the actions of the state that an alarm is in.
func (b *board) perform(d *alarmDocument, was alarm.State) {
	if !d.Enabled {
		return
	}
	for _, arn := range d.actions(d.State) {
		b.queued = append(b.queued, newAction(d, was, arn))
	}
}

// composites decides the rules of those composite alarms whose children have moved, children first. Rules that lead in a
// circle are left as they are, as on AWS.
func (b *board) composites() {
	done, open := map[string]bool{}, map[string]bool{}
	var visit func(name string) (circle bool)
	visit = func(name string) bool {
		d := b.alarms[name]
		if d == nil || d.Composite == nil || done[name] {
			return false
		}
		if open[name] {
			return true
		}
		open[name] = true
		defer delete(open, name)
		circle, look := false, b.fresh[name]
		for _, child := range d.children() {
			circle = visit(child) || circle
			look = look || b.moved[child]
		}
		if done[name] = true; look && !circle {
			b.decide(d)
		}
		return circle
	}
	for _, name := range slices.Sorted(maps.Keys(b.alarms)) {
		visit(name)
	}
}

func (b *board) decide(d *alarmDocument) {
	state := func(nameOrARN string) alarm.State {
		name, _ := d.alarmName(nameOrARN)
		if child := b.alarms[name]; child != nil {
			return child.State
		}
		return ""
	}
	v := alarm.Verdict{State: alarm.OK}
	if d.rule().Holds(state) {
		v.State = alarm.Alarm
	}
	if v.State == d.State {
		return
	}
	how := "updated"
	if d.State == alarm.InsufficientData {
		how = "created"
	}
	v.Reason = fmt.Sprintf("%s was %s and its alarm rule evaluates to %s", d.arn(), how, v.State)
	triggers := []trigger{}
	for _, name := range d.children() {
		child := b.alarms[name]
		if child == nil || !b.moved[name] && !b.fresh[d.Name] {
			continue
		}
		t := trigger{ARN: child.arn()}
		t.State.Value, t.State.Timestamp = child.State, child.StateUpdated.UTC().Format(alarm.TimeFormat)
		triggers = append(triggers, t)
		if !b.fresh[d.Name] {
			v.Reason = fmt.Sprintf("%s transitioned to %s at %s", child.arn(), child.State, child.StateUpdated.UTC().Format("Monday 02 January, 2006 15:04:05 UTC"))
		}
	}
	data, err := json.Marshal(map[string]any{"triggeringAlarms": triggers[:min(len(triggers), maxTriggers)]})
	if err != nil {
		panic(err) // strings
	}
	v.Data = string(data)
	b.transition(d, v)
}

// maxTriggers keeps StateReasonData under its limit.
const maxTriggers = 10

type trigger struct {
	ARN   string `json:"arn"`
	State struct {
		Value     alarm.State `json:"value"`
		Timestamp string      `json:"timestamp"`
	} `json:"state"`
}

// suppression moves the composite alarms on that have a suppressor.
func (b *board) suppression() {
	for _, name := range slices.Sorted(maps.Keys(b.alarms)) {
		d := b.alarms[name]
		if d.suppressor() == "" {
			continue
		}
		c := d.Composite
		by := alarm.Suppressor{Wait: time.Duration(*c.ActionsSuppressorWaitPeriod) * time.Second, Extension: time.Duration(*c.ActionsSuppressorExtensionPeriod) * time.Second}
		other := b.alarms[d.suppressor()]
		next, act := by.Next(d.Suppression, other != nil && other.State == alarm.Alarm, d.pending(), b.now)
		if act {
			was := d.Acted
			d.Acted = d.State
			b.perform(d, was)
			b.dirty[name] = true
		}
		if next != d.Suppression {
			d.Suppression, b.dirty[name] = next, true
			if next.By != "" && d.pending() {
				b.history = append(b.history, d.item(b.now, "Action", fmt.Sprintf("Actions suppressed by %s", next.By), map[string]any{"actionState": "Suppressed", "actionsSuppressedBy": next.By}))
			}
		}
	}
}
