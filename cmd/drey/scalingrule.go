package main

import (
	"fmt"
	"strings"
	"time"

	"drey/app"
)

// scalingRule is a flag like "1m,75:15,10:360": a datapoint is a minute; up at 75 % of CPU in 15 of them, down below 10 % in 360.
type scalingRule app.Rule

// UnmarshalText makes it a flag.
func (r *scalingRule) UnmarshalText(text []byte) error {
	minute, rest, _ := strings.Cut(string(text), ",")
	d, err := time.ParseDuration(minute)
	var rule app.Rule
	if err == nil {
		_, err = fmt.Sscanf(rest, "%g:%d,%g:%d", &rule.Up, &rule.UpFor, &rule.Down, &rule.DownFor)
	}
	rule.Minute = d
	switch {
	case err != nil:
		return fmt.Errorf("%q is no rule of scaling; AWS's is 1m,75:15,10:360", text)
	case d < time.Second || d > time.Minute || time.Minute%d != 0:
		return fmt.Errorf("the datapoints of %q: they can be 1s to 1m long, and a whole number of them has to make a minute", text)
	case rule.Down < 0 || rule.Up <= rule.Down || rule.Up > 100 || rule.UpFor < 1 || rule.DownFor < 1 || max(rule.UpFor, rule.DownFor) > 360:
		return fmt.Errorf("%q: it takes 0 <= down < up <= 100 percent and 1 to 360 datapoints", text)
	}
	*r = scalingRule(rule)
	return nil
}
