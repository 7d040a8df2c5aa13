package search

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestTokens has the table of "Tokenization".
func TestTokens(t *testing.T) {
	for s, want := range map[string]string{
		"CustomCount1": "Custom Count 1", "SDBFailure": "SDB Failure", "Project2-trial333": "Project 2 trial 333",
		"Network-Errors_2": "Network Errors 2", "couNT": "cou NT", "COUNT": "COUNT", "t2.micro": "t 2 micro", "": "", "--": "",
	} {
		var got []string
		for _, p := range pieces(s) {
			got = append(got, p.text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q", s, got)
		}
	}
}

func TestPartialMatches(t *testing.T) {
	for _, c := range []struct {
		term, name string
		want       bool
	}{
		{"count", "CustomCount1", true}, {"Count", "CustomCount1", true}, {"COUNT", "CustomCount1", true}, {"couNT", "CustomCount1", false},
		{"CustomCount", "CustomCount1", true}, {"Count1", "CustomCount1", true}, {"customcount", "CustomCount1", false}, {"count1", "CustomCount1", false},
		{"customcount1", "CustomCount1", true}, {"1", "CustomCount1", true}, {"Custom1", "CustomCount1", false},
		{"network/errors", "Network-Errors-2", true}, {"network+errors", "NetworkErrors2", true}, {"network-errors", "NetworkErrors2", true}, {"Network_Errors", "Network-Errors-2", true},
		{"errors-network", "NetworkErrors2", false}, {"failure", "SDBFailure", true}, {"-", "a-b", false},
	} {
		if got := partial(pieces(c.term), c.name); got != c.want {
			t.Errorf("%s finds %s: %v", c.term, c.name, got)
		}
	}
}

var metrics = []Metric{
	{"AWS/EC2", "CPUUtilization", []Dimension{{"InstanceId", "i-1234567890123456"}}},
	{"AWS/EC2", "CPUUtilization", []Dimension{{"InstanceId", "i-2"}, {"InstanceType", "t2.micro"}}},
	{"AWS/EC2", "NetworkPacketsIn", []Dimension{{"InstanceId", "i-2"}}},
	{"AWS/Lambda", "Errors", []Dimension{{"FunctionName", "ProjectA-main"}}},
	{"AWS/Lambda", "Invocations", []Dimension{{"FunctionName", "ProjectA-main"}}},
	{"AWS/Lambda", "Invocations", []Dimension{{"FunctionName", "other"}}},
	{"My Namespace", "Custom:Name[Special_Characters", []Dimension{{"Dimension@Name", "Europe\\France Traffic(Network)"}}},
	{"MyNamespace", "orders", nil},
}

func TestSearches(t *testing.T) {
	for query, want := range map[string]string{
		` {AWS/EC2,InstanceId} MetricName="CPUUtilization" `:                      "0",
		`{AWS/EC2, InstanceType, InstanceId}`:                                     "1",
		`{AWS/EC2}`:                                                               "0 1 2",
		`{AWS/EC2,InstanceId} network AND packets`:                                "2",
		`{AWS/EC2,InstanceId} network packets`:                                    "2",
		`{AWS/EC2,InstanceId} MetricName="CPUUtilization" NOT i-1234567890123456`: "",
		`NOT Namespace=AWS`:                                                       "6 7",
		`InstanceType=micro`:                                                      "1",
		`InstanceType="t2.micro" Namespace="AWS/EC2"`:                             "1",
		`{AWS/Lambda,FunctionName} MetricName="Errors" OR (MetricName="Invocations" AND (ProjectA OR other))`: "3 4 5",
		`{"My Namespace", "Dimension@Name"}, "Custom:Name[Special_Characters" `:                               "6",
		`"Europe\\France Traffic\(Network\)"`:                                                                 "6",
		`{MyNamespace}, "Orders"`:                                                                             "",
		`MetricName=("Errors" OR "orders")`:                                                                   "3 7",
		`(EC2 OR Lambda) MetricName=Invocations`:                                                              "4 5",
		`"AWS/EC2" MetricName="CPUUtilization"`:                                                               "0 1",
		`NOT "AWS/EC2" NOT "AWS/Lambda"`:                                                                      "6 7",
		`"Dimension@Name"="Europe\\France Traffic\(Network\)"`:                                                "6",
		`{AWS/EC2,InstanceId,InstanceId}`:                                                                     "",
	} {
		q, err := Parse(query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var got []string
		for i, m := range metrics {
			if q.Matches(m) {
				got = append(got, fmt.Sprint(i))
				wantFound(t, query, q, m)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s finds %v, want %s", query, got, want)
		}
	}
}

// wantFound wants a metric that a search matches not to be left out by what leads to it.
func wantFound(t *testing.T, query string, q *Query, m Metric) {
	t.Helper()
	if !q.Possible(m.Namespace, m.Name) {
		t.Errorf("%s: %v is not possible", query, m)
	}
	l := q.Lead()
	if l == nil {
		return
	}
	led := slices.ContainsFunc(m.Dimensions, func(d Dimension) bool {
		return l.InDimension(d) && (l.Names() == nil || slices.Contains(l.Names(), d.Name)) && (l.Exact() == nil || slices.Contains(l.Exact(), d))
	})
	if !led && (!l.Elsewhere() || !l.InNames(m.Namespace, m.Name)) {
		t.Errorf("%s: nothing leads to %v", query, m)
	}
}

// TestLeads has what is looked for first: a dimension that is known, then names, then a dimension, then any string, the longest.
func TestLeads(t *testing.T) {
	for query, want := range map[string]string{
		`{A,B,C} B=b C="c" MetricName="m"`:     "exactly [{C c}]",
		`{A,B} B=("b" OR "c")`:                 "exactly [{B b} {B c}]",
		`B="b" OR C="c"`:                       "exactly [{B b} {C c}]",
		`{A,B,C} B=b MetricName=m x`:           "names",
		`{A,B,C} B=b x`:                        "in [B]",
		`B=b OR (C=c x)`:                       "in [B C]",
		`B=b OR MetricName=m`:                  "in [B], elsewhere",
		`{A,B} some thing`:                     "thing in [B], elsewhere",
		`some thing`:                           "thing in [], elsewhere",
		`{A,B}`:                                "names",
		`NOT B="b"`:                            "names",
		`B="b" OR NOT x`:                       "names",
		`NOT B="b" AND NOT (x OR B=b) Other=o`: "in [Other]",
	} {
		q, err := Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		got := "names"
		if l := q.Lead(); l != nil && l.Exact() != nil {
			got = fmt.Sprintf("exactly %v", l.Exact())
		} else if l != nil {
			got = fmt.Sprintf("in %v", l.Names())
			if x := l.leaves[0]; x.property == "" {
				got = x.value + " " + got
			}
			if l.Elsewhere() {
				got += ", elsewhere"
			}
		}
		if got != want {
			t.Errorf("%s: %s, expected %s", query, got, want)
		}
	}
}

func TestRefusedSearches(t *testing.T) {
	for query, want := range map[string]string{
		"": "needs a metric schema", "{AWS/EC2": "does not end", "{}": "unexpected", "(a": "parenthesis", `"a`: "does not end", "a)": "unexpected", "a AND": "ends too early",
		"OR b": "", ":aws.AccountId = 1": "not supported", strings.Repeat("NOT ", 150) + "a": "too deeply", strings.Repeat("a", 1025): "at most 1024",
	} {
		_, err := Parse(query)
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{AWS/EC2,InstanceId} MetricName="CPUUtilization"`, "a OR b NOT (c AND d)", `"a\"b"=x`, `EC2 OR InstanceId=i`, `NOT (NOT Errors OR FunctionName="other")`, `MetricName=orders OR (a b)`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Parse(s)
		if err != nil {
			return
		}
		for _, m := range metrics {
			if q.Matches(m) {
				wantFound(t, s, q, m)
			}
		}
	})
}
