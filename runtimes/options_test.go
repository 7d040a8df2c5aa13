package runtimes

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the developer guide says of state (see Compatible), for every kind of pair.
func TestCompatible(t *testing.T) {
	for _, c := range []struct {
		from, to string
		says     string // "" = the state can be restored
	}{
		{"FLINK-1_18", "FLINK-1_18", ""},
		{"FLINK-1_15", "FLINK-1_18", ""},
		{"FLINK-1_18", "FLINK-1_20", ""},
		{"FLINK-1_20", "FLINK-2_2", ""},
		{"FLINK-1_15", "FLINK-2_3", ""},
		{"FLINK-2_2", "FLINK-2_3", ""},
		{"FLINK-1_6", "FLINK-1_15", ""},
		{"FLINK-1_8", "FLINK-1_18", ""},
		{"FLINK-1_13", "FLINK-2_2", ""},
		{"", "FLINK-1_18", ""},
		{"FLINK-1_6", "FLINK-1_18", "reads state from FLINK-1_8 on"},
		{"FLINK-1_6", "FLINK-2_3", "reads state from FLINK-1_8 on"},
		{"FLINK-1_20", "FLINK-1_18", "the older FLINK-1_18 (Flink 1.18.1)"},
		{"FLINK-2_2", "FLINK-1_20", "the older FLINK-1_20"},
		{"FLINK-2_3", "FLINK-2_2", "the older FLINK-2_2"},
		{"FLINK-9_9", "FLINK-2_2", "no such runtime: FLINK-9_9"},
		{"FLINK-1_18", "FLINK-9_9", "no such runtime: FLINK-9_9"},
	} {
		err := Compatible(c.from, c.to)
		if c.says == "" && err != nil {
			t.Errorf("%s -> %s: %v", c.from, c.to, err)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s -> %s: got %v, expected %q", c.from, c.to, err, c.says)
		}
	}
}

// The rows are in order, whole, and consistent: a new one that is not fails here.
func TestRows(t *testing.T) {
	if !slices.IsSortedFunc(table, func(a, b Runtime) int { return strings.Compare(a.Flink, b.Flink) }) {
		t.Errorf("the rows are not in the order of their Flink: %v", Names())
	}
	for _, r := range table {
		if want := "FLINK-" + strings.Join(strings.Split(r.Flink, ".")[:2], "_"); r.Name != want {
			t.Errorf("Flink %s is named %s, expected %s", r.Flink, r.Name, want)
		}
		if r.OldestState != "" && !slices.Contains(append(slices.Clone(ended), Names()...), r.OldestState) {
			t.Errorf("%s reads state from the unknown %s on", r.Name, r.OldestState)
		}
		if r.Java < 11 || r.ClassVersion < r.Java+44 {
			t.Errorf("%s loads class files up to %d, and is documented for Java %d", r.Name, r.ClassVersion, r.Java)
		}
		if r.Options["restart-strategy.type"] == "" || r.ConfFile == "" || len(r.JVMOptions) == 0 {
			t.Errorf("%s lacks options: %+v", r.Name, r)
		}
		for _, name := range r.Renamed {
			if _, ok := r.Renamed[name]; ok {
				t.Errorf("%s renames twice: %s", r.Name, name)
			}
		}
	}
}

func render(t *testing.T, name string, options map[string]string) string {
	t.Helper()
	r, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(r.Render(options))
}

func TestOptionsHaveTheNamesOfEachFlink(t *testing.T) {
	options := map[string]string{
		"state.backend.type": "rocksdb", "state.checkpoints.dir": "file:///c", "state.savepoints.dir": "file:///s",
		"execution.checkpointing.interval": "60000 ms",
	}
	for name, lines := range map[string][]string{
		"FLINK-1_15": {"state.backend: rocksdb", "state.checkpoints.dir: file:///c", "restart-strategy: fixed-delay", "restart-strategy.fixed-delay.delay: 10 s"},
		"FLINK-1_18": {"state.backend.type: rocksdb", "state.savepoints.dir: file:///s", "restart-strategy.type: fixed-delay"},
		"FLINK-1_19": {"state.backend.type: rocksdb", "restart-strategy.type: exponential-delay", "restart-strategy.exponential-delay.max-backoff: 1 min"},
		"FLINK-1_20": {"state.checkpoints.dir: file:///c", "restart-strategy.type: exponential-delay"},
		"FLINK-2_2": {`execution.checkpointing.dir: "file:///c"`, `execution.checkpointing.savepoint-dir: "file:///s"`, `execution.checkpointing.interval: "60000 ms"`,
			`restart-strategy.type: "exponential-delay"`, `execution.program-config.enabled: "false"`},
		"FLINK-2_3": {`execution.checkpointing.dir: "file:///c"`, `execution.program-config.enabled: "false"`},
	} {
		file := render(t, name, options)
		for _, line := range lines {
			if !slices.Contains(strings.Split(file, "\n"), line) {
				t.Errorf("%s: no line %s in\n%s", name, line, file)
			}
		}
		if got := strings.Count(file, "/c"); got != 1 {
			t.Errorf("%s: the directory of checkpoints stands there %d times", name, got)
		}
	}
}

// An application's own value wins over the runtime's, also where its name is another.
func TestOwnOptionsWin(t *testing.T) {
	for name, line := range map[string]string{"FLINK-1_15": "restart-strategy: none\n", "FLINK-1_18": "restart-strategy.type: none\n", "FLINK-2_2": "restart-strategy.type: \"none\"\n"} {
		if file := render(t, name, map[string]string{"restart-strategy.type": "none"}); !strings.Contains(file, line) {
			t.Errorf("%s: no line %q in\n%s", name, line, file)
		}
	}
}

// No value can bring a line of its own into the file.
func TestValuesStayInTheirLine(t *testing.T) {
	plain := regexp.MustCompile(`(?m)^[a-z0-9.-]+: .*$`)
	for _, name := range Names() {
		without := strings.Count(render(t, name, nil), "\n")
		for _, value := range []string{"a\nevil: b", "a\r\nevil: b", "a # b", `"`, "- x", "{", "\u2028evil: x", "*a", "on"} {
			file := render(t, name, map[string]string{"x.y": value})
			lines := strings.Split(strings.TrimSuffix(file, "\n"), "\n")
			if len(lines) != without+1 || strings.ContainsAny(file, "\r") {
				t.Errorf("%s: %q makes %d lines more", name, value, len(lines)-without)
			}
			for _, line := range lines {
				if !plain.MatchString(line) {
					t.Errorf("%s: %q makes the line %q", name, value, line)
				}
			}
		}
	}
}

// The rendering neither changes the rows nor depends on the order of maps.
func TestRenderIsPure(t *testing.T) {
	r, err := Lookup("FLINK-2_2")
	if err != nil {
		t.Fatal(err)
	}
	options, before := map[string]string{"state.checkpoints.dir": "x"}, maps.Clone(r.Options)
	if a, b := string(r.Render(options)), string(r.Render(options)); a != b {
		t.Errorf("two renderings differ:\n%s\n%s", a, b)
	}
	if !maps.Equal(before, r.Options) || len(options) != 1 {
		t.Error("rendering changed what it was given")
	}
}
