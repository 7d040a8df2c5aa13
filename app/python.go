package app

import (
	"path"
	"slices"
	"strings"
)

// RunOptions is the property group that says how a Python application starts (developer guide, "Create your Managed Service
// for Apache Flink for Python application"). An application that has it is one of Python.
const RunOptions = "kinesis.analytics.flink.run.options"

// Python names parts of a Python application by their paths in its archive, with slashes.
type Python struct {
	Script   string   // holds main; "" = the group does not say
	Jar      string   // one jar of connectors and their like; "" = none
	Files    []string // for the PYTHONPATH of main and of workers: .py, .zip and .whl files, folders
	Archives []string // unpacked for workers; "a.zip#folder" says where
}

// Python reads the run options; nil for an application of Java, which has none. Keys that are not documented mean nothing.
func (c *Configuration) Python() *Python {
	i := slices.IndexFunc(c.Properties, func(g PropertyGroup) bool { return g.ID == RunOptions })
	if i < 0 {
		return nil
	}
	options := c.Properties[i].Map
	return &Python{
		Script: clean(options["python"]), Jar: clean(options["jarfile"]),
		Files: list(options["pyFiles"]), Archives: list(options["pyArchives"]),
	}
}

// list reads a list with commas.
func list(s string) []string {
	var all []string
	for item := range strings.SplitSeq(s, ",") {
		if item = clean(item); item != "" {
			all = append(all, item)
		}
	}
	return all
}

// clean spells a path as archives do: without "./" and a slash at the end. What leads out of the archive stays recognisable.
func clean(p string) string {
	if p = strings.TrimSpace(p); p == "" {
		return ""
	}
	return path.Clean(p)
}
