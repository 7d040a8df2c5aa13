package widget

import (
	"math"
	"strconv"

	"github.com/wcharczuk/go-chart/v2"
)

// short writes a number of an axis: 1.5k, 20M.
func short(f float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(f) >= u.size {
			return strconv.FormatFloat(f/u.size, 'g', 4, 64) + u.name
		}
	}
	return strconv.FormatFloat(f, 'g', 4, 64)
}

// place is where a value lies on the canvas, never outside of it.
func place(v, low, high float64, from, to int) int {
	share := min(max((v-low)/(high-low), 0), 1)
	return from + int(math.Round(share*float64(to-from)))
}

func (p *picture) x(v float64, box chart.Box) int {
	return place(v, float64(p.start.Unix()), float64(p.end.Unix()), box.Left, box.Right)
}

func (p *picture) y(l Line, v float64, box chart.Box) int {
	s := p.left
	if l.YAxis == "right" {
		s = p.right
	}
	return place(v, s.min, s.max, box.Bottom, box.Top)
}

// drawMarks draws the annotations over the lines.
func (p *picture) drawMarks(r chart.Renderer, box chart.Box, _ chart.Style) {
	for _, m := range p.Annotations.Horizontal {
		if m.Visible != nil && !*m.Visible {
			continue
		}
		y := p.y(m.Line, m.at, box)
		edge := map[string]int{"above": box.Top, "below": box.Bottom}[m.Fill]
		if m.To != nil {
			edge = p.y(m.Line, m.To.at, box)
			p.line(r, *m.To, box.Left, edge, box.Right, edge)
			p.words(r, *m.To, box.Left+4, edge-3)
		}
		if m.To != nil || m.Fill == "above" || m.Fill == "below" {
			p.fill(r, m.Line, box.Left, min(y, edge), box.Right, max(y, edge))
		}
		p.line(r, m.Line, box.Left, y, box.Right, y)
		p.words(r, m.Line, box.Left+4, y-3)
	}
	for _, m := range p.Annotations.Vertical {
		if m.Visible != nil && !*m.Visible {
			continue
		}
		x := p.x(m.at, box)
		edge := map[string]int{"before": box.Left, "after": box.Right}[m.Fill]
		if m.To != nil {
			edge = p.x(m.To.at, box)
			p.line(r, *m.To, edge, box.Top, edge, box.Bottom)
			p.words(r, *m.To, edge+4, box.Top+12)
		}
		if m.To != nil || m.Fill == "before" || m.Fill == "after" {
			p.fill(r, m.Line, min(x, edge), box.Top, max(x, edge), box.Bottom)
		}
		p.line(r, m.Line, x, box.Top, x, box.Bottom)
		p.words(r, m.Line, x+4, box.Top+12)
	}
}

func (l Line) hex() string {
	if l.Color != "" {
		return l.Color[1:]
	}
	return marked
}

func (p *picture) line(r chart.Renderer, l Line, x1, y1, x2, y2 int) {
	r.SetStrokeColor(color(l.hex()))
	r.SetStrokeWidth(1)
	r.SetStrokeDashArray([]float64{5, 3})
	r.MoveTo(x1, y1)
	r.LineTo(x2, y2)
	r.Stroke()
	r.SetStrokeDashArray(nil)
}

func (p *picture) fill(r chart.Renderer, l Line, x1, y1, x2, y2 int) {
	const veil = 40
	r.SetFillColor(color(l.hex()).WithAlpha(veil))
	r.MoveTo(x1, y1)
	r.LineTo(x2, y1)
	r.LineTo(x2, y2)
	r.LineTo(x1, y2)
	r.Close()
	r.Fill()
}

func (p *picture) words(r chart.Renderer, l Line, x, y int) {
	if l.Label != "" {
		p.text(r, l.Label, l.hex(), x, y)
	}
}

const letterSize = 9

func (p *picture) text(r chart.Renderer, s, hex string, x, y int) {
	if s == "" {
		return // the library knows no bounds of nothing
	}
	font, err := chart.GetDefaultFont()
	if err != nil {
		return // Render has failed with the same error
	}
	r.SetFont(font)
	r.SetFontSize(letterSize)
	r.SetFontColor(color(hex))
	r.Text(s, x, y)
}

// The legend lists labels in columns below the graph, or one below the other beside it.
const (
	letterWidth = 7 // roughly
	swatch      = 16
	maxLegend   = 8 // rows
)

func (p *picture) columnWidth() int {
	longest := 1
	for _, s := range p.series {
		longest = max(longest, len([]rune(s.Label)))
	}
	return min(longest*letterWidth+swatch+14, p.Width-20)
}

func (p *picture) columns() int { return max(1, (p.Width-20)/p.columnWidth()) }

func (p *picture) legendRows() int {
	return min((len(p.series)+p.columns()-1)/p.columns(), maxLegend)
}

func (p *picture) legendWidth() int { return min(p.columnWidth(), p.Width/3) }

func (p *picture) drawLegend(r chart.Renderer, box chart.Box, _ chart.Style) {
	for i, s := range p.series {
		var x, y int
		switch p.Legend.Position {
		case "hidden":
			return
		case "right":
			x, y = p.Width-p.legendWidth(), box.Top+i*lineHeight+8
			if y > p.Height-lineHeight {
				return // as on AWS, what has no room is left out
			}
		default:
			if i/p.columns() >= maxLegend {
				return
			}
			x, y = 15+i%p.columns()*p.columnWidth(), p.Height-12-(p.legendRows()-1-i/p.columns())*lineHeight
		}
		r.SetFillColor(color(s.Color))
		r.MoveTo(x, y-8)
		r.LineTo(x+10, y-8)
		r.LineTo(x+10, y+2)
		r.LineTo(x, y+2)
		r.Close()
		r.Fill()
		p.text(r, s.Label, "16191f", x+swatch, y+2)
	}
}
