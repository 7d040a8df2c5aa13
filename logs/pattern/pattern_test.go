package pattern

import (
	"strings"
	"testing"
)

// The events of the developer guide's examples, and one line of a Flink application.
const (
	badRequest   = "[ERROR 400] BAD REQUEST"
	missing      = "[ERROR 419] MISSING ARGUMENTS"
	invalid      = "[INFO] INVALID ARGUMENTS PROVIDED"
	unauthorized = "[ERROR 401] UNAUTHORIZED REQUEST"
	flink        = `{"message":"Source: Orders (1/2) switched from RUNNING to FAILED","messageType":"INFO","applicationVersionId":"3","n":12.5,"flag":true,"off":false,"nothing":null,"list":[{"k":"v"},7],"detail-type":"x","trace":"a\n\tat b"}`
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, event string
		want           bool
	}{
		{"", badRequest, true},
		{`" "`, "x", true},
		{"ERROR", badRequest, true},
		{"ERROR", invalid, false},
		{"error", badRequest, false},
		{"ERROR ARGUMENTS", missing, true},
		{"ERROR ARGUMENTS", badRequest, false},
		{"?ERROR ?ARGUMENTS", invalid, true},
		{"?ERROR ?ARGUMENTS", "fine", false},
		{`"BAD REQUEST"`, badRequest, true},
		{`"REQUEST BAD"`, badRequest, false},
		{`"say \"x\" \\"`, `they say "x" \`, true},
		{"ERROR -ARGUMENTS", badRequest, true},
		{"ERROR -ARGUMENTS", missing, false},
		{`-"BAD REQUEST"`, missing, true},
		{"%AUTHORIZED%", unauthorized, true},
		{`%\[ERR[A-Z]{2}%`, unauthorized, true},
		{`%4[01]\d%`, unauthorized, true},

		{`{ $.messageType = "INFO" }`, flink, true},
		{`{$.messageType=INFO}`, flink, true},
		{`{ $.messageType = "ERROR" }`, flink, false},
		{`{ $.messageType != "ERROR" }`, flink, true},
		{`{ $.missing != "ERROR" }`, flink, false},
		{`{ $.message = "*RUNNING*FAILED" }`, flink, true},
		{`{ $.message = "*RUNNING" }`, flink, false},
		{`{ $.message = %RUNNING% }`, flink, true},
		{`{ $.applicationVersionId = 3 }`, flink, true},
		{`{ $.applicationVersionId = "3" }`, flink, true},
		{`{ $.applicationVersionId > 2 }`, flink, false},
		{`{ $.n > 12 && $.n <= 12.5 }`, flink, true},
		{`{ $.n < 12 || $.n >= 13 }`, flink, false},
		{`{ $.n = 12.50 }`, flink, true},
		{`{ $.flag IS TRUE && $.off is false && $.nothing IS NULL && $.missing NOT EXISTS }`, flink, true},
		{`{ $.nothing NOT EXISTS }`, flink, false},
		{`{ $.missing IS NULL }`, flink, false},
		{`{ $.list[0].k = v }`, flink, true},
		{`{ $.list[1] = 7 }`, flink, true},
		{`{ $.list[2] = 7 }`, flink, false},
		{`{ $.detail-type = x }`, flink, true},
		{`{ $.n = 1 || $.flag IS TRUE && $.off IS TRUE }`, flink, false},
		{`{ ($.n = 12.5 || $.flag IS TRUE) && $.off IS TRUE }`, flink, false},
		{`{ $.n = 12.5 || $.flag IS TRUE && $.off IS TRUE }`, flink, true},
		{`{ $.x = 1 }`, "no json", false},
		{`{ $.x = 1 }`, `{"x":1} tail`, false},
		{`{ $.a.b = 1 }`, `{"a":[1]}`, false},
		{`{ $.a = *b*c* }`, `{"a":"xbycz"}`, true},
		{`{ $.a = *b*b }`, `{"a":"xb"}`, false},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := p.Match(c.event); got != c.want {
			t.Errorf("%s on %s: %v", c.pattern, c.event, got)
		}
	}
}

func TestRefusesWhatItDoesNotKnow(t *testing.T) {
	for pattern, want := range map[string]string{
		"foo-bar":             "Invalid character(s) in term '-'",
		"?Status: timeout":    "Invalid character(s) in term ':'",
		"#x":                  "Invalid character(s) in term '#'",
		`"open`:               "not closed",
		"%open":               "not closed",
		"%a b%":               "Invalid character(s) in term ' '",
		"%a(b)%":              "Invalid character(s) in term '('",
		"%[%":                 "missing closing",
		"%a% %b% %c%":         "more than 2",
		"INFO ?ERROR":         "cannot be combined",
		"-":                   "missing",
		"[ip, user]":          "space-delimited",
		"{":                   "too early",
		"{ $.a }":             "'}'",
		"{ $.a = }":           "'}'",
		"{ $.a = 1 ":          "too early",
		"{ $.a = 1 } x":       "'x'",
		`{ $."a" = 1 }`:       `'"'`,
		"{ $.a EXISTS }":      "unknown operator EXISTS",
		"{ $.a[*] = 1 }":      "'*'",
		"{ $.a > abc }":       "needs a number",
		"{ $ = 1 }":           "'='",
		"{ ($.a = 1 }":        "'}'",
		"{ a = 1 }":           "'a'",
		"{ $.a = 1 $.b = 2 }": "'$'",
	} {
		if _, err := Parse(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", pattern, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"ERROR -x ?y", `"a\"b" %c+%`, `{ $.a[0].b-c != "x*" && ($.d >= 1e3 || $.e IS NULL) }`, "[a, ...]", `{ $.x NOT EXISTS }`} {
		f.Add(s, flink)
	}
	f.Fuzz(func(t *testing.T, pattern, message string) {
		if len(pattern) > 1024 {
			return
		}
		p, err := Parse(pattern)
		if (p == nil) == (err == nil) {
			t.Fatal("neither pattern nor error, or both")
		}
		if p != nil {
			p.Match(message)
		}
	})
}
