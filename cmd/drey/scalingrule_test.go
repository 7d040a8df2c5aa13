package main

import (
	"testing"
	"time"

	"drey/app"
)

func TestScalingRule(t *testing.T) {
	var r scalingRule
	if err := r.UnmarshalText([]byte("1m,75:15,10:360")); err != nil || app.Rule(r) != app.AWSRule {
		t.Errorf("%+v, %v", r, err)
	}
	if err := r.UnmarshalText([]byte("1s,12.5:5,4:8")); err != nil || app.Rule(r) != (app.Rule{Minute: time.Second, Up: 12.5, UpFor: 5, Down: 4, DownFor: 8}) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, text := range []string{"", "1m", "1m,75:15", "1m,75:15,80:360", "1m,101:15,10:360", "1m,75:0,10:360", "1m,75:15,10:400", "7s,75:15,10:360", "2m,75:15,10:360", "100ms,75:15,10:360", "1m;75:15;10:360"} {
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
