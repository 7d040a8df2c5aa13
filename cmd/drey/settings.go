package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// settings are the flags that a YAML file gives, by their names.
type settings map[string]any

// loadSettings reads a file. An empty one gives nothing.
func loadSettings(r io.Reader) (kong.Resolver, error) {
	s := settings{}
	if err := yaml.NewDecoder(r).Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the settings are no YAML of names and values: %w", err)
	}
	return s, nil
}

// Validate refuses keys that are no flags: a misspelled one would be ignored.
func (s settings) Validate(app *kong.Application) error {
	known := map[string]bool{}
	var walk func(*kong.Node)
	walk = func(n *kong.Node) {
		for _, f := range n.Flags {
			known[f.Name] = true
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(app.Node)
	for _, key := range slices.Sorted(maps.Keys(s)) {
		if !known[key] {
			return fmt.Errorf("the settings name %q, which is no flag; see drey serve --help", key)
		}
	}
	return nil
}

// Resolve gives the value of a flag; nil = its default.
func (s settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if m, ok := s[flag.Name].(settings); ok {
		return map[string]any(m), nil // YAML makes every map one of settings
	}
	return s[flag.Name], nil
}
