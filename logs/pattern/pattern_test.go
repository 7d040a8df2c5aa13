package pattern

import (
	"maps"
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
		"foo-bar":          "Invalid character(s) in term '-'",
		"?Status: timeout": "Invalid character(s) in term ':'",
		"#x":               "Invalid character(s) in term '#'",
		`"open`:            "not closed",
		"%open":            "not closed",
		"%a(b)%":           "Invalid character(s) in term '('",
		"%[%":              "missing closing",
		"%a% %b% %c%":      "more than 2",
		"-":                "missing",
		"{":                "too early",
		"{ $.a }":          "'}'",
		"{ $.a = }":        "'}'",
		"{ $.a = 1 ":       "too early",
		"{ $.a = 1 } x":    "'x'",
		`{ $."a" = 1 }`:    `'"'`,
		"{ $.a EXISTS }":   "unknown operator EXISTS",
		"{ $.a > abc }":    "needs a number",
		"{ $ = 1 }":        "'='",
		"{ $.*.* = 1 }":    "one wildcard",
		"{ $.a[*] = 1 || $.b[*] = 1 || $.* = 1 || $.c[*] = 1 }": "more than 3 wildcards",
		"{ $.a[x] = 1 }": "'x'",
		"{ $.['a] = 1 }": "not closed",
		"{ $.a IS NOT }": "unknown operator IS NOT",
		"{ " + strings.Repeat("(", 200) + "$.a = 1": "parentheses",
		"[a, b":                 "too early",
		"[a = ]":                "']'",
		"[a = 1 || b = 2]":      "must name that field",
		"[a b]":                 "'b'",
		"[..., a, ...]":         "more than one ellipsis",
		"[a > x]":               "needs a number",
		"[a] b":                 "'b'",
		"[a=%x%, b=%y%, c=%z%]": "more than 2 regular expressions",
		"{ ($.a = 1 }":          "'}'",
		"{ a = 1 }":             "'a'",
		"{ $.a = 1 $.b = 2 }":   "'$'",
	} {
		if _, err := Parse(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", pattern, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"ERROR -x ?y", `"a\"b" %c+%`, `{ $.a[0].b-c != "x*" && ($.d >= 1e3 || $.e IS NULL) }`, "[a, ..., b=%x{,3}% && b!=4*, c>1,]", `{ $.x NOT EXISTS && ($.['a.b'] = 1 || $.*.c != 2) }`} {
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
			if p.Match(message) != p.match(message) || (p.match(message) && !p.May("x"+message+"y")) {
				t.Fatal("passed over a match")
			}
			if p.Fields(message) != nil && !p.Match(message) {
				t.Fatal("fields without a match")
			}
		}
	})
}

// The events of "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail".
const (
	trail = `{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value","another value"],` +
		`"objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"cluster.name":"c","ThisFlag":true}`
	users = `{"user":{"id":1,"email":"John.Stiles@example.com"},"users":[{"id":2,"email":"John.Doe@example.com"},{"id":3,"email":"Jane.Doe@example.com"}],` +
		`"actions":["GET","PUT","DELETE"],"coordinates":[[0,1,2],[4,5,6],[7,8,9]]}`
	metrics = `{"bandwidth":76,"latency":49,"refreshRate":60,"responseTime":5,"errorCode":400,"number":[1000]}`
	access  = `127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`
	get     = "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200"
	post    = "INFO 09/25/2014 12:00:01 POST /service/resource/67/part/111 1310"
	warning = "WARNING 09/25/2014 12:00:02 Invalid user request"
	failed  = "ERROR 09/25/2014 12:00:02 Failed to process request"
)

// TestGuide takes the examples of that page one after the other: the messages that a pattern matches, and those that it
// does not.
func TestGuide(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		// Supported regular expressions (regex) syntax
		{"%^[hc]at%", []string{"hat", "cat in"}, []string{"bat", "the cat"}},
		{"%[hc]at$%", []string{"hat", "the cat"}, []string{"cat in"}},
		{"%colou?r%", []string{"color", "colour"}, []string{"colouur"}},
		{"%[abcx-z]%", []string{"a", "y"}, []string{"d", "w"}},
		{"%^a{3,5}$%", []string{"aaa", "aaaaa"}, []string{"aa", "aaaaaa"}},
		{"%^a{,2}$%", []string{"", "aa"}, []string{"aaa"}},
		{"%^a{2,}$%", []string{"aa", "aaaaaa"}, []string{"a"}},
		{"%gra|ey%", []string{"gray", "grey"}, []string{"gry"}},
		{"%^starting|^initializing|^shutting down%", []string{"starting now", "shutting down"}, []string{"skipping initializing"}},
		{"%abcc|ab[^c]$%", []string{"abcc x", "aba"}, []string{"aac"}},
		{`%\[.\]%`, []string{"[a]", "[ ]", "[]]"}, []string{"[]", "a"}},
		{`%10\.10\.0\.1%`, []string{"10.10.0.1"}, []string{"10010,051"}},
		{"%10.10.0.1%", []string{"10010,051"}, nil},
		{"%ab*c%", []string{"ac", "abc", "abbbc"}, []string{"adc"}},
		{"%ab[0-9]*%", []string{"ab", "ab0", "ab129"}, []string{"a1"}},
		{"%ab+c%", []string{"abc", "abbc"}, []string{"ac"}},
		{"%.at%", []string{"hat", "4at", " at"}, []string{"at"}},
		{`%^\d\D$%`, []string{"1a"}, []string{"11", "aa"}},
		{`%^\s\S$%`, []string{" a", "\ta"}, []string{"aa"}},
		{`%^\w\W$%`, []string{"_-", "a "}, []string{"ab"}},
		{`%\x3A\x28%`, []string{":("}, []string{":"}},

		// Regular expressions and unstructured events
		{"%AUTHORIZED%", []string{unauthorized, "[SUCCESS 200] AUTHORIZED REQUEST"}, []string{badRequest}},
		{"ERROR", []string{badRequest, unauthorized, missing, "[ERROR 420] INVALID ARGUMENTS"}, []string{invalid}},
		{"ERROR ARGUMENTS", []string{missing, "[ERROR 420] INVALID ARGUMENTS"}, []string{badRequest, unauthorized}},
		{"?ERROR ?ARGUMENTS", []string{badRequest, unauthorized, missing, invalid}, []string{"fine"}},
		{"?ERROR ?ARGUMENTS REQUEST", []string{"[INFO] REQUEST FAILED", "[WARN] UNAUTHORIZED REQUEST", "[ERROR] 400 BAD REQUEST"}, []string{missing}},
		{`"INTERNAL SERVER ERROR"`, []string{"[ERROR 500] INTERNAL SERVER ERROR"}, []string{"ERROR SERVER INTERNAL"}},
		{"ERROR -ARGUMENTS", []string{badRequest, unauthorized}, []string{missing, "[ERROR 420] INVALID ARGUMENTS"}},
		{`" "`, []string{badRequest, "x"}, nil},

		// JSON events: numbers
		{"{ $.bandwidth > 75 }", []string{metrics}, []string{trail}},
		{"{ $.latency < 50 }", []string{metrics}, []string{`{"latency":50}`}},
		{"{ $.refreshRate >= 60 }", []string{metrics}, []string{`{"refreshRate":59.9}`}},
		{"{ $.responseTime <= 5 }", []string{metrics}, []string{`{"responseTime":5.1}`}},
		{"{ $.errorCode = 400}", []string{metrics}, []string{`{"errorCode":40}`}},
		{"{ $.errorCode != 500 }", []string{metrics}, []string{`{"errorCode":500}`, `{"errorCode":5e2}`}},
		{"{ $.number[0] = 1e+3 }", []string{metrics}, []string{`{"number":1000}`}},
		{"{ $.number[0] != 1e-3 }", []string{metrics}, []string{`{"number":[0.001]}`}},
		{"{ $.latency = * }", []string{metrics}, []string{trail}},

		// JSON events: strings
		{`{ $.eventType = "UpdateTrail" }`, []string{trail}, []string{users, `{"eventType":["UpdateTrail"]}`}},
		{"{ $.sourceIPAddress != 123.123.* }", []string{trail}, []string{`{"sourceIPAddress":"123.123.1.1"}`}},
		{`{ $.arrayKey[0] = "value" }`, []string{trail}, []string{`{"arrayKey":["x","value"]}`, `{"arrayKey":"value"}`}},
		{"{ $.eventType = %Trail% }", []string{trail}, []string{users}},
		{"{ $.arrayKey[*] = %val.{2}% }", []string{trail}, []string{`{"arrayKey":["val"]}`, `{"arrayKey":"value"}`}},
		{`{ $.* = %111\.111\.111\.1[0-9]{1,2}% }`, []string{trail}, []string{users}},
		{"{ $.['cluster.name'] = \"c\" }", []string{trail}, []string{`{"cluster":{"name":"c"}}`}},
		{"{ $.objectList[*].id = 2 }", []string{trail}, []string{`{"objectList":[{"id":1}]}`}},
		{"{ $.SomeObject IS NULL }", []string{trail}, []string{users}},
		{"{ $.ThisFlag IS TRUE }", []string{trail}, []string{`{"ThisFlag":false}`, users}},
		{"{ $.SomeOtherObject NOT EXISTS }", []string{trail}, []string{`{"SomeOtherObject":null}`, "no json"}},
		{"{ $.users = 1 }", nil, []string{`{"users":[1,2,3]}`}},
		{"{ $.users != 1 }", nil, []string{`{"users":[1,2,3]}`}},

		// JSON events: compound expressions
		{`{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }`, []string{users}, []string{trail}},
		{`{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch" && $.actions[2] = "nonmatch" }`, []string{users}, nil},
		{`{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch") && $.actions[2] = "nonmatch" }`, nil, []string{users}},
		{`{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }`, nil, []string{users}},
		{"{$.foo = bar || $.foo = baz }", []string{`{"foo": "bar"}`, `{"foo": "baz"}`}, []string{`{"foo": "x"}`}},

		// Space-delimited events
		{`[ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request =*.html*, status_code = 4*, bytes]`, []string{access}, []string{get}},
		{"[..., request =*.html*, status_code = 4*, bytes]", []string{access}, []string{get}},
		{"[..., request=*.html*, status_code=4*,]", []string{access}, []string{get}},
		{"[ip, user, ...]", []string{access, "a b"}, []string{"a"}},
		{"[ip, user, ..., status_code, bytes > 1000]", []string{access}, []string{"a b c 404 999", "a b c"}},
		{"[ip, user, username, timestamp, request =*.html*, status_code = 404 || status_code = 410, bytes]", []string{access}, []string{strings.Replace(access, "404", "405", 1)}},
		{"[w1=ERROR, w2]", []string{failed}, []string{get, post, warning, "ERROR"}},
		{"[w1=ERROR]", []string{"ERROR"}, []string{failed}},
		{"[w1=ERROR || w1=WARNING, w2]", []string{failed, warning}, []string{get}},
		{"[w1!=ERROR && w1!=WARNING, w2]", []string{get, post}, []string{failed, warning}},
		{"[logLevel, date, time, method, url=%/service/resource/[0-9]+$%, response_time]", []string{get}, []string{post, warning}},
		{"[logLevel, date, time, method, url=%/service/resource/[0-9]+/part/[0-9]+$%, response_time]", []string{post}, []string{get}},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		for _, m := range c.yes {
			if !p.Match(m) {
				t.Errorf("%s does not match %s", c.pattern, m)
			}
		}
		for _, m := range c.no {
			if p.Match(m) {
				t.Errorf("%s matches %s", c.pattern, m)
			}
		}
	}
}

// TestFields is the example of extracted fields in the same page's older edition.
func TestFields(t *testing.T) {
	p, err := Parse("[..., request=*.html*, status_code=4*,]")
	if err != nil {
		t.Fatal(err)
	}
	got := p.Fields(`127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`)
	want := map[string]string{"$1": "127.0.0.1", "$2": "-", "$3": "frank", "$4": "10/Oct/2000:13:25:15 -0700",
		"$request": "GET /index.html HTTP/1.0", "$status_code": "404", "$7": "1534"}
	if !maps.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestReferences(t *testing.T) {
	for _, c := range []struct{ pattern, reference, message, want string }{
		{"{ $.latency = * }", "$.latency", metrics, "49"},
		{"{ $.number[0] = * }", "$.number[0]", metrics, "1000"},
		{"{ $.user.id = * }", "$.user.email", users, "John.Stiles@example.com"},
		{"{ $.user.id = * }", "$.user", users, ""},
		{"[..., status_code, bytes]", "$bytes", access, "1534"},
		{"[..., status_code, bytes]", "$1", access, "127.0.0.1"},
		{"[..., status_code, bytes]", "$none", access, ""},
		{"ERROR", "$1", badRequest, ""},
		{"ERROR", "$.x", badRequest, ""},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ParseReference(c.reference)
		if got, ok := r.In(p, c.message); err != nil || got != c.want || ok != (c.want != "") {
			t.Errorf("%s in %s: %q, %v, %v", c.reference, c.message, got, ok, err)
		}
	}
	for _, bad := range []string{"", "latency", "$", "$.", "$.a b", "$.a[*]", "$a.b", "$.a[", "1"} {
		if _, err := ParseReference(bad); err == nil {
			t.Errorf("%q is no reference", bad)
		}
	}
}

// TestMay holds the shortcut against texts with and without what a match needs.
func TestMay(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		may           bool
	}{
		{"ERROR", "an ERROR", true},
		{"ERROR", "nothing", false},
		{"ERROR timeout", "timeout", true}, // one needle is looked for
		{"ERROR timeout", "ERROR", false},
		{"-ERROR", "nothing", true},
		{"?ERROR ?WARN", "nothing", true},
		{"%RUNNING to [FR]%", "RUNNING at", false},
		{"%a|b%", "c", true},
		{`{ $.level = "ERROR" }`, `{"level":"INFO"}`, false},
		{`{ $.level = "ERROR" }`, `{"level":"INFO","trace":"\n"}`, true}, // ERROR may be written with escapes
		{`{ $.level = "ERR*" && $.thread = "main" }`, `{"level":"ERROR"}`, false},
		{`{ $.level != "ERROR" }`, `{"level":"INFO"}`, true},
		{`{ $.latency > 5 }`, `{"level":"INFO"}`, false},
		{`{ $.latency > 5 || $.level = "x" }`, `{"nothing":1}`, true},
		{`{ $.latency NOT EXISTS }`, `{"nothing":1}`, true},
		{`{ $.flag IS TRUE }`, `{"nothing":1}`, false},
		{"[w1=ERROR, w2]", "nothing", true},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.May(c.text); got != c.may {
			t.Errorf("%s in %s: %v", c.pattern, c.text, got)
		}
	}
}
