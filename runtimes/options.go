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
	for _, part := range []map[string]string{r.Options, r.Scheduler, options} {
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
		return strings.NewReplacer("\r", " ", "\n", " ").Replace(v)
	}
	quoted, _ := json.Marshal(v) // strings always encode
	return string(quoted)
}

// Rescales tells whether jobs on a runtime can be rescaled in place.
func Rescales(name string) bool {
	r, err := Lookup(name)
	return err == nil && r.Scheduler != nil
}

// Compatible tells why state that one runtime wrote cannot be restored on another; nil = it can. Versions decide alone, as in
// the service's own check (developer guide, "Precautions and known issues with application upgrades"; Flink documentation,
// "Upgrading Applications and Flink Versions"): Flink reads the state of earlier versions down to a limit, and never of later
// ones. State of unknown origin ("") is left to Flink.
func Compatible(from, to string) error {
	r, err := Lookup(to)
	if err != nil {
		return err
	}
	order := append(slices.Clone(ended), Names()...)
	age := func(name string) int { return slices.Index(order, name) }
	switch {
	case from == "":
		return nil
	case age(from) < 0:
		return fmt.Errorf("%w: %s, which the state is of", ErrUnknown, from)
	case age(from) > age(to):
		return fmt.Errorf("state of %s cannot be restored on the older %s (Flink %s): Flink reads no state of later versions", from, to, r.Flink)
	case r.OldestState != "" && age(from) < age(r.OldestState):
		return fmt.Errorf("state of %s cannot be restored on %s (Flink %s), which reads state from %s on: go through a runtime between them", from, to, r.Flink, r.OldestState)
	}
	return nil
}
