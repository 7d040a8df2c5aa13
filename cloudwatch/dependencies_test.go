package cloudwatch

import (
	stdsql "database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	model "drey/model/cloudwatch"
)

var home = place{"123456789012", "us-east-1"}

// watch makes metric alarms m0, m1 … and the composite ones, given as name=rule.
func watch(t *testing.T, s *Service, metrics int, composites ...string) {
	t.Helper()
	for i := range metrics {
		in := &model.PutMetricAlarmInput{AlarmName: new(fmt.Sprintf("m%d", i)), Namespace: new("Shop"), MetricName: new("orders"), Statistic: "Sum", Period: new(int32(60)),
			EvaluationPeriods: new(int32(1)), Threshold: new(1.0), ComparisonOperator: "GreaterThanThreshold"}
		if _, err := s.PutMetricAlarm(request(t.Context()), in); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range composites {
		name, rule, _ := strings.Cut(c, "=")
		if _, err := s.PutCompositeAlarm(request(t.Context()), &model.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: &rule}); err != nil {
			t.Fatal(err)
		}
	}
}

func setState(t *testing.T, s *Service, name string, state model.StateValue) {
	t.Helper()
	if _, err := s.SetAlarmState(request(t.Context()), &model.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: new("a test")}); err != nil {
		t.Fatal(err)
	}
}

func stateOf(t *testing.T, s *Service, name string) string {
	t.Helper()
	d, err := s.readAlarm(t.Context(), home, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(d.State)
}

// TestBoardHasWhatDepends: what is read for a change is what the change can reach, and what that depends on.
func TestBoardHasWhatDepends(t *testing.T) {
	s, _ := open(t, t.TempDir())
	watch(t, s, 20, "low=ALARM(m0) OR ALARM(m1)", "mid=ALARM(low) AND OK(m2)", "high=ALARM(mid)", "side=ALARM(m3)", "apart=ALARM(m4) OR ALARM(side)")
	if _, err := s.PutCompositeAlarm(request(t.Context()), &model.PutCompositeAlarmInput{AlarmName: new("held"), AlarmRule: new("ALARM(m5)"), ActionsSuppressor: new("m6"),
		ActionsSuppressorWaitPeriod: new(int32(10)), ActionsSuppressorExtensionPeriod: new(int32(10))}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		moving, reading []string
		want            string
	}{
		{[]string{"m0"}, nil, "high low m0 m1 m2 mid"},
		{[]string{"m3"}, nil, "apart m3 m4 side"},
		{[]string{"m6"}, nil, "held m5 m6"},
		{[]string{"m9"}, nil, "m9"},
		{nil, []string{"m0", "nobody"}, "m0"},
		{nil, []string{"apart"}, "apart m3 m4 side"},
	} {
		b := &board{place: home, alarms: map[string]*alarmDocument{}}
		if err := s.db.Read(t.Context(), func(tx *stdsql.Tx) error { return b.load(t.Context(), tx, x.moving, x.reading) }); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(b.alarms)), " "); got != x.want {
			t.Errorf("moving %v, reading %v: %s, expected %s", x.moving, x.reading, got, x.want)
		}
	}
}

// TestDependenciesFollowTheRule: another rule, or a deletion, ends them.
func TestDependenciesFollowTheRule(t *testing.T) {
	s, _ := open(t, t.TempDir())
	watch(t, s, 3, "c=ALARM(m0)", "c=ALARM(m1)")
	setState(t, s, "m0", "ALARM")
	if got := stateOf(t, s, "c"); got != "OK" {
		t.Errorf("the alarm left behind makes it %s", got)
	}
	setState(t, s, "m1", "ALARM")
	if got := stateOf(t, s, "c"); got != "ALARM" {
		t.Errorf("the alarm of its rule makes it %s", got)
	}
	for _, names := range [][]string{{"m0"}, {"c"}, {"m1"}} {
		if _, err := s.DeleteAlarms(request(t.Context()), &model.DeleteAlarmsInput{AlarmNames: names}); err != nil {
			t.Error(err)
		}
	}
}

// TestDependenciesAreCompleted: those of alarms that are older than the table of them are there after a start.
func TestDependenciesAreCompleted(t *testing.T) {
	s, _ := open(t, t.TempDir())
	watch(t, s, 3, "low=ALARM(m0)", "high=ALARM(low) OR ALARM(m2)")
	if err := s.db.Write(t.Context(), func(tx *stdsql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `DELETE FROM cloudwatch_dependencies`); err != nil {
			return err
		}
		for _, statement := range migrations {
			if strings.HasPrefix(statement, "INSERT INTO cloudwatch_dependencies") {
				if _, err := tx.ExecContext(t.Context(), statement); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.completeDependencies(t.Context()); err != nil {
		t.Fatal(err)
	}
	setState(t, s, "m0", "ALARM")
	if low, high := stateOf(t, s, "low"), stateOf(t, s, "high"); low != "ALARM" || high != "ALARM" {
		t.Errorf("%s and %s", low, high)
	}
	var left int
	if err := s.db.Read(t.Context(), func(tx *stdsql.Tx) error {
		return tx.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM cloudwatch_dependencies WHERE child = ''`).Scan(&left)
	}); err != nil || left != 0 {
		t.Errorf("%d are not known, %v", left, err)
	}
}

// TestRulesOfAnAlarm: an alarm is in so many rules at most, and suppresses as many as one likes.
func TestRulesOfAnAlarm(t *testing.T) {
	s, _ := open(t, t.TempDir())
	watch(t, s, 2)
	for i := range maxRules + 1 {
		if _, err := s.PutCompositeAlarm(request(t.Context()), &model.PutCompositeAlarmInput{AlarmName: new(fmt.Sprintf("s%d", i)), AlarmRule: new("FALSE"), ActionsSuppressor: new("m0"),
			ActionsSuppressorWaitPeriod: new(int32(1)), ActionsSuppressorExtensionPeriod: new(int32(1))}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxRules {
		watch(t, s, 0, fmt.Sprintf("c%d=ALARM(m0)", i))
	}
	watch(t, s, 0, "c7=ALARM(m0) OR ALARM(m1)")
	_, err := s.PutCompositeAlarm(request(t.Context()), &model.PutCompositeAlarmInput{AlarmName: new("more"), AlarmRule: new("ALARM(m1) AND ALARM(m0)")})
	if !errors.Is(err, model.LimitExceededFault) {
		t.Errorf("one rule more: %v", err)
	}
	if _, err := s.readAlarm(t.Context(), home, "more"); !errors.Is(err, errNoAlarm) {
		t.Errorf("a refused alarm is there: %v", err)
	}
}

// TestNamesOfAlarms: they may have any letters, and the history cuts none in two.
func TestNamesOfAlarms(t *testing.T) {
	s, _ := open(t, t.TempDir())
	name := strings.Repeat("ü", 255)
	watch(t, s, 1, name+"=ALARM(m0)", "over="+`ALARM("`+name+`")`)
	setState(t, s, "m0", "ALARM")
	if got := stateOf(t, s, "over"); got != "ALARM" {
		t.Errorf("it is %s", got)
	}
	out, err := s.DescribeAlarmHistory(request(t.Context()), &model.DescribeAlarmHistoryInput{AlarmName: &name, AlarmTypes: []model.AlarmType{"CompositeAlarm"}, HistoryItemType: "ConfigurationUpdate"})
	if err != nil || len(out.AlarmHistoryItems) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if sum := *out.AlarmHistoryItems[0].HistorySummary; !utf8.ValidString(sum) || len(sum) > maxSummary {
		t.Errorf("%q", sum)
	}
	if _, err := s.DescribeAlarmHistory(request(t.Context()), &model.DescribeAlarmHistoryInput{StartDate: new(noon), EndDate: new(noon.Add(-1))}); !errors.Is(err, invalid) {
		t.Errorf("an end before the start: %v", err)
	}
}

// TestHistoryPagesStandStill: what happens between two pages of the newest items is not among the older ones.
func TestHistoryPagesStandStill(t *testing.T) {
	s, _ := open(t, t.TempDir())
	watch(t, s, 1)
	states := []model.StateValue{"OK", "ALARM"}
	for i := range 6 {
		setState(t, s, "m0", states[i%2])
	}
	for _, order := range []model.ScanBy{"TimestampDescending", "TimestampAscending"} {
		in := &model.DescribeAlarmHistoryInput{AlarmName: new("m0"), HistoryItemType: "StateUpdate", MaxRecords: new(int32(2)), ScanBy: order, EndDate: new(noon)}
		var got []string
		for i := 0; ; i++ {
			out, err := s.DescribeAlarmHistory(request(t.Context()), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range out.AlarmHistoryItems {
				got = append(got, strings.TrimPrefix(*item.HistorySummary, "Alarm updated from "))
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
			if i == 0 && order == "TimestampDescending" {
				setState(t, s, "m0", "INSUFFICIENT_DATA")
			}
		}
		want := []string{"INSUFFICIENT_DATA to OK", "OK to ALARM", "ALARM to OK", "OK to ALARM", "ALARM to OK", "OK to ALARM"}
		if order == "TimestampDescending" {
			slices.Reverse(want)
		} else {
			want = append(want, "ALARM to INSUFFICIENT_DATA")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", order, got)
		}
	}
}

// TestRelatedAlarmsAreShownInShort: of children and parents no more is told than AWS tells.
func TestRelatedAlarmsAreShownInShort(t *testing.T) {
	s, _ := open(t, t.TempDir())
	watch(t, s, 1, "low=ALARM(m0)", "high=ALARM(low) OR ALARM(m0)")
	out, err := s.DescribeAlarms(request(t.Context()), &model.DescribeAlarmsInput{ChildrenOfAlarmName: new("high")})
	if err != nil || len(out.CompositeAlarms) != 1 || len(out.MetricAlarms) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if c, m := out.CompositeAlarms[0], out.MetricAlarms[0]; c.StateValue != "OK" || c.StateUpdatedTimestamp == nil || c.AlarmRule != nil || m.StateValue != "INSUFFICIENT_DATA" || m.MetricName != nil {
		t.Errorf("%+v, %+v", c, m)
	}
	out, err = s.DescribeAlarms(request(t.Context()), &model.DescribeAlarmsInput{ParentsOfAlarmName: new("m0")})
	if err != nil || len(out.CompositeAlarms) != 2 || *out.CompositeAlarms[0].AlarmName != "high" || out.CompositeAlarms[0].AlarmArn == nil || out.CompositeAlarms[0].StateValue != "" {
		t.Errorf("%+v, %v", out, err)
	}
}

// BenchmarkAlarms times calls among ALARMS alarms, a tenth of them composite.
func BenchmarkAlarms(b *testing.B) {
	count := setting(b, "ALARMS", 100)
	s, done := openStore(b, b.TempDir(), &clock{t: noon})
	defer done()
	ctx := request(b.Context())
	for i := range count {
		name, child := fmt.Sprintf("alarm-%06d", i), fmt.Sprintf("alarm-%06d", i-1)
		var err error
		if i%10 == 9 {
			_, err = s.PutCompositeAlarm(ctx, &model.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: new("ALARM(" + child + ")")})
		} else {
			_, err = s.PutMetricAlarm(ctx, &model.PutMetricAlarmInput{AlarmName: &name, Namespace: new("Shop"), MetricName: new(fmt.Sprintf("m%d", i)), Statistic: "Sum", Period: new(int32(60)),
				EvaluationPeriods: new(int32(1)), Threshold: new(1.0), ComparisonOperator: "GreaterThanThreshold"})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	name := fmt.Sprintf("alarm-%06d", count/20*10+8)
	for what, call := range map[string]func(i int) error{
		"SetAlarmState": func(i int) error {
			_, err := s.SetAlarmState(ctx, &model.SetAlarmStateInput{AlarmName: &name, StateValue: []model.StateValue{"OK", "ALARM"}[i%2], StateReason: new("x")})
			return err
		},
		"PutCompositeAlarm": func(int) error {
			_, err := s.PutCompositeAlarm(ctx, &model.PutCompositeAlarmInput{AlarmName: new("another"), AlarmRule: new("ALARM(" + name + ")")})
			return err
		},
		"TagResource": func(int) error {
			_, err := s.TagResource(ctx, &model.TagResourceInput{ResourceARN: new(home.alarmARN(name)), Tags: []model.Tag{{Key: new("k"), Value: new("v")}}})
			return err
		},
		"DescribeAlarms": func(int) error { _, err := s.DescribeAlarms(ctx, &model.DescribeAlarmsInput{}); return err },
		"DescribeAlarmsForMetric": func(int) error {
			_, err := s.DescribeAlarmsForMetric(ctx, &model.DescribeAlarmsForMetricInput{Namespace: new("Shop"), MetricName: new("m8")})
			return err
		},
	} {
		b.Run(what, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if err := call(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
