package runtimes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Render writes the content of ConfFile: the runtime's own options and the given ones, by the names that this Flink has for
// them.
func (r Runtime) Render(options map[string]string) []byte {
	all := map[string]string{}
	for _, part := range []map[string]string{r.Options, options} {
		for key, value := range part {
			if name, ok := r.Renamed[key]; ok {
				key = name
			}
			all[key] = value
		}
	}
	var b bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s: %s\n", key, r.value(all[key]))
	}
	return b.Bytes()
}

// value writes one value. Up to 1.x the file has lines of keys and bare values, and no value of several lines; afterwards it is
// YAML, in which every JSON string is a string.
func (r Runtime) value(v string) string {
	if r.ConfFile != "config.yaml" {
		return strings.ReplaceAll(v, "\n", " ")
	}
	quoted, _ := json.Marshal(v) // strings always encode
	return string(quoted)
}

// Compatible tells why state that one runtime wrote cannot be restored on another; nil = it can. Versions decide alone, as in
// the service's own check (developer guide, "In-place version upgrades"; Flink documentation, "Upgrading Applications and
// Flink Versions"): Flink reads the state of earlier versions, and never of later ones.
func Compatible(from, to string) error {
	older, newer := slices.IndexFunc(table, is(from)), slices.IndexFunc(table, is(to))
	switch {
	case from == "" || from == to || newer < 0:
		return nil
	case older < 0:
		return fmt.Errorf("state of %s cannot be restored on %s: go through FLINK-1_15", from, to)
	case older > newer:
		return fmt.Errorf("state of %s (Flink %s) cannot be restored on the older %s (Flink %s)", from, table[older].Flink, to, table[newer].Flink)
	}
	return nil
}

func is(name string) func(Runtime) bool { return func(r Runtime) bool { return r.Name == name } }
