package insights

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// start is the time of the first event of a test; each event is a minute after the one before.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var source = &Source{ID: 1, Log: "123456789012:/aws/orders", Stream: "main"}

// run answers a query over messages, split between two workers, as rows of name=value.
func run(t testing.TB, query string, limit int, messages ...string) []string {
	t.Helper()
	q, err := Parse(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	r := q.Start(start.Add(time.Hour), limit, func(e *Event) string { return fmt.Sprint("ptr-", e.Block) })
	workers := []*Worker{r.Worker(), r.Worker()}
	for i, m := range messages {
		e := Event{Time: start.Add(time.Duration(i) * time.Minute).UnixMilli(), Ingested: start.UnixMilli(), Message: m, Source: source, Block: uint64(i)}
		if err := workers[i%2].Add(e); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	rows, counts, err := r.Finish()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if counts.Scanned != int64(len(messages)) {
		t.Errorf("%s: scanned %d of %d", query, counts.Scanned, len(messages))
	}
	var list []string
	for _, row := range rows {
		var cells []string
		for _, f := range row {
			if f.Name != "@ptr" {
				cells = append(cells, f.Name+"="+f.Value)
			}
		}
		list = append(list, strings.Join(cells, " "))
	}
	return list
}

// flink are lines as applications and the service write them.
var flink = []string{
	`{"message":"Loading configuration property: parallelism.default, 2","messageType":"INFO","applicationARN":"arn:aws:kinesisanalytics:us-east-1:123456789012:application/orders","applicationVersionId":"3","logger":"org.apache.flink.configuration.GlobalConfiguration"}`,
	`{"message":"Deploying Source: Orders (1/2) (attempt #0) to flink-taskmanager-1-1","messageType":"INFO"}`,
	`{"message":"Deploying Source: Orders (2/2) (attempt #0) to flink-taskmanager-1-2","messageType":"INFO"}`,
	`{"message":"Deploying Sink (1/2) (attempt #0) to flink-taskmanager-1-1","messageType":"INFO"}`,
	`{"message":"job switched from RUNNING to RESTARTING","messageType":"INFO","throwableInformation":"java.lang.IllegalStateException\n\tat x.Y"}`,
	`{"message":"old style","messageType":"ERROR","throwableInformation":["java.io.IOException","\tat a.B"]}`,
	`{"applicationARN":"a","applicationVersionId":3,"message":"AccessDenied: no","messageType":"ERROR","messageSchemaVersion":"1","errorCode":"CodeError.InvalidApplicationCode"}`,
	"plain text, no json",
}

// numbers are events with numbers, nested fields and awkward names.
var numbers = []string{
	`{"n":3,"s":"b2","user":{"id":7,"tags":["x","y"]},"ok":true,"foo-bar":1}`,
	`{"n":1.5,"s":"a10","user":{"id":8},"ok":false,"a.b":"dotted"}`,
	`{"n":10,"s":"a9","user":{"id":7},"none":null,"@odd":"at"}`,
	`{"n":"20","s":"","user":{"id":9},"id":9007199254740993}`,
}

// TestQueries is ordered as the pages of "CloudWatch Logs Insights language query syntax".
func TestQueries(t *testing.T) {
	for _, c := range []struct {
		query  string
		events []string
		want   []string
	}{
		// nothing, comments, empty commands
		{"", flink[7:], []string{"@timestamp=2026-03-01 12:00:00.000 @message=plain text, no json"}},
		{"fields n\n # | filter n > 2 \n | limit 1 # the newest", numbers, []string{"n=20"}},
		{"filter n > 2 \n| | fields n\n| sort n", numbers, []string{"n=3", "n=10", "n=20"}},

		// display and fields
		{"fields n, s | display s, n * 2 as twice | sort n | limit 1", numbers, []string{"s=a10 twice=3"}},
		{"fields n | display s | display n | limit 1", numbers, []string{"n=20"}},
		{"fields n | fields s | limit 2", numbers, []string{"n=20 s=", "n=10 s=a9"}},
		{"fields `foo-bar`, ispresent(`foo-bar`) as p | sort p desc | limit 2", numbers, []string{"foo-bar=1 p=1", "p=0"}},
		{"fields user.id, user.tags.1, a.b, @@odd | sort @timestamp asc", numbers,
			[]string{"user.id=7 user.tags.1=y", "user.id=8 a.b=dotted", "user.id=7 @@odd=at", "user.id=9"}},
		{"fields @log, @logStream, @ingestionTime, @timestamp | limit 1", numbers[:1],
			[]string{"@log=123456789012:/aws/orders @logStream=main @ingestionTime=2026-03-01 12:00:00.000 @timestamp=2026-03-01 12:00:00.000"}},
		{"fields concat(s, '-', n) as x, s as t | sort n | limit 1", numbers, []string{"x=a10-1.5 t=a10"}},
		{"fields user, none, ispresent(none), ispresent(user) | sort @timestamp | limit 1", numbers, []string{"ispresent(none)=0 ispresent(user)=0"}},
		{"FIELDS n | SORT n DESC | LIMIT 1", numbers, []string{"n=20"}},

		// filter
		{"fields n | filter (n>2 and n<20) or s = ''", numbers, []string{"n=20", "n=10", "n=3"}},
		{"fields n | filter not n > 2", numbers, []string{"n=1.5"}},
		{"fields n | filter n in [3, 20]", numbers, []string{"n=20", "n=3"}},
		{"fields n | filter s not in ['a9', 'b2', 1]", numbers, []string{"n=20", "n=1.5"}},
		{"fields n | filter s like /^a\\d/ and s not like \"9\"", numbers, []string{"n=1.5"}},
		{"fields n | filter s =~ /(?i)^A/", numbers, []string{"n=10", "n=1.5"}},
		{"fields n | filter s =~ 'a1'", numbers, []string{"n=1.5"}},
		{"fields n | filter ok = 1", numbers, []string{"n=3"}},
		{"fields n | filter ok = true or ok = 'false'", numbers, []string{"n=1.5", "n=3"}},
		{"fields n | filter none = 1 or missing = '' or missing < 1 or missing > 1 or missing like //", numbers, nil},
		{"fields n | filter missing != 1 and n = 3", numbers, []string{"n=3"}},
		{"fields n | filter id = 9007199254740993", numbers, []string{"n=20"}},
		{"fields n | filter id = 9007199254740992", numbers, nil},
		{"fields n | filter ispresent(a.b)", numbers, []string{"n=1.5"}},
		{"fields n | filter s < 'a9'", numbers, []string{"n=20", "n=1.5"}},

		// parse
		{`parse @message "[*] * The error was: *" as level, config, exception | display level, config, exception`,
			[]string{"25 May 2019 10:24:39,474 [ERROR] {foo=2, bar=data} The error was: DataIntegrityException"},
			[]string{"level=ERROR config={foo=2, bar=data} exception=DataIntegrityException"}},
		{`parse @message /\[(?<level>\S+)\]\s+(?<config>\{.*\})\s+The error was: (?<exception>\S+)/ | display level, config, exception`,
			[]string{"25 May 2019 10:24:39,474 [ERROR] {foo=2, bar=data} The error was: DataIntegrityException"},
			[]string{"level=ERROR config={foo=2, bar=data} exception=DataIntegrityException"}},
		{"parse @message /user=(?<user2>.*?), method:(?<method2>.*?), latency := (?<latency2>\\d+)/ | stats avg(@latency2) by @method2, @user2",
			[]string{"user=a, method:m, latency := 10", "user=a, method:m, latency := 20", "user=b, method:m, latency := 1"},
			[]string{"@method2=m @user2=a avg(@latency2)=15", "@method2=m @user2=b avg(@latency2)=1"}},
		{"FIELDS @message | PARSE @message \"* [*] *\" as loggingTime, loggingType, loggingMessage | FILTER loggingType IN [\"ERROR\", \"INFO\"] | DISPLAY loggingMessage, loggingType = \"ERROR\" as isError",
			[]string{"10:00 [ERROR] bad", "10:01 [INFO] good", "10:02 [DEBUG] x"}, []string{"loggingMessage=good isError=0", "loggingMessage=bad isError=1"}},
		{"parse 'a=* b' as x | fields x | sort x", []string{"a=1 b", "a=2", "zz"}, []string{"", "", "x=1"}},
		{"parse /(\\d+)-(\\d+)/ as a, b | fields a, b", []string{"1-2"}, []string{"a=1 b=2"}},
		{"parse @message 'x*' as rest | display rest", []string{"x\nsecond line"}, []string{"rest=\nsecond line"}},

		// stats
		{"stats count(*), count(), count(a.b), count_distinct(user.id), sum(n), avg(n), min(n), max(n), median(n), pct(n, 50), pct(n,100)", numbers,
			[]string{"count(*)=4 count()=4 count(a.b)=1 count_distinct(user.id)=3 sum(n)=34.5 avg(n)=8.625 min(n)=1.5 max(n)=20 median(n)=6.5 pct(n, 50)=6.5 pct(n,100)=20"}},
		{"stats stddev(n) as d, earliest(s) as e, latest(n) as l, sortsFirst(s) as f, sortsLast(s) as z | display e, l, f, z, floor(d * 100)", numbers,
			[]string{"e=b2 l=20 f= z=b2 floor(d * 100)=730"}},
		{"stats count(*) as c by user.id | sort c desc, user.id", numbers, []string{"user.id=7 c=2", "user.id=8 c=1", "user.id=9 c=1"}},
		{"stats count(*) by bin(2m)", numbers, []string{"bin(2m)=2026-03-01 12:02:00.000 count(*)=2", "bin(2m)=2026-03-01 12:00:00.000 count(*)=2"}},
		{"stats count(*) by bin(2m) as t | sort t | limit 1", numbers, []string{"t=2026-03-01 12:00:00.000 count(*)=2"}},
		{"stats count(*) by user.id | sort count(*) desc | limit 1", numbers, []string{"user.id=7 count(*)=2"}},
		{"stats max(n / 2) as m, min(n) as least, m - least as spread", numbers, []string{"m=10 least=1.5 spread=8.5"}},
		{"stats count(*) as c by user.id | stats max(c) as most, count(*) as users", numbers, []string{"most=2 users=3"}},
		{"stats sum(n) as total by user.id | filter total > 5 | fields total / 2 as half | sort total", numbers, []string{"user.id=7 total=13 half=6.5", "user.id=9 total=20 half=10"}},
		{"stats count(*), sum(n), max(n)", nil, []string{"count(*)=0"}},
		{"stats count(*) by none", numbers[:1], []string{"count(*)=1"}},
		{"stats min(@timestamp) as a, toMillis(max(@timestamp)) as b", numbers[:2], []string{"a=2026-03-01 12:00:00.000 b=1772366460000"}},

		// sort
		{"fields s | sort s", numbers, []string{"s=", "s=a9", "s=a10", "s=b2"}},
		{"fields n | sort user.id desc, n asc", numbers, []string{"n=20", "n=1.5", "n=3", "n=10"}},
		{"fields x | sort x", []string{`{"x":2}`, `{"x":"b"}`, `{"x":"10"}`, `{}`}, []string{"", "x=b", "x=2", "x=10"}},
		{"fields n | sort n | sort user.id", numbers, []string{"n=3", "n=10", "n=1.5", "n=20"}},

		// limit and dedup
		{"fields n | limit 2 | sort n | limit 1", numbers, []string{"n=10"}},
		{"fields n, user.id | sort n asc | dedup user.id", numbers, []string{"n=1.5 user.id=8", "n=3 user.id=7", "n=20 user.id=9"}},
		{"fields n | dedup user.id, ok", numbers, []string{"n=20", "n=10", "n=1.5", "n=3"}},
		{"fields n | dedup a.b | limit 3", numbers, []string{"n=20", "n=10", "n=1.5"}},

		// operators and functions
		{"display 2 + 3 * 4 ^ 2 / 8 - 10 % 3 as a, 2 ^ 3 ^ 0 as b, -(1 - 3) as c, 1 / 0 as d, 1.5e3 as e", numbers[:1], []string{"a=7 b=2 c=2 e=1.5e3"}},
		{"display abs(-2) as a, ceil(1.2) as b, floor(-1.2) as c, greatest(1, 3, 2) as d, least(1, n) as e, log(1) as f, sqrt(16) as g", numbers[:1],
			[]string{"a=2 b=2 c=-2 d=3 e=1 f=0 g=4"}},
		{"display datefloor(@timestamp, 1h) as a, dateceil(@timestamp, 1h) as b, dateceil(datefloor(@timestamp, 1 hour), 1h) as c, fromMillis(1000) as d, toMillis(@timestamp) as e, now() as f", numbers[:2],
			[]string{"a=2026-03-01 12:00:00.000 b=2026-03-01 13:00:00.000 c=2026-03-01 12:00:00.000 d=1970-01-01 00:00:01.000 e=1772366460000 f=1772370000",
				"a=2026-03-01 12:00:00.000 b=2026-03-01 12:00:00.000 c=2026-03-01 12:00:00.000 d=1970-01-01 00:00:01.000 e=1772366400000 f=1772370000"}},
		{"display bin(1d) as a, bin(1w) as b, bin(1mo) as c, bin(1q) as d, bin(1y) as e, bin(30s) as f", numbers[:1],
			[]string{"a=2026-03-01 00:00:00.000 b=2026-02-23 00:00:00.000 c=2026-03-01 00:00:00.000 d=2026-01-01 00:00:00.000 e=2026-01-01 00:00:00.000 f=2026-03-01 12:00:00.000"}},
		{"display coalesce(missing, s) as a, isempty(missing) as b, isblank(' ') as c, isempty(s) as d", numbers[:1], []string{"a=b2 b=1 c=1 d=0"}},
		{`display ltrim("xyZfooxyZ","xyZ") as a, rtrim("xyZfooxyZ","xyZ") as b, trim("xyZfooxyZ","xyZ") as c, trim(" a ") as d, ltrim(" a") as e`, numbers[:1],
			[]string{"a=fooxyZ b=xyZfoo c=foo d=a e=a"}},
		{`display strlen("añ") as a, toupper("x") as b, tolower("X") as c, substr("xyZfooxyZ",3, 3) as d, substr("abc", 1) as e, replace("foo","o","0") as f, strcontains("foo", "oo") as g, strcontains(missing, "x") as h`, numbers[:1],
			[]string{"a=2 b=X c=x d=foo e=bc f=f00 g=1 h=0"}},
		{`display isValidIp("::1") as a, isValidIpV4("::1") as b, isValidIpV6("::1") as c, isIpInSubnet("192.0.2.9", "192.0.2.0/24") as d, isIpv4InSubnet("10.0.0.1", "192.0.2.0/24") as e, isIpv6InSubnet("2001:db8::1", "2001:db8::/32") as f`, numbers[:1],
			[]string{"a=1 b=0 c=1 d=1 e=0 f=1"}},
	} {
		got := run(t, c.query, 1000, c.events...)
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
			t.Errorf("%s\n got %q\nwant %q", c.query, got, c.want)
		}
	}
}

// TestFlinkGuide runs what "Analyze logs with CloudWatch Logs Insights" and "Logging best practices" print.
// TestStructures has the examples of "Structure types" and "JSON functions".
func TestStructures(t *testing.T) {
	events := []string{
		`{"status_code":200,"users":[{"action":"Get"},{"action":"PutData","tags":{"a b":"x"}}],"user.id":"123","inner":"{\"n\":5}"}`,
		`{"status_code":404,"users":[],"user":{"id":"9"}}`, `[{"status_code":1},7]`, `"text"`,
	}
	for query, want := range map[string][]string{
		"fields jsonParse(@message) as m | stats count(*) as n by m.status_code | sort n, m.status_code":                                                                                                          {"m.status_code=200 n=1", "m.status_code=404 n=1", "n=2"},
		"fields jsonParse(@message) as m | filter m.users[1].action = 'PutData' | display m.users[1].action":                                                                                                      {"m.users[1].action=PutData"},
		"fields jsonParse(@message) as m | filter m.`user.id` = '123' | display m.status_code":                                                                                                                    {"m.status_code=200"},
		"fields jsonParse(@message) as m | display m.users[1].tags.`a b`, m.inner | limit 9 | filter ispresent(m.inner)":                                                                                          {`m.users[1].tags.` + "`a b`" + `=x m.inner={"n":5}`},
		"fields jsonParse(@message) as m, jsonParse(m.inner) as i | filter i.n = 5 | display i.n + 1 as six, i":                                                                                                   {`six=6 i={"n":5}`},
		"fields jsonParse(@message) as m | filter m[1] = 7 | display m, m[0], m[0].status_code, m[9]":                                                                                                             {`m=[{"status_code":1},7] m[0]={"status_code":1} m[0].status_code=1`},
		"fields jsonParse(@message) as m | filter ispresent(m) | stats count(*) as n, count(m) as none":                                                                                                           {"n=3 none=0"},
		"fields jsonParse(@message) as m | filter m = m or m != 1 or m > 0 or m like /x/ | stats count(*) as n":                                                                                                   {"n=1"}, // the text has no map
		"fields jsonParse(@message) as m | filter isempty(m) and m.status_code = 404 | display toupper(m), jsonStringify(m.users) as u, strlen(jsonStringify(m.user)) as l, jsonStringify(m.status_code) as none": {"u=[] l=10"},
		"fields jsonParse(@message) as m, coalesce(m.user, m.users) as c | filter m.status_code = 404 | display c.id":                                                                                             {"c.id=9"},
		"fields status_code as m | filter m in [200] | display users[1].action":                                                                                                                                   {"users[1].action=PutData"},
	} {
		if got := run(t, query, 100, events...); !slices.Equal(got, want) {
			t.Errorf("%s:\n%q, want\n%q", query, got, want)
		}
	}
}

func TestFlinkGuide(t *testing.T) {
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"fields @timestamp, message\n| filter message like /Deploying/\n| parse message \" to flink-taskmanager-*\" as @tmid\n| stats count(*) by @tmid\n| sort @timestamp desc\n| limit 2000\n",
			[]string{"@tmid=1-1 count(*)=2", "@tmid=1-2 count(*)=1"}},
		{"fields @timestamp, @tmid, @subtask\n| filter message like /Deploying/\n| parse message \"Deploying * to flink-taskmanager-*\" as @subtask, @tmid\n| sort @timestamp desc\n| limit 2000\n",
			[]string{"@timestamp=2026-03-01 12:03:00.000 @tmid=1-1 @subtask=Sink (1/2) (attempt #0)",
				"@timestamp=2026-03-01 12:02:00.000 @tmid=1-2 @subtask=Source: Orders (2/2) (attempt #0)",
				"@timestamp=2026-03-01 12:01:00.000 @tmid=1-1 @subtask=Source: Orders (1/2) (attempt #0)"}},
		{"fields @timestamp, @parallelism\n| filter message like /property: parallelism.default, /\n| parse message \"default, *\" as @parallelism\n| sort @timestamp asc\n",
			[]string{"@timestamp=2026-03-01 12:00:00.000 @parallelism=2"}},
		{"fields @timestamp, @message, @messageType\n| filter applicationARN like /arn:aws:kinesisanalytics:us-east-1:123456789012:application\\/orders/\n| filter @message like /AccessDenied/\n| sort @timestamp desc\n", nil},
		{"fields message | filter @message like /AccessDenied/ | sort @timestamp desc", []string{"message=AccessDenied: no"}},
		{"fields @timestamp, @message\n| filter @message like /ResourceNotFoundException/\n| sort @timestamp desc", nil},
		{"fields @timestamp\n| filter @message like /switched from RUNNING to RESTARTING/\n| sort @timestamp desc", []string{"@timestamp=2026-03-01 12:04:00.000"}},
		{"fields @timestamp\n| filter isPresent(throwableInformation.0) or isPresent(throwableInformation) or @message like /(Error|Exception)/\n| sort @timestamp desc",
			[]string{"@timestamp=2026-03-01 12:06:00.000", "@timestamp=2026-03-01 12:05:00.000", "@timestamp=2026-03-01 12:04:00.000"}},
		{"fields @timestamp, @message\n| filter isPresent(throwableInformation) or @message like /Error/\n| | filter not(logger like /org.apache.commons.beanutils/)\n|sort @timestamp desc | display errorCode",
			[]string{"errorCode=CodeError.InvalidApplicationCode", ""}},
		{"fields message | filter logger like /GlobalConfiguration/ | limit 1000", []string{"message=" + "Loading configuration property: parallelism.default, 2"}},
		{"fields @timestamp | filter messageType = \"ERROR\" | stats count(*) as errors by bin(5m) | sort @timestamp asc", []string{"bin(5m)=2026-03-01 12:05:00.000 errors=2"}},
	} {
		if got := run(t, c.query, 1000, flink...); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
			t.Errorf("%s\n got %q\nwant %q", c.query, got, c.want)
		}
	}
}

// TestLambdaSample is a sample of "Sample queries": aggregates that use those before them.
func TestLambdaSample(t *testing.T) {
	query := "filter type = \"REPORT\"\n| stats max(memorySize / 1024 / 1024) as provisonedMemoryMB,\n min(maxMemoryUsed / 1024 / 1024) as smallestMemoryRequestMB,\n" +
		"avg(maxMemoryUsed / 1024 / 1024) as avgMemoryUsedMB,\n max(maxMemoryUsed / 1024 / 1024) as maxMemoryUsedMB,\n provisonedMemoryMB - maxMemoryUsedMB as overProvisionedMB"
	got := run(t, query, 10, `{"type":"REPORT","memorySize":134217728,"maxMemoryUsed":67108864}`, `{"type":"REPORT","memorySize":134217728,"maxMemoryUsed":33554432}`)
	if want := "provisonedMemoryMB=128 smallestMemoryRequestMB=32 avgMemoryUsedMB=48 maxMemoryUsedMB=64 overProvisionedMB=64"; got[0] != want {
		t.Errorf("got %q", got)
	}
}

func TestRefusesWhatItDoesNotKnow(t *testing.T) {
	for query, want := range map[string]string{
		"fields @timestamp\n| pattern @message":      "the command pattern is not supported by this server at line 2 and position 3",
		"fields md5(@message) as x":                  "the function md5 is not supported by this server at line 1 and position 8",
		"fields x[":                                  "unexpected symbol found [",
		"fields x[a]":                                "unexpected symbol found [",
		"fields x.`y":                                "` is not closed",
		"nonsense":                                   "unexpected symbol found nonsense at line 1 and position 1",
		"fields":                                     "unexpected end of the query at line 1 and position 7",
		"fields a b":                                 "unexpected symbol found b at line 1 and position 10",
		"filter a == 1":                              "unexpected symbol found = at line 1 and position 11",
		"filter a like b":                            "unexpected symbol found b",
		"filter a like /(/":                          "missing closing ): `(` at line 1 and position 15",
		"filter a like /x":                           "/ is not closed",
		"filter a = \"x":                             "\" is not closed",
		"filter a in [1":                             "unexpected end of the query",
		"filter (a = 1":                              "unexpected end of the query",
		"filter strlen() > 1":                        "the function strlen does not take 0 arguments",
		"filter count(*) > 1":                        "the function count is for stats",
		"stats sum(avg(x))":                          "the function avg is for stats",
		"stats count(*), x":                          "the field x is neither aggregated nor grouped by at line 1 and position 17",
		"stats b - 1 as a, count(*) as b":            "the field b is neither",
		"stats pct(x, y)":                            "unexpected symbol found y",
		"stats pct(x, 101)":                          "unexpected symbol found 101",
		"stats count(*) by bin(5 parsecs)":           "unexpected symbol found 5",
		"stats count(*) by bin(0m)":                  "unexpected symbol found 0m",
		"limit 0":                                    "a limit is from 1 to 10000",
		"limit 10001":                                "a limit is from 1 to 10000",
		"limit x":                                    "unexpected symbol found x",
		"parse @message 'a*b*' as x":                 "2 asterisks cannot make 1 fields",
		"parse @message /a(.*)/":                     "no named group",
		"parse @message /a(?<x>.*)/ as y":            "cannot make 1 fields",
		"parse @message":                             "unexpected end of the query",
		"sort a up":                                  "unexpected symbol found up",
		"dedup a | sort a":                           "only limit can follow dedup, not sort, at line 1 and position 11",
		"dedup strlen(a)":                            "unexpected symbol found (",
		"fields a as `":                              "` is not closed",
		"filter " + strings.Repeat("(", 200) + "a":   "nested too deeply",
		"display " + strings.Repeat("1^", 200) + "1": "nested too deeply",
	} {
		_, err := Parse(query)
		if e, ok := errors.AsType[*SyntaxError](err); !ok || !strings.Contains(e.Error(), want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
}

// TestKeepsNoMoreThanItMust compares a small limit over many events with the same query without one.
func TestKeepsNoMoreThanItMust(t *testing.T) {
	var events []string
	for i := range 5000 {
		events = append(events, fmt.Sprintf(`{"n":%d}`, i*7919%5000))
	}
	for _, q := range []string{"fields n | sort n", "fields n | sort n desc", "fields n"} {
		all, some := run(t, q, 10_000, events...), run(t, q+" | limit 7", 10_000, events...)
		if fmt.Sprint(all[:7]) != fmt.Sprint(some) || len(all) != 5000 {
			t.Errorf("%s: %q, want %q", q, some, all[:7])
		}
		if few := run(t, q, 7, events...); fmt.Sprint(few) != fmt.Sprint(some) {
			t.Errorf("%s with a limit of the run: %q", q, few)
		}
	}
}

func TestTooManyGroups(t *testing.T) {
	for _, text := range []string{"stats count(*) by @message", "stats latest(@message) by @ptr", "dedup m", "stats count_distinct(@message)", "sort m"} {
		q, err := Parse("fields @message as m | " + text)
		if err != nil {
			t.Fatal(err)
		}
		w := q.Start(start, maxRows, func(e *Event) string { return fmt.Sprint(e.Block) }).Worker()
		err = nil
		for i := 0; i < maxBytes>>15+2 && err == nil; i++ {
			err = w.Add(Event{Message: strings.Repeat("x", 1<<15) + fmt.Sprint(i), Source: source, Block: uint64(i)})
		}
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestLongTexts has functions that would fill the memory with one short event.
func TestLongTexts(t *testing.T) {
	replaced, doubled := "@message", "fields concat(@message, @message) as a0"
	for i := range 40 {
		replaced = fmt.Sprintf("replace(%s, '', 'xxxxxxxxxxxxxxxxxxxx')", replaced)
		doubled += fmt.Sprintf(" | fields concat(a%d, a%d) as a%d", i, i, i+1)
	}
	many := "fields concat(@message, '') as a"
	for range 2000 {
		many += " | fields toupper(a)"
	}
	for _, text := range []string{
		"fields " + replaced, doubled, many, "filter strlen(" + replaced + ") = 1", "stats count(*) by " + replaced + " as x",
		"stats max(@message) as m | fields " + strings.ReplaceAll(replaced, "@message", "m"), "stats " + strings.ReplaceAll(replaced, "@message", "max(@message)") + " as m",
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		r := q.Start(start, maxRows, nil)
		err = r.Worker().Add(Event{Message: strings.Repeat("m", 10_000), Source: source})
		if err == nil {
			_, _, err = r.Finish()
		}
		if !errors.Is(err, ErrLongTexts) {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

// TestDiscoverDeep has a message whose paths would be as long as it is, once for each of its brackets.
func TestDiscoverDeep(t *testing.T) {
	const levels = 10_000
	got := Discover(`{"a":` + strings.Repeat("[7,", levels) + "8" + strings.Repeat("]", levels) + `,"b":1}`)
	if len(got) != maxDepth+1 || got[1] != (Field{"a.1.0", "7"}) || got[maxDepth] != (Field{"b", "1"}) {
		t.Errorf("%d fields, %v", len(got), got[min(len(got), 3)-1])
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		"fields jsonParse(@message) as m | filter m.a[0].`b.c`.d = 1 | display jsonStringify(m[1])",
		"fields @timestamp, `a-b` as c | filter a like /x\\/(?i)y/ and not b in [1,'2'] | sort c desc | limit 3",
		"parse @message \"* [*]\" as a, b | stats count(*) as n, pct(a, 95) by bin(5m), b | sort n | dedup b",
		"parse /(?<x>\\d+)/ | display substr(x, 1, 2) ^ 2 % 3, datefloor(@timestamp, 1 mo) # comment",
		"stats max(a.0.b) - min(a) as d, d * 2 | filter d > -1e3 | stats avg(d)",
	} {
		f.Add(s, `{"a":[{"b":1}],"x":"y"}`)
	}
	f.Fuzz(func(t *testing.T, query, message string) {
		q, err := Parse(query)
		if err != nil {
			if _, ok := errors.AsType[*SyntaxError](err); !ok {
				t.Fatal(err)
			}
			return
		}
		r := q.Start(start, 10, func(*Event) string { return "p" })
		w := r.Worker()
		for i := range 3 {
			if err := w.Add(Event{Time: start.UnixMilli() + int64(i), Message: message, Source: source, Index: uint32(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if rows, _, err := r.Finish(); err != nil || len(rows) > 10 && len(q.phases) == 1 {
			t.Fatal(len(rows), err)
		}
	})
}
