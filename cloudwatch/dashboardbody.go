package cloudwatch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	model "drey/model/cloudwatch"
)

// Limits of "Dashboard body structure and syntax".
const (
	maxWidgets       = 500
	dashboardColumns = 24
	maxWidgetHeight  = 1000
)

// bodyCheck collects what a dashboard's body has wrong, and what is odd but drawn.
type bodyCheck struct {
	faults, warnings []model.DashboardValidationMessage
}

func (c *bodyCheck) fault(path, format string, args ...any) {
	c.faults = append(c.faults, dashboardMessage(path, format, args...))
}

func (c *bodyCheck) warn(path, format string, args ...any) {
	c.warnings = append(c.warnings, dashboardMessage(path, format, args...))
}

// checkDashboard holds a body to the structure that the page describes.
func checkDashboard(body string) (faults, warnings []model.DashboardValidationMessage) {
	c := &bodyCheck{}
	var d map[string]any
	if err := json.Unmarshal([]byte(body), &d); err != nil || d == nil {
		c.fault("", "The dashboard body is not a valid JSON object")
		return c.faults, nil
	}
	for _, name := range unknownKeys(d, "widgets", "start", "end", "periodOverride", "variables") {
		c.warn("/"+name, "Should NOT have additional properties")
	}
	if p, ok := d["periodOverride"]; ok {
		c.oneOf("/periodOverride", p, "auto", "inherit")
	}
	if _, ok := d["end"]; ok && d["start"] == nil {
		c.fault("", "Should have required property 'start'")
	}
	widgets, ok := d["widgets"].([]any)
	switch {
	case d["widgets"] == nil:
		c.fault("", "Should have required property 'widgets'")
	case !ok:
		c.fault("/widgets", "Should be array")
	case len(widgets) > maxWidgets:
		c.fault("/widgets", "Should NOT have more than %d items", maxWidgets)
	default:
		for i, w := range widgets {
			c.widget(fmt.Sprintf("/widgets/%d", i), w)
		}
	}
	return c.faults, c.warnings
}

func unknownKeys(m map[string]any, known ...string) (names []string) {
	for k := range m {
		if !slices.Contains(known, k) {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return names
}

func (c *bodyCheck) oneOf(path string, v any, allowed ...string) {
	if s, ok := v.(string); !ok || !slices.Contains(allowed, s) {
		c.fault(path, "Should be equal to one of the allowed values [%s]", strings.Join(allowed, ", "))
	}
}

func (c *bodyCheck) within(path string, v any, low, high float64) {
	n, ok := v.(float64)
	switch {
	case v == nil:
	case !ok || n != float64(int64(n)):
		c.fault(path, "Should be integer")
	case n < low:
		c.fault(path, "Should be >= %g", low)
	case n > high:
		c.fault(path, "Should be <= %g", high)
	}
}

func (c *bodyCheck) widget(path string, v any) {
	w, ok := v.(map[string]any)
	if !ok {
		c.fault(path, "Should be object")
		return
	}
	for _, name := range unknownKeys(w, "type", "x", "y", "width", "height", "properties") {
		c.warn(path+"/"+name, "Should NOT have additional properties")
	}
	c.within(path+"/x", w["x"], 0, dashboardColumns-1)
	c.within(path+"/y", w["y"], 0, 1<<31)
	c.within(path+"/width", w["width"], 1, dashboardColumns)
	c.within(path+"/height", w["height"], 1, maxWidgetHeight)
	if (w["x"] == nil) != (w["y"] == nil) {
		c.fault(path, "Should have both of the properties 'x' and 'y', or none")
	}
	kind, ok := w["type"].(string)
	if !ok {
		c.fault(path, "Should have required property 'type'")
		return
	}
	check, ok := widgetChecks[kind]
	if !ok {
		c.oneOf(path+"/type", kind, "text", "metric", "log", "alarm", "explorer")
		return
	}
	p, ok := w["properties"].(map[string]any)
	if !ok {
		c.fault(path, "Should have required property 'properties'")
		return
	}
	check(c, path+"/properties", p)
}

var widgetChecks = map[string]func(c *bodyCheck, path string, p map[string]any){
	"text":   func(c *bodyCheck, path string, p map[string]any) { c.require(path, p, "markdown") },
	"metric": (*bodyCheck).metricWidget,
	"log":    func(c *bodyCheck, path string, p map[string]any) { c.require(path, p, "region", "query") },
	"alarm": func(c *bodyCheck, path string, p map[string]any) {
		if list, ok := p["alarms"].([]any); !ok || len(list) == 0 || len(list) > 100 {
			c.fault(path+"/alarms", "Should be array of 1 to 100 items")
		}
	},
	"explorer": func(*bodyCheck, string, map[string]any) {},
}

func (c *bodyCheck) require(path string, p map[string]any, names ...string) {
	for _, n := range names {
		if s, ok := p[n].(string); !ok || s == "" {
			c.fault(path, "Should have required property '%s'", n)
		}
	}
}

func (c *bodyCheck) metricWidget(path string, p map[string]any) {
	c.require(path, p, "region")
	if v, ok := p["view"]; ok {
		c.oneOf(path+"/view", v, "timeSeries", "singleValue", "gauge", "bar", "pie", "table")
	}
	annotations, _ := p["annotations"].(map[string]any)
	if p["metrics"] == nil && annotations["alarms"] == nil {
		c.fault(path, "Should have required property 'metrics'")
		return
	}
	list, ok := p["metrics"].([]any)
	if p["metrics"] != nil && !ok {
		c.fault(path+"/metrics", "Should be array")
		return
	}
	if len(list) > maxQueries {
		c.fault(path+"/metrics", "Should NOT have more than %d items", maxQueries)
		return
	}
	for i, m := range list {
		at := fmt.Sprintf("%s/metrics/%d", path, i)
		row, ok := m.([]any)
		switch {
		case !ok:
			c.fault(at, "Should be array")
		case len(row) == 0:
			c.fault(at, "Should NOT have fewer than 1 items")
		default:
			c.metricRow(at, row)
		}
	}
}

// metricRow is a namespace, a name, dimensions in pairs and options, or the options of an expression alone.
func (c *bodyCheck) metricRow(path string, row []any) {
	names := len(row)
	if options, ok := row[len(row)-1].(map[string]any); ok {
		names--
		if names == 0 && options["expression"] == nil {
			c.fault(path+"/0", "Should have required property 'expression'")
		}
	}
	for i, v := range row[:names] {
		if _, ok := v.(string); !ok {
			c.fault(fmt.Sprintf("%s/%d", path, i), "Should be string")
		}
	}
	if names == 1 && row[0] != "..." {
		c.fault(path, "Should NOT have fewer than 2 items")
	}
	if names%2 != 0 && !slices.Contains(row[:names], "...") && names > 1 {
		c.fault(path, "Invalid metric field type, only \"String\" type is allowed for dimension names and values in pairs")
	}
}
