package widget

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Widget is what is to be drawn.
type Widget struct {
	Title         string     `json:"title"`
	View          string     `json:"view"`
	Stacked       bool       `json:"stacked"`
	Width, Height int        // pixels
	Start, End    string     // ISO 8601, or a duration before now: -PT3H
	Timezone      string     `json:"timezone"` // +0130
	Period        int32      `json:"period"`
	Stat          string     `json:"stat"`
	Region        string     `json:"region"`
	Rows          []Row      `json:"-"`
	YAxis         Axes       `json:"yAxis"`
	Annotations   Annotation `json:"annotations"`
	Legend        struct {
		Position string `json:"position"`
	} `json:"legend"`
	LiveData bool `json:"liveData"` // points that are not whole yet are drawn in any case

	Metrics [][]json.RawMessage `json:"metrics"`
}

// Row is a metric or an expression.
type Row struct {
	Namespace, Name string
	Dimensions      [][2]string
	Options
}

// Options are those of a row.
type Options struct {
	ID         string  `json:"id"`
	Expression string  `json:"expression"`
	Label      *string `json:"label"`
	Color      string  `json:"color"`
	Stat       string  `json:"stat"`
	Period     int32   `json:"period"`
	Visible    *bool   `json:"visible"`
	YAxis      string  `json:"yAxis"`
	Region     string  `json:"region"`
}

// Shown tells whether the row is drawn.
func (o Options) Shown() bool { return o.Visible == nil || *o.Visible }

// Axis is a vertical axis.
type Axis struct {
	Min       *float64 `json:"min"`
	Max       *float64 `json:"max"`
	Label     string   `json:"label"`
	ShowUnits bool     `json:"showUnits"`
}

// Axes are the left and the right one.
type Axes struct {
	Left  Axis `json:"left"`
	Right Axis `json:"right"`
}

// Annotation is what is drawn beside metrics.
type Annotation struct {
	Horizontal []Mark `json:"horizontal"`
	Vertical   []Mark `json:"vertical"`
}

// Mark is a line, or the band between two.
type Mark struct {
	Line
	To *Line
}

// Line is a horizontal line at a number, or a vertical one at a time.
type Line struct {
	Value   json.RawMessage `json:"value"`
	Label   string          `json:"label"`
	Color   string          `json:"color"`
	Fill    string          `json:"fill"`
	Visible *bool           `json:"visible"`
	YAxis   string          `json:"yAxis"`

	at float64 // the number, or Unix seconds
}

// UnmarshalJSON takes an object, or an array of the two ends of a band.
func (m *Mark) UnmarshalJSON(b []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		return strict(b, &m.Line)
	}
	var pair []json.RawMessage
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a band has two ends, not %d", len(pair))
	}
	m.To = &Line{}
	if err := strict(pair[0], &m.Line); err != nil {
		return err
	}
	return strict(pair[1], m.To)
}

// Limits of a widget.
const (
	minSize, maxSize = 100, 2000
	maxRows          = 100
)

// Parse reads a widget and completes it with the defaults.
func Parse(text string) (*Widget, error) {
	w := &Widget{View: "timeSeries", Width: 600, Height: 400, Start: "-PT3H", End: "P0D", Timezone: "+0000", Period: 300, Stat: "Average"}
	if err := strict([]byte(text), w); err != nil {
		return nil, err
	}
	switch {
	case w.View != "timeSeries":
		return nil, fmt.Errorf("the view %q is not supported: this server draws timeSeries", w.View)
	case w.Width < minSize || w.Width > maxSize || w.Height < minSize || w.Height > maxSize:
		return nil, fmt.Errorf("width and height must be between %d and %d", minSize, maxSize)
	case len(w.Metrics) > maxRows:
		return nil, fmt.Errorf("a widget has at most %d metrics", maxRows)
	}
	switch w.Legend.Position {
	case "", "bottom", "right", "hidden":
	default:
		return nil, fmt.Errorf("the position %q of the legend must be bottom, right or hidden", w.Legend.Position)
	}
	if err := w.rows(); err != nil {
		return nil, err
	}
	return w, w.marks()
}

// strict refuses members that are not known: they would have no effect.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// rows reads metrics: a namespace, a name, dimensions in pairs, options at last. "." repeats the row before at that place,
// "..." all of it up to there.
func (w *Widget) rows() error {
	var before []string
	for i, cells := range w.Metrics {
		var r Row
		if n := len(cells); n > 0 && bytes.HasPrefix(bytes.TrimSpace(cells[n-1]), []byte("{")) {
			if err := strict(cells[n-1], &r.Options); err != nil {
				return fmt.Errorf("metrics %d: %w", i, err)
			}
			cells = cells[:n-1]
		}
		names, err := repeat(cells, before)
		if err != nil {
			return fmt.Errorf("metrics %d: %w", i, err)
		}
		switch {
		case r.Expression != "" && len(names) == 0:
		case len(names) < 2 || len(names)%2 != 0:
			return fmt.Errorf("metrics %d: a namespace, a metric name and dimensions in pairs are wanted", i)
		default:
			before = names
			r.Namespace, r.Name = names[0], names[1]
			for d := names[2:]; len(d) > 0; d = d[2:] {
				r.Dimensions = append(r.Dimensions, [2]string{d[0], d[1]})
			}
		}
		if r.YAxis != "" && r.YAxis != "left" && r.YAxis != "right" {
			return fmt.Errorf("metrics %d: yAxis must be left or right", i)
		}
		if err := checkColor(r.Color); err != nil {
			return fmt.Errorf("metrics %d: %w", i, err)
		}
		w.Rows = append(w.Rows, r)
	}
	return nil
}

func repeat(cells []json.RawMessage, before []string) ([]string, error) {
	var names []string
	for i, c := range cells {
		var s string
		if err := json.Unmarshal(c, &s); err != nil {
			return nil, fmt.Errorf("%s is no string", c)
		}
		switch s {
		case ".":
			if len(names) >= len(before) {
				return nil, fmt.Errorf(`"." has nothing to repeat`)
			}
			s = before[len(names)]
		case "...":
			rest := len(cells) - i - 1
			if len(names)+rest > len(before) {
				return nil, fmt.Errorf(`"..." has nothing to repeat`)
			}
			names = append(names, before[len(names):len(before)-rest]...)
			continue
		}
		names = append(names, s)
	}
	return names, nil
}

func (w *Widget) marks() error {
	for _, m := range w.Annotations.Horizontal {
		if m.To == nil && m.Fill != "" && m.Fill != "above" && m.Fill != "below" && m.Fill != "none" {
			return fmt.Errorf("the fill %q of a horizontal annotation must be above, below or none", m.Fill)
		}
	}
	for _, m := range w.Annotations.Vertical {
		if m.To == nil && m.Fill != "" && m.Fill != "before" && m.Fill != "after" && m.Fill != "none" {
			return fmt.Errorf("the fill %q of a vertical annotation must be before, after or none", m.Fill)
		}
	}
	read := func(l *Line, vertical bool) error {
		var err error
		if vertical {
			var s string
			var t time.Time
			if err = json.Unmarshal(l.Value, &s); err == nil {
				t, err = time.Parse(time.RFC3339, s)
			}
			l.at = float64(t.Unix())
		} else {
			err = json.Unmarshal(l.Value, &l.at)
		}
		if err != nil {
			return fmt.Errorf("the value %s of an annotation: %w", l.Value, err)
		}
		return checkColor(l.Color)
	}
	for vertical, list := range map[bool][]Mark{false: w.Annotations.Horizontal, true: w.Annotations.Vertical} {
		for i := range list {
			if err := read(&list[i].Line, vertical); err != nil {
				return err
			}
			if to := list[i].To; to != nil {
				if err := read(to, vertical); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

var colorCode = regexp.MustCompile(`^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`)

func checkColor(c string) error {
	if c != "" && !colorCode.MatchString(c) {
		return fmt.Errorf("the color %q has not the form #1f77b4", c)
	}
	return nil
}

// Range is the time that the widget shows.
func (w *Widget) Range(now time.Time) (start, end time.Time, err error) {
	if start, err = moment(w.Start, now); err != nil {
		return start, end, err
	}
	if end, err = moment(w.End, now); err != nil {
		return start, end, err
	}
	if !start.Before(end) {
		return start, end, fmt.Errorf("start must be before end")
	}
	return start, end, nil
}

var duration = regexp.MustCompile(`^-?P(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$`)

// units are those of the groups of duration; a month has 30 days.
var units = []time.Duration{30 * 24 * time.Hour, 7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second}

// moment reads a time, or a duration before now; the sign may be left out.
func moment(s string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	m := duration.FindStringSubmatch(s)
	if m == nil || strings.HasSuffix(s, "P") || strings.HasSuffix(s, "T") {
		return time.Time{}, fmt.Errorf("the time %q is neither ISO 8601 nor a duration like -PT3H", s)
	}
	var total time.Duration
	for i, unit := range units {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.Atoi(m[i+1])
		if err != nil || n > 10000 {
			return time.Time{}, fmt.Errorf("the duration %q is too long", s)
		}
		total += time.Duration(n) * unit
	}
	return now.Add(-total), nil
}

// Zone is that of the times on the axis.
func (w *Widget) Zone() (*time.Location, error) {
	t, err := time.Parse("-0700", w.Timezone)
	if err != nil {
		return nil, fmt.Errorf("the timezone %q has not the form +0130", w.Timezone)
	}
	return t.Location(), nil
}
