package widget

import (
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"github.com/wcharczuk/go-chart/v2"
	"github.com/wcharczuk/go-chart/v2/drawing"
)

// Series is a line as it is drawn.
type Series struct {
	Label  string
	Color  string // "" = the next one of the palette
	Right  bool
	Period int64 // seconds between neighbours; a longer distance is a gap
	At     []int64
	Values []float64
}

// palette are the colors of AWS's graphs.
var palette = []string{"1f77b4", "ff7f0e", "2ca02c", "d62728", "9467bd", "8c564b", "e377c2", "7f7f7f", "bcbd22", "17becf"}

// picture is a widget with its data and scales.
type picture struct {
	*Widget
	series      []Series
	start, end  time.Time
	zone        *time.Location
	left, right scale
}

type scale struct{ min, max float64 }

const lineHeight = 16

// Draw writes a PNG.
func (w *Widget) Draw(out io.Writer, series []Series, start, end time.Time) error {
	zone, err := w.Zone()
	if err != nil {
		return err
	}
	p := &picture{Widget: w, series: slices.Clone(series), start: start, end: end, zone: zone}
	for i := range p.series {
		if s := &p.series[i]; s.Color == "" {
			s.Color = palette[i%len(palette)]
		} else {
			s.Color = s.Color[1:]
		}
	}
	if w.Stacked {
		p.stack()
	}
	p.left, p.right = p.scale(false), p.scale(true)
	for _, x := range []scale{p.left, p.right} {
		if x.max-x.min > math.MaxFloat64/1e6 {
			return errors.New("the values are too far apart to be drawn")
		}
	}
	c := p.chart()
	return c.Render(chart.PNG, out)
}

// stack puts the series of each axis on top of one another; what is missing counts as 0 there.
func (p *picture) stack() {
	for _, right := range []bool{false, true} {
		var times []int64
		for _, s := range p.series {
			if s.Right == right {
				times = append(times, s.At...)
			}
		}
		slices.Sort(times)
		times = slices.Compact(times)
		below := make([]float64, len(times))
		for i := range p.series {
			s := &p.series[i]
			if s.Right != right {
				continue
			}
			values := make([]float64, len(times))
			for j, t := range times {
				values[j] = below[j]
				if k, ok := slices.BinarySearch(s.At, t); ok {
					values[j] += s.Values[k]
				}
			}
			s.At, s.Values, below = times, values, values
		}
	}
}

// scale is the range of an axis: that of the data and lines with room above, from 0 on if that is near, or what the
// widget says.
func (p *picture) scale(right bool) scale {
	s := scale{math.Inf(1), math.Inf(-1)}
	see := func(v float64) { s.min, s.max = min(s.min, v), max(s.max, v) }
	for _, x := range p.series {
		if x.Right == right {
			for _, v := range x.Values {
				see(v)
			}
		}
	}
	for _, m := range p.Annotations.Horizontal {
		if (m.YAxis == "right") == right {
			see(m.at)
			if m.To != nil {
				see(m.To.at)
			}
		}
	}
	if s.min > s.max {
		s = scale{0, 1}
	}
	if s.min > 0 && (p.Stacked || s.min < s.max/2 || s.min == s.max) {
		s.min = 0
	}
	axis := p.YAxis.Left
	if right {
		axis = p.YAxis.Right
	}
	if axis.Min != nil {
		s.min = *axis.Min
	}
	if axis.Max != nil {
		s.max = *axis.Max
	}
	if s.max <= s.min {
		s.max = s.min + 1
	}
	step := s.step()
	if axis.Min == nil {
		s.min = math.Floor(s.min/step) * step
	}
	if axis.Max == nil {
		s.max = math.Ceil(s.max*1.02/step) * step
	}
	return s
}

const gridLines = 6

// step is the distance of lines, a round number.
func (s scale) step() float64 {
	rough := (s.max - s.min) / gridLines
	size := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, f := range []float64{1, 2, 2.5, 5} {
		if f*size >= rough {
			return f * size
		}
	}
	return 10 * size
}

// ticks are at round numbers.
func (s scale) ticks() (ticks []chart.Tick) {
	step := s.step()
	for n := math.Ceil(s.min / step); n*step <= s.max && len(ticks) <= 2*gridLines; n++ {
		ticks = append(ticks, chart.Tick{Value: n * step, Label: short(n * step)})
	}
	return ticks
}

// ticked is a range with ticks of its own. Ticks given to an axis would change its range.
type ticked struct {
	chart.ContinuousRange
	ticks []chart.Tick
}

// GetTicks makes it a provider of ticks.
func (t *ticked) GetTicks(chart.Renderer, chart.Style, chart.ValueFormatter) []chart.Tick {
	return t.ticks
}

func color(hex string) drawing.Color { return drawing.ColorFromHex(hex) }

var (
	ink    = color("16191f")
	faint  = color("e3e5e8")
	marked = "d62728"
)

func (p *picture) chart() chart.Chart {
	text := chart.Style{FontSize: 9, FontColor: ink}
	grid := chart.Style{StrokeColor: faint, StrokeWidth: 1}
	axis := func(s scale, label string) chart.YAxis {
		return chart.YAxis{Name: label, NameStyle: text, Style: text, GridMajorStyle: grid, Range: &ticked{chart.ContinuousRange{Min: s.min, Max: s.max}, s.ticks()}, Zero: chart.GridLine{Style: chart.Hidden()}}
	}
	c := chart.Chart{
		Title: p.Title, TitleStyle: chart.Style{FontSize: 12, FontColor: ink}, Width: p.Width, Height: p.Height, DPI: 96,
		Background: chart.Style{FillColor: drawing.ColorWhite, Padding: p.padding()}, Canvas: chart.Style{FillColor: drawing.ColorWhite},
		XAxis: chart.XAxis{Style: text, GridMajorStyle: grid, Range: &ticked{chart.ContinuousRange{Min: float64(p.start.Unix()), Max: float64(p.end.Unix())}, p.ticks()}},
		// The library's primary axis is on the right.
		YAxis: axis(p.right, p.YAxis.Right.Label), YAxisSecondary: axis(p.left, p.YAxis.Left.Label),
	}
	if !slices.ContainsFunc(p.series, func(s Series) bool { return s.Right }) {
		c.YAxis.Style = chart.Hidden()
	}
	for i := len(p.series) - 1; i >= 0; i-- { // the first is drawn last, on top
		c.Series = append(c.Series, p.segments(p.series[i])...)
	}
	if len(c.Series) == 0 { // the library draws nothing without a series
		c.Series = []chart.Series{chart.ContinuousSeries{YAxis: chart.YAxisSecondary, Style: chart.Style{StrokeColor: drawing.ColorTransparent, StrokeWidth: 1},
			XValues: []float64{float64(p.start.Unix()), float64(p.end.Unix())}, YValues: []float64{p.left.min, p.left.min}}}
	}
	c.Elements = []chart.Renderable{p.drawMarks, p.drawLegend}
	return c
}

// segments are the parts of a series between gaps. A point without neighbours is a dot. What lies outside of the axes is drawn
// at their ends: the library would draw over everything, for as long as it takes.
func (p *picture) segments(s Series) (out []chart.Series) {
	style := chart.Style{StrokeColor: color(s.Color), StrokeWidth: 1.5}
	if p.Stacked {
		style.FillColor = color(s.Color).WithAlpha(120)
	}
	axis, within := chart.YAxisSecondary, p.left
	if s.Right {
		axis, within = chart.YAxisPrimary, p.right
	}
	for from := 0; from < len(s.At); {
		to := from + 1
		for to < len(s.At) && s.At[to]-s.At[to-1] <= s.Period {
			to++
		}
		part := chart.ContinuousSeries{YAxis: axis, Style: style}
		if to == from+1 {
			part.Style.DotColor, part.Style.DotWidth = color(s.Color), 2
		}
		for i := from; i < to; i++ {
			x := min(max(float64(s.At[i]), float64(p.start.Unix())), float64(p.end.Unix()))
			part.XValues, part.YValues = append(part.XValues, x), append(part.YValues, min(max(s.Values[i], within.min), within.max))
		}
		out, from = append(out, part), to
	}
	return out
}

func (p *picture) padding() chart.Box {
	b := chart.Box{Top: 20, Left: 10, Right: 25, Bottom: 10}
	if p.YAxis.Left.Label != "" {
		b.Left += lineHeight
	}
	if p.YAxis.Right.Label != "" {
		b.Right += lineHeight
	}
	if p.Title != "" {
		b.Top = 40
	}
	switch p.Legend.Position {
	case "", "bottom":
		b.Bottom += lineHeight*p.legendRows() + 6
	case "right":
		b.Right += p.legendWidth()
	}
	return b
}

// steps between the labels of the time axis.
var steps = []time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour,
}

const pixelsPerTick = 90

func (p *picture) ticks() (ticks []chart.Tick) {
	span := p.end.Sub(p.start)
	wanted := span / time.Duration(max(2, p.Width/pixelsPerTick))
	step := steps[len(steps)-1]
	for _, s := range steps {
		if s >= wanted {
			step = s
			break
		}
	}
	layout := "15:04"
	switch {
	case step >= 24*time.Hour:
		layout = "01/02"
	case step < time.Minute:
		layout = "15:04:05"
	case span > 24*time.Hour:
		layout = "01/02 15:04"
	}
	_, offset := p.start.In(p.zone).Zone()
	shift := time.Duration(offset) * time.Second
	for t := p.start.Add(shift).Truncate(step).Add(-shift); !t.After(p.end) && len(ticks) <= p.Width; t = t.Add(step) {
		if !t.Before(p.start) {
			ticks = append(ticks, chart.Tick{Value: float64(t.Unix()), Label: t.In(p.zone).Format(layout)})
		}
	}
	return ticks
}
