package alarm

import "time"

// SuppressedBy is why the actions of a composite alarm wait.
type SuppressedBy string

// The reasons; "" = they do not wait.
const (
	ByWaitPeriod      SuppressedBy = "WaitPeriod"
	ByExtensionPeriod SuppressedBy = "ExtensionPeriod"
	ByAlarm           SuppressedBy = "Alarm"
)

// Suppression is where a composite alarm stands with its suppressor.
type Suppression struct {
	By    SuppressedBy
	Until time.Time // of the two periods
}

// Suppressor is how a composite alarm is suppressed.
type Suppressor struct{ Wait, Extension time.Duration }

// Next gives where the alarm stands at now, and whether its actions are to be performed. pending = it is in a state whose
// actions were not performed yet. A wait period begins with every such state that the suppressor does not cover, in case
// the suppressor follows; an extension period begins when the suppressor leaves ALARM.
func (s Suppressor) Next(was Suppression, suppressed, pending bool, now time.Time) (next Suppression, act bool) {
	if suppressed {
		return Suppression{By: ByAlarm}, false
	}
	switch was.By {
	case ByAlarm:
		was = Suppression{ByExtensionPeriod, now.Add(s.Extension)}
	case "":
		if !pending {
			return Suppression{}, false
		}
		was = Suppression{ByWaitPeriod, now.Add(s.Wait)}
	}
	if now.Before(was.Until) && (pending || was.By == ByExtensionPeriod) {
		return was, false
	}
	return Suppression{}, pending
}
