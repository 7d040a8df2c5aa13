package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	model "drey/model/cloudwatch"
	"drey/store/sql"
)

// world is a service on a clock that runs when everything waits.
type world struct {
	*Service
	t    *testing.T
	db   *sql.DB
	dir  string
	acts []string // actions, as "minute: ARN subject"
	fail error
	plan func() string // nil = actions have no plan
	dies bool          // the server does, before it has noted that an action was carried out
	dead string        // the topic whose address never answers

	mu   sync.Mutex
	from time.Time
}

// newWorld begins one second after a full minute, and runs inside a bubble.
func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir()}
	time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + time.Second)))
	w.from = time.Now().Truncate(time.Minute)
	w.start()
	return w
}

func (w *world) start() {
	w.t.Helper()
	var err error
	if w.db, err = sql.Open(filepath.Join(w.dir, "db")); err != nil {
		w.t.Fatal(err)
	}
	if w.Service, err = Open(w.t.Context(), Config{DB: w.db, Dir: filepath.Join(w.dir, "metrics"), Plan: w.decide, Act: w.record}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) decide(context.Context, Action) (string, error) {
	if w.plan == nil {
		return "", nil
	}
	return w.plan(), nil
}

func (w *world) record(ctx context.Context, a Action) error {
	if w.dead != "" && a.ARN == sns(w.dead) {
		<-ctx.Done()
		return ctx.Err()
	}
	w.mu.Lock()
	w.acts = append(w.acts, fmt.Sprintf("%.0f: %s %s", time.Since(w.from).Seconds(), a.ARN[len("arn:aws:sns:us-east-1:123456789012:"):], a.Subject+a.Plan))
	w.mu.Unlock()
	if w.dies {
		<-ctx.Done()
	}
	return w.fail
}

func (w *world) stop() {
	w.t.Helper()
	if err := errors.Join(w.Service.Close(), w.db.Close()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ctx() context.Context { return request(w.t.Context()) }

func (w *world) put(value float64) {
	w.t.Helper()
	in := &model.PutMetricDataInput{Namespace: new("Shop"), MetricData: []model.MetricDatum{{MetricName: new("orders"), Value: &value, Timestamp: new(time.Now()), StorageResolution: new(int32(1))}}}
	if _, err := w.PutMetricData(w.ctx(), in); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) alarm(name string, change func(*model.PutMetricAlarmInput)) {
	w.t.Helper()
	in := &model.PutMetricAlarmInput{
		AlarmName: &name, Namespace: new("Shop"), MetricName: new("orders"), Statistic: "Maximum", Period: new(int32(60)), EvaluationPeriods: new(int32(1)), Threshold: new(5.0),
		ComparisonOperator: "GreaterThanThreshold", AlarmActions: []string{sns("alarm")}, OKActions: []string{sns("ok")}, InsufficientDataActions: []string{sns("unknown")},
	}
	if change != nil {
		change(in)
	}
	if _, err := w.PutMetricAlarm(w.ctx(), in); err != nil {
		w.t.Fatal(err)
	}
}

func sns(topic string) string { return "arn:aws:sns:us-east-1:123456789012:" + topic }

// state waits until all that is due has been done.
func (w *world) state(name string) string {
	w.t.Helper()
	synctest.Wait()
	d, err := w.readAlarm(w.t.Context(), place{"123456789012", "us-east-1"}, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(d.State)
}

func (w *world) history(kind model.HistoryItemType) (list []string) {
	w.t.Helper()
	out, err := w.DescribeAlarmHistory(w.ctx(), &model.DescribeAlarmHistoryInput{HistoryItemType: kind, ScanBy: "TimestampAscending", AlarmTypes: []model.AlarmType{"MetricAlarm", "CompositeAlarm"}})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, i := range out.AlarmHistoryItems {
		list = append(list, fmt.Sprintf("%.0f: %s %s", i.Timestamp.Sub(w.from).Seconds(), *i.AlarmName, *i.HistorySummary))
	}
	return list
}

func (w *world) want(what string, got []string, want ...string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAlarmsAreEvaluatedOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.alarm("high", nil)
		for _, v := range []float64{9, 1, 1} { // in three minutes
			w.put(v)
			time.Sleep(time.Minute)
		}
		time.Sleep(5 * time.Minute) // without data
		if got := w.state("high"); got != "INSUFFICIENT_DATA" {
			t.Errorf("at the end: %s", got)
		}
		w.want("states", w.history("StateUpdate"),
			"63: high Alarm updated from INSUFFICIENT_DATA to ALARM", "123: high Alarm updated from ALARM to OK", "363: high Alarm updated from OK to INSUFFICIENT_DATA")
		w.want("actions", w.acts, `63: alarm ALARM: "high" in US East (N. Virginia)`, `123: ok OK: "high" in US East (N. Virginia)`, `363: unknown INSUFFICIENT_DATA: "high" in US East (N. Virginia)`)
	})
}

// TestDeadAddress has a topic whose address never answers: the actions of others are carried out on time, and its own when the
// server has started again.
func TestDeadAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() { w.stop() }()
		w.dead = "dead"
		w.alarm("a", func(in *model.PutMetricAlarmInput) { in.AlarmActions = []string{sns("dead")} })
		w.alarm("b", nil)
		for _, v := range []float64{9, 1, 9} {
			w.put(v)
			time.Sleep(time.Minute)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		const subject = `"b" in US East (N. Virginia)`
		w.want("actions", slices.DeleteFunc(slices.Clone(w.acts), func(s string) bool { return !strings.HasSuffix(s, subject) }),
			"63: alarm ALARM: "+subject, "123: ok OK: "+subject, "183: alarm ALARM: "+subject)
		w.stop()
		w.acts, w.dead = nil, ""
		w.start()
		time.Sleep(15 * time.Second)
		synctest.Wait()
		w.want("after a restart", w.acts, `196: dead ALARM: "a" in US East (N. Virginia)`, `196: dead ALARM: "a" in US East (N. Virginia)`)
	})
}

func TestHighResolutionAlarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.alarm("fast", func(in *model.PutMetricAlarmInput) {
			in.Period, in.TreatMissingData = new(int32(10)), new("notBreaching")
		})
		time.Sleep(20 * time.Second)
		w.put(9)
		time.Sleep(50 * time.Second)
		synctest.Wait()
		w.want("states", w.history("StateUpdate"), "3: fast Alarm updated from INSUFFICIENT_DATA to OK", "33: fast Alarm updated from OK to ALARM", "63: fast Alarm updated from ALARM to OK")
	})
}

// TestAlarmsThatAreDueSooner are put, one of them in place of another, while the evaluator waits for the next minute.
func TestAlarmsThatAreDueSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		fast := func(in *model.PutMetricAlarmInput) {
			in.Period, in.TreatMissingData = new(int32(10)), new("notBreaching")
		}
		w.alarm("slow", nil)
		w.alarm("changed", nil)
		time.Sleep(70 * time.Second)
		w.alarm("fast", fast)
		time.Sleep(10 * time.Second)
		w.alarm("changed", fast)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		w.want("states", w.history("StateUpdate"), "73: fast Alarm updated from INSUFFICIENT_DATA to OK", "83: changed Alarm updated from INSUFFICIENT_DATA to OK")
	})
}

func TestNamesOfOneKindAreNotForTheOther(t *testing.T) {
	s, _ := open(t, t.TempDir())
	ctx := request(t.Context())
	metric := func(name string) error {
		_, err := s.PutMetricAlarm(ctx, &model.PutMetricAlarmInput{
			AlarmName: &name, Namespace: new("Shop"), MetricName: new("orders"), Statistic: "Maximum", Period: new(int32(60)), EvaluationPeriods: new(int32(1)), Threshold: new(5.0), ComparisonOperator: "GreaterThanThreshold",
		})
		return err
	}
	composite := func(name string) error {
		_, err := s.PutCompositeAlarm(ctx, &model.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: new("FALSE")})
		return err
	}
	if err := errors.Join(metric("m"), composite("c"), metric("m"), composite("c")); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{metric("c"), composite("m")} {
		if !errors.Is(err, invalid) {
			t.Errorf("got %v", err)
		}
	}
}

func TestAlarmOnAnExpression(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.alarm("growth", func(in *model.PutMetricAlarmInput) {
			in.MetricName, in.Namespace, in.Statistic, in.Period, in.Threshold = nil, nil, "", nil, new(0.0)
			in.Metrics = []model.MetricDataQuery{{Id: new("e1"), Expression: new("RATE(m1)")}, {Id: new("m1"), ReturnData: new(false), MetricStat: &model.MetricStat{
				Metric: &model.Metric{Namespace: new("Shop"), MetricName: new("orders")}, Period: new(int32(60)), Stat: new("Average"),
			}}}
		})
		for _, v := range []float64{1, 1, 7, 7} {
			w.put(v)
			time.Sleep(time.Minute)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		w.want("states", w.history("StateUpdate"), "123: growth Alarm updated from INSUFFICIENT_DATA to OK", "183: growth Alarm updated from OK to ALARM", "243: growth Alarm updated from ALARM to OK")
	})
}

// TestAlarmsGoOnAfterARestart stops the server while a metric breaches, and while an action waits.
func TestAlarmsGoOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.alarm("high", nil)
		w.put(1)
		time.Sleep(65 * time.Second)
		if got := w.state("high"); got != "OK" {
			t.Errorf("before: %s", got)
		}
		w.put(9)
		w.stop()
		time.Sleep(50 * time.Second)
		w.start()
		time.Sleep(20 * time.Second)
		if got := w.state("high"); got != "ALARM" {
			t.Errorf("after: %s", got)
		}
		w.want("actions", w.acts, `63: ok OK: "high" in US East (N. Virginia)`, `126: alarm ALARM: "high" in US East (N. Virginia)`)
		w.stop()
		w.start()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if len(w.acts) != 2 {
			t.Errorf("an action is performed twice: %s", w.acts)
		}
		w.stop()
	})
}

// TestInterruptedActionsKeepTheirPlan: what is done again is what was decided first.
func TestInterruptedActionsKeepTheirPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		decided := 0
		w.plan = func() string { decided++; return fmt.Sprintf(", plan %d", decided) }
		w.dies = true
		w.alarm("high", nil)
		w.put(9)
		time.Sleep(65 * time.Second)
		synctest.Wait()
		w.stop()
		w.dies = false
		w.start()
		time.Sleep(everyTenSeconds * time.Second)
		synctest.Wait()
		w.want("actions", w.acts, `63: alarm ALARM: "high" in US East (N. Virginia), plan 1`, `76: alarm ALARM: "high" in US East (N. Virginia), plan 1`)
		w.want("history", w.history("Action"), "76: high Successfully executed action arn:aws:sns:us-east-1:123456789012:alarm")
		w.put(1)
		time.Sleep(60 * time.Second)
		synctest.Wait()
		w.want("the next one", w.acts[2:], `123: ok OK: "high" in US East (N. Virginia), plan 2`)
		w.stop()
	})
}

func TestFailedActionsAreInTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.fail = ErrNoAction
		w.alarm("high", nil)
		w.put(9)
		time.Sleep(65 * time.Second)
		synctest.Wait()
		w.want("history", w.history("Action"), `63: high Failed to execute action arn:aws:sns:us-east-1:123456789012:alarm. Received error: "this server cannot carry out actions of this kind"`)
		w.fail = nil
		if _, err := w.DisableAlarmActions(w.ctx(), &model.DisableAlarmActionsInput{AlarmNames: []string{"high", "nobody"}}); err != nil {
			t.Fatal(err)
		}
		w.put(1)
		time.Sleep(60 * time.Second)
		if got := w.state("high"); got != "OK" || len(w.acts) != 1 {
			t.Errorf("%s, and disabled actions act: %s", got, w.acts)
		}
		if _, err := w.EnableAlarmActions(w.ctx(), &model.EnableAlarmActionsInput{AlarmNames: []string{"high"}}); err != nil {
			t.Fatal(err)
		}
		w.put(9)
		time.Sleep(60 * time.Second)
		synctest.Wait()
		w.want("history", w.history("Action")[1:], "183: high Successfully executed action arn:aws:sns:us-east-1:123456789012:alarm")
	})
}

func TestSuppressedActions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.alarm("high", func(in *model.PutMetricAlarmInput) {
			in.AlarmActions, in.OKActions, in.InsufficientDataActions = nil, nil, nil
		})
		w.alarm("maintenance", func(in *model.PutMetricAlarmInput) {
			in.MetricName, in.AlarmActions, in.OKActions, in.InsufficientDataActions = new("none"), nil, nil, nil
		})
		if _, err := w.PutCompositeAlarm(w.ctx(), &model.PutCompositeAlarmInput{
			AlarmName: new("page"), AlarmRule: new("ALARM(high)"), AlarmActions: []string{sns("page")}, ActionsSuppressor: new("maintenance"), ActionsSuppressorWaitPeriod: new(int32(20)), ActionsSuppressorExtensionPeriod: new(int32(30)),
		}); err != nil {
			t.Fatal(err)
		}
		set := func(name string, v model.StateValue) {
			t.Helper()
			if _, err := w.SetAlarmState(w.ctx(), &model.SetAlarmStateInput{AlarmName: &name, StateValue: v, StateReason: new("a test")}); err != nil {
				t.Fatal(err)
			}
		}
		suppressed := func() string {
			t.Helper()
			synctest.Wait()
			out, err := w.DescribeAlarms(w.ctx(), &model.DescribeAlarmsInput{AlarmTypes: []model.AlarmType{"CompositeAlarm"}})
			if err != nil {
				t.Fatal(err)
			}
			return string(out.CompositeAlarms[0].StateValue) + " " + string(out.CompositeAlarms[0].ActionsSuppressedBy)
		}
		time.Sleep(30 * time.Second) // the wait of the first state
		set("high", "ALARM")
		if got := suppressed(); got != "ALARM WaitPeriod" {
			t.Error(got)
		}
		time.Sleep(10 * time.Second)
		set("maintenance", "ALARM")
		if got := suppressed(); got != "ALARM Alarm" {
			t.Error(got)
		}
		time.Sleep(5 * time.Second)
		set("maintenance", "OK")
		if got := suppressed(); got != "ALARM ExtensionPeriod" || len(w.acts) != 0 {
			t.Error(got, w.acts)
		}
		w.put(9) // keeps high in ALARM
		time.Sleep(31 * time.Second)
		if got := suppressed(); got != "ALARM " {
			t.Error(got)
		}
		w.want("actions", w.acts, `76: page ALARM: "page" in US East (N. Virginia)`)
	})
}

func TestCirclesOfCompositeAlarmsStand(t *testing.T) {
	s, _ := open(t, t.TempDir())
	ctx := request(t.Context())
	put := func(name, rule string) {
		t.Helper()
		if _, err := s.PutCompositeAlarm(ctx, &model.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: &rule}); err != nil {
			t.Fatal(err)
		}
	}
	put("a", "FALSE")
	put("b", "ALARM(a)")
	put("a", "ALARM(b)")
	if _, err := s.SetAlarmState(ctx, &model.SetAlarmStateInput{AlarmName: new("a"), StateValue: "ALARM", StateReason: new("a test")}); err != nil {
		t.Fatal(err)
	}
	d, err := s.readAlarm(ctx, place{"123456789012", "us-east-1"}, "b")
	if err != nil || d.State != "OK" {
		t.Errorf("%v, %v", d, err)
	}
	_, err = s.DeleteAlarms(ctx, &model.DeleteAlarmsInput{AlarmNames: []string{"a"}})
	if !errors.Is(err, invalid) {
		t.Errorf("a part of a circle is deleted: %v", err)
	}
}

func TestMessage(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 3, 322e6, time.UTC)
	d := &alarmDocument{
		place: place{"123456789012", "eu-central-1"}, Name: "down", State: "ALARM", Reason: "Threshold Crossed", Updated: at, Transitioned: at,
		Metric: &model.PutMetricAlarmInput{
			AlarmDescription: new("text"), Namespace: new("N"), MetricName: new("m"), Dimensions: []model.Dimension{{Name: new("A"), Value: new("v")}}, Statistic: "Average", Period: new(int32(60)),
			EvaluationPeriods: new(int32(1)), Threshold: new(1.0), ComparisonOperator: "GreaterThanThreshold", AlarmActions: []string{sns("x")},
		},
	}
	want := `{"AlarmName":"down","AlarmDescription":"text","AWSAccountId":"123456789012","NewStateValue":"ALARM","NewStateReason":"Threshold Crossed","StateChangeTime":"2026-03-01T12:00:03.322+0000",` +
		`"Region":"EU (Frankfurt)","AlarmArn":"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:down","OldStateValue":"OK","OKActions":[],"AlarmActions":["arn:aws:sns:us-east-1:123456789012:x"],"InsufficientDataActions":[],` +
		`"AlarmConfigurationUpdatedTimestamp":"2026-03-01T12:00:03.322+0000","Trigger":{"MetricName":"m","Namespace":"N","StatisticType":"Statistic","Statistic":"AVERAGE","Dimensions":[{"value":"v","name":"A"}],` +
		`"Period":60,"EvaluationPeriods":1,"ComparisonOperator":"GreaterThanThreshold","Threshold":1.0,"TreatMissingData":"","EvaluateLowSampleCountPercentile":""}}`
	if got := message(d, "OK"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
