package cloudwatch_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// gallery is a client whose server holds three hours of two waves, with a gap.
func gallery(t *testing.T) data {
	t.Helper()
	d := data{client(t, serve(t)), t, time.Now().Add(-3 * time.Hour).Truncate(5 * time.Minute)}
	for name, height := range map[string]float64{"orders": 100, "errors": 30} {
		in := &sdk.PutMetricDataInput{Namespace: aws.String("Shop")}
		for i := range 180 {
			if name == "errors" && i > 60 && i < 90 {
				continue
			}
			v := height * (1.5 + math.Sin(float64(i)/20))
			in.MetricData = append(in.MetricData, types.MetricDatum{MetricName: &name, Value: &v, Timestamp: aws.Time(d.start.Add(time.Duration(i) * time.Minute)), Dimensions: []types.Dimension{dimension("App", "a")}})
		}
		if _, err := d.PutMetricData(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d data) draw(widget string) image.Image {
	d.t.Helper()
	out, err := d.GetMetricWidgetImage(d.t.Context(), &sdk.GetMetricWidgetImageInput{MetricWidget: &widget})
	if err != nil {
		d.t.Fatal(err)
	}
	if dir := os.Getenv("WIDGETS"); dir != "" { // to look at them
		name := strings.ReplaceAll(d.t.Name(), "/", "-") + ".png"
		if err := os.WriteFile(filepath.Join(dir, name), out.MetricWidgetImage, 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	picture, err := png.Decode(bytes.NewReader(out.MetricWidgetImage))
	if err != nil {
		d.t.Fatal(err)
	}
	return picture
}

// has counts the pixels of a color, as #rrggbb, roughly.
func has(m image.Image, hex string) (n int) {
	var want color.RGBA
	if _, err := fmt.Sscanf(hex, "#%02x%02x%02x", &want.R, &want.G, &want.B); err != nil {
		panic(err)
	}
	near := func(a uint32, b uint8) bool { return math.Abs(float64(a>>8)-float64(b)) < 12 }
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			if r, g, b, _ := m.At(x, y).RGBA(); near(r, want.R) && near(g, want.G) && near(b, want.B) {
				n++
			}
		}
	}
	return n
}

func TestWidgetImages(t *testing.T) {
	d := gallery(t)
	for name, c := range map[string]struct {
		widget        string
		width, height int
		colors        map[string]int // at least so many pixels
	}{
		"lines": {`{"title":"Orders and errors","width":700,"height":350,"period":60,"metrics":[["Shop","orders","App","a",{"label":"${LABEL} [max ${MAX}]"}],[".","errors",".","."],
			[{"expression":"RATE(m1)*1000","label":"rate","id":"e1","yAxis":"right"}],["Shop","orders","App","a",{"id":"m1","visible":false,"stat":"Sum"}]],
			"yAxis":{"left":{"label":"per minute","min":0},"right":{"label":"change"}},"annotations":{"horizontal":[{"label":"limit","value":220}]}}`, 700, 350, map[string]int{"#1f77b4": 100, "#ff7f0e": 100, "#2ca02c": 100, "#d62728": 30}},
		"stacked": {`{"stacked":true,"period":300,"stat":"Sum","legend":{"position":"right"},"metrics":[["Shop","errors","App","a",{"color":"#123456"}],[".","orders",".","."]],
			"annotations":{"vertical":[{"value":"` + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339) + `","label":"deployed","color":"#00aa00","fill":"after"}]}}`, 600, 400, map[string]int{"#123456": 100, "#ff7f0e": 100}},
		"band":    {`{"legend":{"position":"hidden"},"timezone":"+0130","metrics":[[{"expression":"SEARCH('{Shop,App} MetricName=\"orders\"','Average')"}]],"annotations":{"horizontal":[[{"value":100,"label":"low","color":"#00f"},{"value":200,"label":"high","color":"#00f"}]]}}`, 600, 400, map[string]int{"#1f77b4": 100, "#0000ff": 30}},
		"outside": {`{"metrics":[["Shop","orders","App","a",{"label":""}]],"yAxis":{"left":{"min":120,"max":120.5}},"annotations":{"horizontal":[{"value":1e300,"label":"far","yAxis":"right"}]}}`, 600, 400, map[string]int{"#1f77b4": 100}},
		"nothing": {`{"title":"No metrics","metrics":[["Shop","absent"]],"width":300,"height":200}`, 300, 200, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d.t = t
			m := d.draw(c.widget)
			if b := m.Bounds(); b.Dx() != c.width || b.Dy() != c.height {
				t.Errorf("%v", b)
			}
			for hex, least := range c.colors {
				if n := has(m, hex); n < least {
					t.Errorf("%d pixels of %s", n, hex)
				}
			}
			if n := has(m, "#ffffff"); n < c.width*c.height/4 {
				t.Errorf("%d white pixels", n)
			}
		})
	}
}

func TestRefusedWidgets(t *testing.T) {
	d := gallery(t)
	for widget, want := range map[string]string{
		`{"yAxis":{"left":{"min":-1e308,"max":1e308}}}`: "too far apart",
		`{`: "MetricWidget", `{"colour":1}`: "colour", `{"view":"pie"}`: "view", `{"width":99}`: "width", `{"height":2001}`: "height", `{"metrics":[["Shop"]]}`: "metrics 0", `{"metrics":[[".","x"]]}`: "nothing to repeat",
		`{"metrics":[["A","..."]]}`: "nothing to repeat", `{"metrics":[["A","b"],["A","b","c","..."]]}`: "nothing to repeat",
		`{"metrics":[["A","b",{"colr":"x"}]]}`: "colr", `{"metrics":[["A","b",{"color":"red"}]]}`: "color", `{"metrics":[["A","b",{"yAxis":"up"}]]}`: "yAxis", `{"metrics":[["A","b",{"stat":"Mean"}]]}`: "Mean",
		`{"metrics":[["A","b",{"region":"eu-west-1"}]]}`: "eu-west-1", `{"metrics":[[{"expression":"m1 +"}]]}`: "ends too early", `{"start":"yesterday"}`: "yesterday", `{"start":"P0D","end":"-PT1H"}`: "start must be before end",
		`{"timezone":"CET"}`: "timezone", `{"legend":{"position":"top"}}`: "legend", `{"annotations":{"horizontal":[{"value":"x"}]}}`: "annotation", `{"annotations":{"vertical":[{"value":"x"}]}}`: "annotation",
		`{"annotations":{"horizontal":[{"value":1,"fill":"left"}]}}`: "fill", `{"annotations":{"horizontal":[[{"value":1}]]}}`: "two ends",
	} {
		_, err := d.GetMetricWidgetImage(t.Context(), &sdk.GetMetricWidgetImageInput{MetricWidget: &widget})
		t.Run(widget, func(t *testing.T) { refused(t, err, "ValidationError", want) })
	}
	_, err := d.GetMetricWidgetImage(t.Context(), &sdk.GetMetricWidgetImageInput{MetricWidget: aws.String(`{}`), OutputFormat: aws.String("image/png")})
	refused(t, err, "ValidationError", "OutputFormat")
}
