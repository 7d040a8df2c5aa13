package widget

import (
	"io"
	"testing"
	"time"
)

// FuzzParse holds that whatever is read can be drawn: with an image or an error.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"title":"t","width":700,"height":350,"period":60,"metrics":[["Shop","orders","App","a",{"label":"x","color":"#fff"}],[".","errors",".","."],["...","b"],[{"expression":"m1","id":"e1","yAxis":"right"}]]}`,
		`{"stacked":true,"start":"-PT3H","end":"P0D","legend":{"position":"right"},"yAxis":{"left":{"min":0,"max":1,"label":"l"}},"metrics":[["A","..."]]}`,
		`{"annotations":{"horizontal":[[{"value":1},{"value":2,"color":"#00f"}]],"vertical":[{"value":"2026-04-01T00:00:00Z","fill":"after"}]},"timezone":"+0130"}`,
	} {
		f.Add(s)
	}
	now := time.Unix(1775001600, 0)
	f.Fuzz(func(t *testing.T, text string) {
		w, err := Parse(text)
		if err != nil || w.Width*w.Height > 1<<16 {
			return
		}
		start, end, err := w.Range(now)
		if err != nil {
			return
		}
		var series []Series
		for _, r := range w.Rows {
			at := []int64{start.Unix(), start.Unix() + 60, end.Unix()}
			series = append(series, Series{Label: r.Name, Color: r.Color, Right: r.YAxis == "right", Period: 60, At: at, Values: []float64{1, -2, 3e10}})
		}
		_ = w.Draw(io.Discard, series, start, end) // an error is as good
	})
}
