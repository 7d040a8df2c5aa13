package telemetry

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestParseLine(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want line
	}{
		"counter":       {`m,a=1 count=5i 1500000000`, line{"m", map[string]string{"a": "1"}, map[string]float64{"count": 5}, time.Unix(1, 5e8)}},
		"meter":         {`m count=5i,rate=0.25 1`, line{"m", map[string]string{}, map[string]float64{"count": 5, "rate": 0.25}, time.Unix(0, 1)}},
		"escapes":       {`a\ b\,c,operator\=n=Sink:\ x\,\ y\=1 value=-1.5e3`, line{"a b,c", map[string]string{"operator=n": "Sink: x, y=1"}, map[string]float64{"value": -1500}, time.Time{}}},
		"texts":         {`m value="a, b=\"c\" 7",n=1i,b=true 3`, line{"m", map[string]string{}, map[string]float64{"n": 1}, time.Unix(0, 3)}},
		"no number":     {`m a=NaN,b=+Inf,c=1e999,d=2 3`, line{"m", map[string]string{}, map[string]float64{"d": 2}, time.Unix(0, 3)}},
		"smallest long": {`m value=-9223372036854775808i 3`, line{"m", map[string]string{}, map[string]float64{"value": -9223372036854775808}, time.Unix(0, 3)}},
	} {
		if got, err := parseLine(c.in); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestBadLinesTakeNoOthersWithThem(t *testing.T) {
	var got []string
	err := parseLines([]byte("a v=1\n\nb\nc v=x 1\n# comment\nd,=1 v=1\ne v=1 soon\nf v=2i\n"), func(l line) { got = append(got, l.measurement) })
	if !reflect.DeepEqual(got, []string{"a", "f"}) || !errors.Is(err, errLine) || err.Error()[:8] != "4 lines:" {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`taskmanager_job_task_numRecordsIn,host=127.0.0.1,task_name=Parse\,\ check\ ->\ Sink count=1985i 1795445429606000000`))
	f.Add([]byte(`m,Service=Orders\,\ east\=1 value="a \"b\" c" 1`))
	f.Add([]byte("m a=NaN\n\nm value=0.0 9\\"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := reporter{app: Application{Name: "a", MetricsLevel: "PARALLELISM"}, sampled: map[string]int64{}, cpu: map[string]cpuUse{}}
		var lines []line
		_ = parseLines(body, func(l line) { lines = append(lines, l) }) // any error is fine, a panic is not
		_, data := r.report(lines, time.Unix(60, 0))
		for _, d := range data {
			if d.Name == "" || d.Value != d.Value {
				t.Fatalf("sample %+v", d)
			}
		}
	})
}
