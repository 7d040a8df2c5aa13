package alarm

import (
	"strings"
	"testing"
	"time"
)

const end = 1775001600 // 2026-04-01 00:00 UTC

var now = time.Unix(end, 0).Add(3 * time.Second)

// points reads "0 - X": within the threshold, missing, breaching; the last one ends at end.
func points(text string, period int64) (list []Point) {
	fields := strings.Fields(text)
	for i, f := range fields {
		at := end - int64(len(fields)-i)*period
		switch f {
		case "0":
			list = append(list, Point{At: at, Value: 1, Samples: 1})
		case "X":
			list = append(list, Point{At: at, Value: 9, Samples: 1})
		}
	}
	return list
}

// TestMissingData has both tables of "How alarm state is evaluated when data is missing", those rows too that later
// editions of the page have.
func TestMissingData(t *testing.T) {
	const retain = State("")
	for _, c := range []struct {
		data                                  string
		m                                     int
		missing, ignore, breaching, notBreach State
	}{
		{"0 - X - X", 3, OK, OK, OK, OK},
		{"0 - - - -", 3, OK, OK, OK, OK},
		{"- - - - 0", 3, OK, OK, OK, OK},
		{"- - - - -", 3, InsufficientData, retain, Alarm, OK},
		{"0 X X - X", 3, Alarm, Alarm, Alarm, Alarm},
		{"- - - - X", 3, InsufficientData, retain, Alarm, OK},
		{"X - - - -", 3, Alarm, retain, Alarm, OK},
		{"- - X - -", 3, Alarm, retain, Alarm, OK},
		{"0 - X - X", 2, Alarm, Alarm, Alarm, Alarm},
		{"0 0 X 0 X", 2, Alarm, Alarm, Alarm, Alarm},
		{"0 - X - -", 2, OK, OK, Alarm, OK},
		{"- - - - 0", 2, OK, OK, Alarm, OK},
		{"- - - - X", 2, InsufficientData, retain, Alarm, OK},
		{"- - - X -", 2, Alarm, retain, Alarm, OK},
		{"- X - X -", 2, Alarm, Alarm, Alarm, Alarm},
		{"X X X 0 0", 2, OK, OK, OK, OK},
	} {
		for treatment, want := range map[Treatment]State{Missing: c.missing, "": c.missing, Ignore: c.ignore, Breaching: c.breaching, NotBreaching: c.notBreach} {
			for _, period := range []int64{10, 60, 300} {
				condition := Condition{Operator: "GreaterThanThreshold", Threshold: 5, Periods: 3, ToAlarm: c.m, Period: period, Missing: treatment}
				v, ok := Evaluate(condition, points(c.data, period), end, now)
				if v.State != want || ok != (want != retain) {
					t.Errorf("%d out of 3 of %s, missing data %q: %q, want %q", c.m, c.data, treatment, v.State, want)
				}
			}
		}
	}
}

// TestReasons holds the words to what AWS writes into StateReason.
func TestReasons(t *testing.T) {
	for want, c := range map[string]struct {
		condition Condition
		data      string
	}{
		"Threshold Crossed: 1 datapoint [9.0 (31/03/26 23:59:00)] was greater than the threshold (5.0).":                                                                                                    {Condition{Periods: 1}, "X"},
		"Threshold Crossed: 2 datapoints [9.0 (31/03/26 23:59:00), 9.0 (31/03/26 23:58:00)] were greater than the threshold (5.0).":                                                                         {Condition{Periods: 2}, "X X"},
		"Threshold Crossed: 1 out of the last 1 datapoints [1.0 (31/03/26 23:59:00)] was not greater than the threshold (5.0) (minimum 1 datapoint for ALARM -> OK transition).":                            {Condition{Periods: 1, ToAlarm: 1}, "0"},
		"Threshold Crossed: 2 out of the last 3 datapoints [9.0 (31/03/26 23:59:00), 9.0 (31/03/26 23:57:00)] were greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition).":     {Condition{Periods: 3, ToAlarm: 2}, "X 0 X"},
		"Threshold Crossed: 2 out of the last 3 datapoints [1.0 (31/03/26 23:59:00), 1.0 (31/03/26 23:57:00)] were not greater than the threshold (5.0) (minimum 2 datapoints for ALARM -> OK transition).": {Condition{Periods: 3, ToAlarm: 2}, "0 X 0"},
		"Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [Breaching].":                                                                                   {Condition{Periods: 1, Missing: Breaching}, "-"},
		"Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [NonBreaching].":                                                                             {Condition{Periods: 3, Missing: NotBreaching}, "-"},
		"Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as [Breaching].":                                                                                   {Condition{Periods: 3, Missing: Breaching}, "X"},
		"Insufficient Data: 1 datapoint was unknown.":   {Condition{Periods: 1}, "-"},
		"Insufficient Data: 3 datapoints were unknown.": {Condition{Periods: 3, ToAlarm: 2}, "-"},
		"Threshold Crossed: 6 datapoints were greater than the threshold (5.0). The most recent datapoints which crossed the threshold: [9.0 (31/03/26 23:59:00), 9.0 (31/03/26 23:58:00), 9.0 (31/03/26 23:57:00), 9.0 (31/03/26 23:56:00), 9.0 (31/03/26 23:55:00)].": {Condition{Periods: 6}, "X X X X X X"},
	} {
		c.condition.Operator, c.condition.Threshold, c.condition.Period = "GreaterThanThreshold", 5, 60
		v, ok := Evaluate(c.condition, points(c.data, 60), end, now)
		if !ok || v.Reason != want {
			t.Errorf("got  %s\nwant %s", v.Reason, want)
		}
	}
}

func TestReasonData(t *testing.T) {
	c := Condition{Operator: "LessThanOrEqualToThreshold", Threshold: 1, Periods: 2, Period: 60, Statistic: "Average", Unit: "Percent"}
	v, _ := Evaluate(c, points("X 0 0", 60), end, now)
	want := `{"version":"1.0","queryDate":"2026-04-01T00:00:03.000+0000","startDate":"2026-03-31T23:57:00.000+0000","unit":"Percent","statistic":"Average","period":60,"recentDatapoints":[1.0,1.0],"threshold":1.0,` +
		`"evaluatedDatapoints":[{"timestamp":"2026-03-31T23:59:00.000+0000","sampleCount":1.0,"value":1.0},{"timestamp":"2026-03-31T23:58:00.000+0000","sampleCount":1.0,"value":1.0},{"timestamp":"2026-03-31T23:57:00.000+0000","sampleCount":1.0,"value":9.0}]}`
	if v.State != Alarm || v.Data != want {
		t.Errorf("%s\n%s", v.State, v.Data)
	}
}

// TestLongReasonsFit holds what is written under the limits of StateReason and StateReasonData.
func TestLongReasonsFit(t *testing.T) {
	var list []Point
	for i := range int64(1440) {
		list = append(list, Point{At: end - (1440-i)*60, Value: 1.2345678901234567e-200, Samples: 123456789.5})
	}
	v, ok := Evaluate(Condition{Operator: "GreaterThanThreshold", Periods: 1440, ToAlarm: 1, Period: 60, Statistic: "Average", Unit: "Gigabytes/Second"}, list, end, now)
	if !ok || len(v.Reason) > 1023 || len(v.Data) > 4000 {
		t.Errorf("%d and %d characters", len(v.Reason), len(v.Data))
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0.0", 70: "70.0", 38.958: "38.958", 1e7: "1.0E7", 12345678.5: "1.23456785E7", 0.0001: "1.0E-4", -2.5: "-2.5"} {
		if got := number(v); got != want {
			t.Errorf("%g: %s", v, got)
		}
	}
}

func TestOperators(t *testing.T) {
	for operator, want := range map[string]string{"GreaterThanThreshold": "001", "GreaterThanOrEqualToThreshold": "011", "LessThanThreshold": "100", "LessThanOrEqualToThreshold": "110"} {
		got := ""
		for _, value := range []float64{4, 5, 6} {
			v, _ := Evaluate(Condition{Operator: operator, Threshold: 5, Periods: 1, Period: 60}, []Point{{At: end - 60, Value: value}}, end, now)
			got += map[State]string{OK: "0", Alarm: "1"}[v.State]
		}
		if got != want || !Known(operator) {
			t.Errorf("%s: %s", operator, got)
		}
	}
}

func TestLowSampleCounts(t *testing.T) {
	for _, c := range []struct {
		percentile, samples float64
		decided             bool
	}{{99, 999, false}, {99, 1001, true}, {50, 19, false}, {50, 20, true}, {10, 99, false}, {10, 100, true}, {0, 1, true}} {
		_, ok := Evaluate(Condition{Operator: "GreaterThanThreshold", Periods: 1, Period: 60, Percentile: c.percentile}, []Point{{At: end - 60, Value: 1, Samples: c.samples}}, end, now)
		if ok != c.decided {
			t.Errorf("p%g of %g samples: decided %v", c.percentile, c.samples, ok)
		}
	}
}

func TestRules(t *testing.T) {
	states := map[string]State{"a": Alarm, "b": OK, "c": InsufficientData, "with space": Alarm, `q"q`: OK, "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a": Alarm}
	for rule, want := range map[string]bool{
		"ALARM(a)": true, "ALARM(b)": false, "OK(b)": true, "INSUFFICIENT_DATA(c)": true, "TRUE": true, "False": false, `ALARM("with space")`: true, `OK("q\"q")`: true,
		"ALARM(a) AND NOT ALARM(b)": true, "(ALARM(b) OR ALARM(a)) AND OK(b)": true, "ALARM(b) OR ALARM(a) AND OK(c)": false, "NOT (ALARM(a) AND OK(b))": false,
		"ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a)": true, "ALARM(nobody)": false, " ALARM ( a )\nAND\tTRUE ": true,
		"AT_LEAST(1, ALARM, (a, b, c))": true, "AT_LEAST(2, ALARM, (a, b, c))": false, `AT_LEAST(2,ALARM,(a,"with space",b))`: true, "AT_LEAST(2, OK, (b, a)) OR TRUE": true,
		"AT_LEAST(50%, OK, (a, b))": true, "AT_LEAST(51%, OK, (a, b))": false, "AT_LEAST(33%, INSUFFICIENT_DATA, (a, b, c))": true, "AT_LEAST(34%, INSUFFICIENT_DATA, (a, b, c))": false,
		"AT_LEAST(2, NOT ALARM, (a, b, c))": true, "AT_LEAST( 3 , NOT  OK , ( a , b , c ) )": false, "AT_LEAST(100%, NOT INSUFFICIENT_DATA, (a, b)) AND NOT AT_LEAST(1, OK, (a))": true,
	} {
		r, err := ParseRule(rule)
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		if got := r.Holds(func(name string) State { return states[name] }); got != want {
			t.Errorf("%s is %v", rule, got)
		}
	}
	r, err := ParseRule("ALARM(x) OR (OK(y) AND ALARM(x)) AND NOT ALARM(z)")
	if err != nil || strings.Join(r.Alarms(), " ") != "x y z" {
		t.Errorf("%v, %v", r, err)
	}
	r, err = ParseRule("ALARM(y) OR AT_LEAST(1, OK, (x, y, z))")
	if err != nil || strings.Join(r.Alarms(), " ") != "y x z" {
		t.Errorf("%v, %v", r, err)
	}
}

func TestRefusedRules(t *testing.T) {
	for rule, want := range map[string]string{
		"": "ends too early", "ALARM(a) AND": "ends too early", "ALARM a": "opening parenthesis", "ALARM(a": "missing", `ALARM("a)`: "does not end", "ALARM()": "name of an alarm is missing",
		"ALERT(a)": "unknown function ALERT", "ALARM(a) ALARM(b)": "unexpected", "(TRUE": "closing parenthesis", "AT_MOST(1, ALARM, (a))": "unknown function AT_MOST",
		"AT_LEAST 1": "opening parenthesis", "AT_LEAST(1": "needs a number", "AT_LEAST(0, ALARM, (a))": "from 1", "AT_LEAST(101%, ALARM, (a))": "up to 100%", "AT_LEAST(1.5, ALARM, (a))": "not \"1.5\"",
		"AT_LEAST(1, BAD, (a))": "needs a state", "AT_LEAST(1, ALARM, a)": "list of alarms", "AT_LEAST(1, ALARM, ())": "name of an alarm", "AT_LEAST(1, ALARM, (a)": "closing parenthesis",
		"AT_LEAST(3, ALARM, (a, b))": "3 alarms of 2", "AT_LEAST(1, ALARM, (" + strings.Repeat("a,", 501) + "a))": "more than 500 elements",
		strings.Repeat("(", 501) + "TRUE": "more than 500 elements", strings.Repeat("NOT ", 501) + "TRUE": "more than 500 elements", "!TRUE": "unexpected",
	} {
		if _, err := ParseRule(rule); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", rule, err, want)
		}
	}
}

func FuzzParseRule(f *testing.F) {
	for _, s := range []string{"ALARM(a) AND NOT OK(\"b c\")", "(TRUE OR FALSE)", "INSUFFICIENT_DATA(x)", "AT_LEAST(50%, NOT OK, (a, \"b\"))"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseRule(s); err == nil {
			r.Holds(func(string) State { return OK })
		}
	})
}

// TestSuppression tells the scenarios of "Suppressing composite alarm actions" in steps of 10 seconds: s = the suppressor is
// in ALARM, p = the alarm is in a state whose actions wait.
func TestSuppression(t *testing.T) {
	s := Suppressor{Wait: 20 * time.Second, Extension: 30 * time.Second}
	for name, c := range map[string]struct{ steps, want string }{
		"no suppressor in alarm: after the wait period": {"p p p", "wait wait ACT"},
		"the suppressor follows within the wait period": {"p ps ps ps", "wait alarm alarm alarm"},
		"the alarm returns within the wait period":      {"p p - -", "wait wait . ."},
		"actions after the extension period":            {"ps p p p p", "alarm ext ext ext ACT"},
		"the alarm returns within the extension period": {"ps p - - - -", "alarm ext ext ext . ."},
		"the suppressor returns":                        {"ps p ps p p p p", "alarm ext alarm ext ext ext ACT"},
		"a change within the extension period":          {"s - p p p", "alarm ext ext ext ACT"},
		"nothing to do":                                 {"- s - -", ". alarm ext ext"},
	} {
		var state Suppression
		var got []string
		for i, step := range strings.Fields(c.steps) {
			var act bool
			state, act = s.Next(state, strings.Contains(step, "s"), strings.Contains(step, "p"), now.Add(time.Duration(i)*10*time.Second))
			word := map[SuppressedBy]string{"": ".", ByWaitPeriod: "wait", ByExtensionPeriod: "ext", ByAlarm: "alarm"}[state.By]
			if act {
				word = "ACT"
			}
			got = append(got, word)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}
