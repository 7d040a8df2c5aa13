package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// shelf is a sink that keeps what it gets.
type shelf struct {
	mu   sync.Mutex
	data []Datum
	fail error
}

func (s *shelf) Put(_ context.Context, account, region, namespace string, data []Datum) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if account != "123456789012" || region != "us-east-1" || namespace != "AWS/KinesisAnalytics" {
		return fmt.Errorf("put to %s %s %s", account, region, namespace)
	}
	if s.fail != nil {
		return s.fail
	}
	s.data = append(s.data, data...)
	return nil
}

// take gives the samples of a metric, written as dimensions=value unit.
func (s *shelf) take(name string) []string {
	var out []string
	for _, d := range s.all() {
		if d.Name != name {
			continue
		}
		var dims []string
		for _, x := range d.Dimensions {
			dims = append(dims, x.Name+":"+x.Value)
		}
		slices.Sort(dims)
		out = append(out, fmt.Sprintf("%s=%.6g %s", strings.Join(dims, ","), d.Value, d.Unit))
	}
	slices.Sort(out)
	return out
}

func (s *shelf) all() []Datum {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.data)
}

func (s *shelf) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = nil
}

// onDesk runs a Receiver on the invented clock of a synctest bubble, one second after a full minute.
func onDesk(t *testing.T, level string, test func(t *testing.T, r *Receiver, s *shelf)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + time.Second)))
		r := NewReceiver(t.Context(), ReceiverConfig{Sink: s})
		defer r.Close()
		r.Register("token", orderProcessor(level))
		test(t, r, s)
	})
}

func orderProcessor(level string) Application {
	return Application{Account: "123456789012", Region: "us-east-1", Name: "order-processor", MetricsLevel: level}
}

// captured is a report of a real Flink 1.18.1, as its InfluxDB reporter posted it.
func captured(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".influx")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, r *Receiver, body string) {
	t.Helper()
	if err := r.Write(t.Context(), "token", strings.NewReader(body)); err != nil {
		t.Fatal(err)
	}
}

func wantSamples(t *testing.T, s *shelf, name string, want ...string) {
	t.Helper()
	if got := s.take(name); !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestJobManagerReport(t *testing.T) {
	onDesk(t, "", func(t *testing.T, r *Receiver, s *shelf) {
		write(t, r, captured(t, "jobmanager"))
		const app = "Application:order-processor="
		wantSamples(t, s, "downtime", app+"0 Milliseconds")
		wantSamples(t, s, "uptime", app+"3814 Milliseconds")
		wantSamples(t, s, "fullRestarts", app+"0 Count")
		wantSamples(t, s, "numRestarts", app+"0 Count")
		wantSamples(t, s, "numberOfFailedCheckpoints", app+"0 Count")
		wantSamples(t, s, "lastCheckpointDuration", app+"128 Milliseconds")
		wantSamples(t, s, "lastCheckpointSize", app+"39651 Bytes")
		if len(s.all()) != 7 {
			t.Errorf("%d samples", len(s.all()))
		}
	})
}

func TestTaskManagerReport(t *testing.T) {
	onDesk(t, "APPLICATION", func(t *testing.T, r *Receiver, s *shelf) {
		write(t, r, captured(t, "taskmanager"))
		const app = "Application:order-processor="
		wantSamples(t, s, "cpuUtilization", app+"1.29741 Percent")
		wantSamples(t, s, "heapMemoryUtilization", app+"10.1114 Percent")
		wantSamples(t, s, "managedMemoryUtilization", app+"100 Percent")
		wantSamples(t, s, "threadsCount", app+"75 Count")
		wantSamples(t, s, "oldGenerationGCCount", app+"0 Count")
		wantSamples(t, s, "oldGenerationGCTime", app+"0 Milliseconds")
		wantSamples(t, s, "millisBehindLatest", "Application:order-processor,Flow:Input,Id:orders-stream=1500 Milliseconds")
		if got := s.take("numRecordsIn"); len(got) != 5 {
			t.Errorf("one sample for each subtask: %v", got)
		}
		if got := s.take("openOrders"); len(got) != 2 || !strings.HasPrefix(got[0], "Application:order-processor,Service:Orders, east=1=") {
			t.Errorf("custom gauge: %v", got)
		}
		if got := s.take("orderRate"); len(got) != 2 || !strings.HasSuffix(got[0], " Count/Second") {
			t.Errorf("custom meter: %v", got)
		}
		for _, d := range s.all() {
			if d.Name == "h" || d.Name == "text" || d.Name == "notANumber" {
				t.Errorf("sample of what has no number: %+v", d)
			}
			for _, x := range d.Dimensions {
				if strings.ContainsAny(x.Name, "TOP") && x.Name != "Application" {
					t.Errorf("finer than the level APPLICATION: %+v", d)
				}
			}
		}
	})
}

// TestLevelsAdd counts the sets of dimensions of one metric of tasks and operators.
func TestLevelsAdd(t *testing.T) {
	want := map[string]string{
		"APPLICATION": "Application:5",
		"TASK":        "Application:5 Application,Task:5",
		"OPERATOR":    "Application:5 Application,Task:5 Application,Operator:9",
		"PARALLELISM": "Application:5 Application,Task:5 Application,Operator:9 Application,Parallelism,Task:5 Application,Operator,Parallelism:9",
	}
	for level, sets := range want {
		onDesk(t, level, func(t *testing.T, r *Receiver, s *shelf) {
			write(t, r, captured(t, "taskmanager"))
			seen := map[string]int{}
			for _, d := range s.all() {
				if d.Name != "numRecordsIn" {
					continue
				}
				var names []string
				for _, x := range d.Dimensions {
					names = append(names, x.Name)
					if strings.ContainsAny(x.Value, " \t") {
						t.Errorf("blanks in %+v", x)
					}
				}
				slices.Sort(names)
				seen[strings.Join(names, ",")]++
			}
			all := strings.Fields(sets)
			for _, set := range all {
				name, n, _ := strings.Cut(set, ":")
				if fmt.Sprint(seen[name]) != n {
					t.Errorf("%s: %s has %d samples, want %s", level, name, seen[name], n)
				}
			}
			if len(seen) != len(all) {
				t.Errorf("%s: %v", level, seen)
			}
		})
	}
}

// TestManySeriesKeepTheirCadence has more series than are kept of subtasks that are gone.
func TestManySeriesKeepTheirCadence(t *testing.T) {
	onDesk(t, "", func(t *testing.T, r *Receiver, s *shelf) {
		r.Observe("token", Facts{KPUs: 5})
		var b strings.Builder
		for i := range 50_001 {
			fmt.Fprintf(&b, "taskmanager_job_task_operator_kinesisanalytics_m%d,host=a,tm_id=1 value=1\n", i)
		}
		for range 12 {
			write(t, r, b.String())
			time.Sleep(10 * time.Second)
		}
		wantSamples(t, s, "m7", slices.Repeat([]string{"Application:order-processor=1 None"}, 8)...)
		wantSamples(t, s, "KPUs", "Application:order-processor=5 Count")
		p := r.reporter("token")
		time.Sleep(2 * time.Minute)
		write(t, r, "taskmanager_job_task_operator_kinesisanalytics_other,host=a,tm_id=1 value=1\n")
		p.mu.Lock()
		defer p.mu.Unlock()
		if n := len(p.sampled); n != 1 {
			t.Errorf("%d series are remembered", n)
		}
	})
}

func TestTaskNamesHaveNoBlanks(t *testing.T) {
	onDesk(t, "TASK", func(t *testing.T, r *Receiver, s *shelf) {
		write(t, r, "taskmanager_job_task_numRecordsIn,host=a,subtask_index=0,task_name=By\\ region\\ ->\\ Sink:\\ Summaries count=7i 1\n")
		wantSamples(t, s, "numRecordsIn", "Application:order-processor,Task:By_region_->_Sink:_Summaries=7 Count", "Application:order-processor=7 Count")
	})
}

// TestCadence reports every five seconds for two minutes and counts the samples.
func TestCadence(t *testing.T) {
	onDesk(t, "", func(t *testing.T, r *Receiver, s *shelf) {
		r.Observe("token", Facts{KPUs: 5})
		a := orderProcessor("")
		seconds := 0.0
		a.Containers = func(context.Context) ([]Container, error) {
			seconds += 15
			return []Container{{Name: "tm-1", CPUSeconds: seconds, CPULimit: 1, MemoryBytes: 1 << 30, MemoryMax: 4 << 30, DiskBytes: 1, DiskMax: 0}}, nil
		}
		r.Register("token", a)
		for range 24 {
			write(t, r, "jobmanager_job_downtime,host=a value=0i 1\ntaskmanager_Status_JVM_CPU_Load,host=a,tm_id=1 value=0.5 1\ntaskmanager_Status_JVM_CPU_Load,host=a,tm_id=2 value=0.25 1\ntaskmanager_job_task_numRecordsIn,host=a,subtask_index=0 count=7i 1\n")
			time.Sleep(5 * time.Second)
		}
		synctest.Wait()
		for name, want := range map[string]int{"downtime": 24, "cpuUtilization": 4, "numRecordsIn": 8, "containerMemoryUtilization": 5, "containerCPUUtilization": 4, "containerDiskUtilization": 0, "KPUs": 1} {
			if got := s.take(name); len(got) != want {
				t.Errorf("%s: %d samples, want %d: %v", name, len(got), want, got)
			}
		}
		for _, d := range s.all() {
			if d.Name == "containerCPUUtilization" && (d.Value < 37 || d.Value > 75) || d.Name == "containerMemoryUtilization" && d.Value != 25 {
				t.Errorf("%+v", d)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := s.take("KPUs"); len(got) != 2 {
			t.Errorf("KPUs after an hour: %v", got)
		}
	})
}

func TestDowntimeWhileTheJobRestarts(t *testing.T) {
	onDesk(t, "", func(t *testing.T, r *Receiver, s *shelf) {
		write(t, r, captured(t, "jobmanager-restarting"))
		wantSamples(t, s, "downtime", "Application:order-processor=3262 Milliseconds")
		s.clear()
		time.Sleep(5 * time.Second)
		write(t, r, "jobmanager_job_downtime,host=a value=-1i 1\njobmanager_job_restartingTime,host=a value=0i 1\n")
		wantSamples(t, s, "downtime", "Application:order-processor=-1 Milliseconds")
	})
}

// TestDeadJobManager sees no report for a while, and then those of the next JobManager, whose counters begin anew.
func TestDeadJobManager(t *testing.T) {
	onDesk(t, "", func(t *testing.T, r *Receiver, s *shelf) {
		report := "jobmanager_job_downtime,host=a value=0i 1\njobmanager_job_uptime,host=a value=4000i 1\njobmanager_job_fullRestarts,host=a value=2i 1\n"
		write(t, r, report)
		wantSamples(t, s, "fullRestarts", "Application:order-processor=2 Count")
		s.clear()
		r.Observe("token", Facts{DownSince: time.Now()})
		time.Sleep(12 * time.Second)
		synctest.Wait()
		wantSamples(t, s, "downtime", "Application:order-processor=10000 Milliseconds", "Application:order-processor=5000 Milliseconds")
		s.clear()
		r.Observe("token", Facts{DownSince: time.Now().Add(-12 * time.Second), Restarts: 1})
		time.Sleep(4 * time.Second)
		write(t, r, strings.ReplaceAll(report, "=2i", "=0i"))
		wantSamples(t, s, "downtime", "Application:order-processor=15000 Milliseconds")
		wantSamples(t, s, "uptime", "Application:order-processor=0 Milliseconds")
		wantSamples(t, s, "fullRestarts", "Application:order-processor=1 Count")
		s.clear()
		r.Observe("token", Facts{Restarts: 1})
		time.Sleep(30 * time.Second)
		write(t, r, report)
		wantSamples(t, s, "downtime", "Application:order-processor=0 Milliseconds")
		wantSamples(t, s, "fullRestarts", "Application:order-processor=3 Count")
	})
}

func TestReportsOfNobodyAreRefused(t *testing.T) {
	onDesk(t, "", func(t *testing.T, r *Receiver, s *shelf) {
		if err := r.Write(t.Context(), "other", strings.NewReader("")); !errors.Is(err, ErrUnknownToken) {
			t.Errorf("unknown token: %v", err)
		}
		r.Unregister("token")
		if err := r.Write(t.Context(), "token", strings.NewReader("")); !errors.Is(err, ErrUnknownToken) {
			t.Errorf("unregistered token: %v", err)
		}
	})
}

func TestCompressedAndBrokenReports(t *testing.T) {
	onDesk(t, "", func(t *testing.T, r *Receiver, s *shelf) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write([]byte("garbage\njobmanager_job_downtime,host=a value=0i 1\n")); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		packed := b.String()
		if err := r.Write(t.Context(), "token", strings.NewReader(packed)); !errors.Is(err, errLine) {
			t.Errorf("bad line: %v", err)
		}
		wantSamples(t, s, "downtime", "Application:order-processor=0 Milliseconds")
		if err := r.Write(t.Context(), "token", strings.NewReader(packed[:15])); err == nil {
			t.Error("a cut-off report was taken")
		}
		s.fail = errors.New("the disk is full")
		time.Sleep(time.Minute)
		if err := r.Write(t.Context(), "token", strings.NewReader("jobmanager_job_downtime,host=a value=0i 1\n")); !errors.Is(err, s.fail) {
			t.Errorf("failing sink: %v", err)
		}
	})
}

func TestTableIsConsistent(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range metrics {
		if m.from == "" || m.field == "" || m.name == "" || m.unit == "" || m.minute == 0 || len(m.scopes) == 0 {
			t.Errorf("incomplete row %+v", m)
		}
		if key := m.from + " " + m.name; seen[key] {
			t.Errorf("%s twice", key)
		} else {
			seen[key] = true
		}
	}
}

// TestLoad keeps the highest use of CPU of any TaskManager in each minute, and goes on from what is remembered elsewhere.
func TestLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		remembered := Load{began.Add(-time.Minute), 7}
		r := NewReceiver(t.Context(), ReceiverConfig{Sink: &shelf{}, History: func(_ context.Context, a Application, from, to time.Time) ([]Load, error) {
			if a.Name != "order-processor" || !to.Equal(began) || to.Sub(from) < 6*time.Hour {
				return nil, fmt.Errorf("%s from %v to %v", a.Name, from, to)
			}
			return []Load{remembered}, nil
		}})
		defer r.Close()
		a := orderProcessor("")
		busy := 0.0
		a.Containers = func(context.Context) ([]Container, error) {
			busy += 10 // in half a minute
			return []Container{{Name: "idle", CPUSeconds: 1, CPULimit: 1}, {Name: "busy", CPUSeconds: busy * busy / 20, CPULimit: 1}}, nil
		}
		r.Register("token", a)
		time.Sleep(2*time.Minute + time.Second)
		synctest.Wait()
		got, err := r.Load(t.Context(), "token")
		if err != nil || len(got) < 3 || got[0] != remembered || !got[1].At.Equal(began) || !got[2].At.Equal(began.Add(time.Minute)) || got[2].CPU <= got[1].CPU || got[1].CPU < 30 {
			t.Errorf("got %+v, %v", got, err)
		}
		if again, err := r.Load(t.Context(), "token"); err != nil || len(again) != len(got) {
			t.Errorf("then %+v, %v", again, err)
		}
		if _, err := r.Load(t.Context(), "nobody"); err == nil {
			t.Error("nobody has a load")
		}
	})
}
