package awsquery_test

import (
	"net/url"
	"strings"
	"testing"

	"drey/model/cloudwatch"
	"drey/model/iam"
	"drey/wire"
	"drey/wire/awsquery"
)

func decode(t *testing.T, form string, v any) error {
	t.Helper()
	values, err := url.ParseQuery(form)
	if err != nil {
		t.Fatal(err)
	}
	return awsquery.Decode(values, v)
}

func TestDecodeListsInTheOrderOfTheirNumbers(t *testing.T) {
	var in cloudwatch.PutMetricDataInput
	err := decode(t, "Namespace=N&MetricData.member.10.MetricName=ten&MetricData.member.2.MetricName=two&MetricData.member.2.Value=1.5&"+
		"MetricData.member.2.Dimensions.member.1.Name=a&MetricData.member.2.Timestamp=2026-03-01T12:00:00Z&Unknown.x=1", &in)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.MetricData) != 2 || *in.MetricData[0].MetricName != "two" || *in.MetricData[1].MetricName != "ten" {
		t.Fatalf("got %+v", in.MetricData)
	}
	if first := in.MetricData[0]; *first.Value != 1.5 || *first.Dimensions[0].Name != "a" || first.Timestamp.Year() != 2026 {
		t.Errorf("got %+v", first)
	}
}

func TestRefuseBadParameters(t *testing.T) {
	for _, form := range []string{"MetricData.member.x.MetricName=a", "MetricData.member.0.MetricName=a", "MetricData.member.1.Value=high", strings.Repeat("a.", 40) + "=1"} {
		var in cloudwatch.PutMetricDataInput
		if err := decode(t, form, &in); err == nil {
			t.Errorf("%s was taken", form)
		}
	}
}

func TestEncode(t *testing.T) {
	out := &iam.ListUserPoliciesOutput{PolicyNames: []string{"a<b", "c"}, IsTruncated: new(false)}
	got := string(awsquery.Encode(out, "ListUserPolicies", "urn:x", "id"))
	const want = `<ListUserPoliciesResponse xmlns="urn:x"><ListUserPoliciesResult><PolicyNames><member>a&lt;b</member><member>c</member></PolicyNames>` +
		`<IsTruncated>false</IsTruncated></ListUserPoliciesResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ListUserPoliciesResponse>`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = string(awsquery.Encode(&iam.UpdateRoleOutput{}, "UpdateRole", "urn:x", "id"))
	if !strings.Contains(got, "<UpdateRoleResult></UpdateRoleResult>") { // without it the AWS SDK for Go fails
		t.Errorf("got %s", got)
	}
	if got = string(awsquery.Encode(&iam.TagRoleOutput{}, "TagRole", "urn:x", "id")); strings.Contains(got, "Result") {
		t.Errorf("got %s", got)
	}
	got = string(awsquery.EncodeError(wire.ErrorCode{Code: "NoSuchEntity", Status: 404}.Errorf("gone"), "urn:x", "id"))
	if !strings.Contains(got, "<Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>gone</Message></Error>") {
		t.Errorf("got %s", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("Namespace=N&MetricData.member.1.Values.member.1=2&MetricData.member.1.Dimensions.member.1.Name=a")
	f.Fuzz(func(t *testing.T, form string) {
		values, err := url.ParseQuery(form)
		if err != nil {
			return
		}
		var in cloudwatch.PutMetricDataInput
		if awsquery.Decode(values, &in) == nil && len(in.MetricData) > len(form) {
			t.Errorf("%d datums of %d bytes", len(in.MetricData), len(form))
		}
	})
}
