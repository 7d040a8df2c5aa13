package policy_test

import (
	"testing"

	"drey/iam/policy"
)

func mustParse(t testing.TB, document string, kind policy.Kind) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(document, kind)
	if err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	return p
}

func identity(t testing.TB, documents ...string) *policy.Policies {
	t.Helper()
	ps := &policy.Policies{}
	for _, d := range documents {
		ps.Identity = append(ps.Identity, policy.Attached{Name: "p", Policy: mustParse(t, d, policy.Identity)})
	}
	return ps
}

// keysOf builds a context: name, value, name, value; the same name again adds a value.
func keysOf(pairs ...string) policy.Keys {
	k := policy.Keys{}
	values := map[string][]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = append(values[pairs[i]], pairs[i+1])
		k.Set(pairs[i], values[pairs[i]]...)
	}
	return k
}

// IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multivalued context keys",
// in the order of the pages.
func TestConditionOperators(t *testing.T) {
	tests := []struct {
		name, condition string
		keys            policy.Keys
		want            bool
	}{
		// String condition operators
		{"StringEquals", `"StringEquals":{"aws:PrincipalTag/job":"iamuser-admin"}`, keysOf("aws:PrincipalTag/job", "iamuser-admin"), true},
		{"StringEqualsKeyCase", `"StringEquals":{"AWS:principaltag/JOB":"a"}`, keysOf("aws:PrincipalTag/job", "a"), true},
		{"StringEqualsValueCase", `"StringEquals":{"a:b":"X"}`, keysOf("a:b", "x"), false},
		{"StringEqualsNoWildcard", `"StringEquals":{"a:b":"x*"}`, keysOf("a:b", "xy"), false},
		{"StringEqualsStarItself", `"StringEquals":{"a:b":"x*"}`, keysOf("a:b", "x*"), true},
		{"StringEqualsOneOfValues", `"StringEquals":{"a:b":["x","y"]}`, keysOf("a:b", "y"), true},
		{"StringEqualsAbsent", `"StringEquals":{"a:b":"x"}`, nil, false},
		{"StringNotEquals", `"StringNotEquals":{"a:b":["x","y"]}`, keysOf("a:b", "y"), false},
		{"StringNotEqualsOther", `"StringNotEquals":{"a:b":["x","y"]}`, keysOf("a:b", "z"), true},
		{"StringNotEqualsAbsent", `"StringNotEquals":{"a:b":"x"}`, nil, true},
		{"StringEqualsIgnoreCase", `"StringEqualsIgnoreCase":{"a:b":"X"}`, keysOf("a:b", "x"), true},
		{"StringNotEqualsIgnoreCase", `"StringNotEqualsIgnoreCase":{"a:b":"X"}`, keysOf("a:b", "x"), false},
		{"StringLike", `"StringLike":{"s3:prefix":["","home/","home/${aws:username}/*"]}`, keysOf("s3:prefix", "home/ann/x", "aws:username", "ann"), true},
		{"StringLikeQuestion", `"StringLike":{"a:b":"a?c"}`, keysOf("a:b", "aéc"), true},
		{"StringNotLike", `"StringNotLike":{"a:b":"a*"}`, keysOf("a:b", "abc"), false},
		{"EscapedWildcard", `"StringLike":{"a:b":"a${*}"}`, keysOf("a:b", "abc"), false},
		{"EscapedWildcardItself", `"StringLike":{"a:b":"a${*}${?}${$}"}`, keysOf("a:b", "a*?$"), true},
		{"VariableAbsent", `"StringEquals":{"a:b":"${aws:username}"}`, keysOf("a:b", ""), false},
		{"VariableAbsentNegated", `"StringNotEquals":{"a:b":"${aws:username}"}`, keysOf("a:b", "x"), true},
		{"VariableDefault", `"StringEquals":{"a:b":"${aws:PrincipalTag/team, 'company-wide'}"}`, keysOf("a:b", "company-wide"), true},
		{"VariableBeatsDefault", `"StringEquals":{"a:b":"${aws:PrincipalTag/team, 'company-wide'}"}`, keysOf("a:b", "red", "aws:principaltag/team", "red"), true},
		{"VariableValueIsLiteral", `"StringLike":{"a:b":"${aws:username}"}`, keysOf("a:b", "xyz", "aws:username", "*"), false},
		{"VariableMultivalued", `"StringLike":{"a:b":"${x:y}"}`, keysOf("a:b", "1", "x:y", "1", "x:y", "2"), false},
		// Numeric condition operators
		{"NumericEquals", `"NumericEquals":{"s3:max-keys":10}`, keysOf("s3:max-keys", "10.0"), true},
		{"NumericNotEquals", `"NumericNotEquals":{"s3:max-keys":"10"}`, keysOf("s3:max-keys", "10"), false},
		{"NumericLessThan", `"NumericLessThan":{"s3:max-keys":"10"}`, keysOf("s3:max-keys", "10"), false},
		{"NumericLessThanEquals", `"NumericLessThanEquals":{"s3:max-keys":"10"}`, keysOf("s3:max-keys", "10"), true},
		{"NumericGreaterThan", `"NumericGreaterThan":{"s3:max-keys":"9"}`, keysOf("s3:max-keys", "10"), true},
		{"NumericGreaterThanEquals", `"NumericGreaterThanEquals":{"s3:max-keys":"11"}`, keysOf("s3:max-keys", "10"), false},
		{"NumericTextInRequest", `"NumericLessThan":{"s3:max-keys":"10"}`, keysOf("s3:max-keys", "few"), false},
		{"NumericBeyondDouble", `"NumericEquals":{"a:b":"9007199254740993"}`, keysOf("a:b", "9007199254740992"), false},
		// Date condition operators
		{"DateGreaterThan", `"DateGreaterThan":{"aws:TokenIssueTime":"2020-01-01T00:00:01Z"}`, keysOf("aws:TokenIssueTime", "2020-01-01T00:00:02Z"), true},
		{"DateLessThan", `"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:01Z"}`, keysOf("aws:CurrentTime", "2020-01-01T00:00:01Z"), false},
		{"DateLessThanEquals", `"DateLessThanEquals":{"aws:CurrentTime":"2020-01-01T02:00:00+02:00"}`, keysOf("aws:CurrentTime", "2020-01-01T00:00:00Z"), true},
		{"DateGreaterThanEquals", `"DateGreaterThanEquals":{"aws:CurrentTime":"2020"}`, keysOf("aws:CurrentTime", "2020-01-01T00:00:00Z"), true},
		{"DateEqualsEpoch", `"DateEquals":{"aws:EpochTime":"2020-01-01T00:00:00Z"}`, keysOf("aws:EpochTime", "1577836800"), true},
		{"DateNotEquals", `"DateNotEquals":{"aws:CurrentTime":"2020-01-01"}`, keysOf("aws:CurrentTime", "2020-01-02"), true},
		// Boolean condition operators
		{"Bool", `"Bool":{"aws:SecureTransport":"true"}`, keysOf("aws:SecureTransport", "True"), true},
		{"BoolFalse", `"Bool":{"aws:SecureTransport":false}`, keysOf("aws:SecureTransport", "true"), false},
		{"BoolAbsent", `"Bool":{"aws:MultiFactorAuthPresent":"false"}`, nil, false},
		// Binary condition operators
		{"BinaryEquals", `"BinaryEquals":{"a:b":"QmluYXJ5VmFsdWVJbkJhc2U2NA=="}`, keysOf("a:b", "QmluYXJ5VmFsdWVJbkJhc2U2NA=="), true},
		{"BinaryOther", `"BinaryEquals":{"a:b":"QQ=="}`, keysOf("a:b", "Qg=="), false},
		// IP address condition operators
		{"IpAddress", `"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`, keysOf("aws:SourceIp", "203.0.113.7"), true},
		{"IpAddressOutside", `"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`, keysOf("aws:SourceIp", "203.0.114.7"), false},
		{"IpAddressSingle", `"IpAddress":{"aws:SourceIp":["10.0.0.1","10.0.0.2"]}`, keysOf("aws:SourceIp", "10.0.0.2"), true},
		{"IpAddressV6", `"IpAddress":{"aws:SourceIp":"2001:DB8:1234:5678::/64"}`, keysOf("aws:SourceIp", "2001:db8:1234:5678::9"), true},
		{"IpAddressMapped", `"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`, keysOf("aws:SourceIp", "::ffff:10.1.1.1"), true},
		{"NotIpAddress", `"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}`, keysOf("aws:SourceIp", "203.0.113.7"), false},
		// Amazon Resource Name (ARN) condition operators
		{"ArnEquals", `"ArnEquals":{"aws:SourceArn":"arn:aws:sns:REGION:123456789012:TOPIC-ID"}`, keysOf("aws:SourceArn", "arn:aws:sns:REGION:123456789012:TOPIC-ID"), true},
		{"ArnLikeSegments", `"ArnLike":{"aws:SourceArn":"arn:aws:kinesisanalytics:*:123456789012:application/*"}`, keysOf("aws:SourceArn", "arn:aws:kinesisanalytics:us-east-1:123456789012:application/a/b:c"), true},
		{"ArnLikeStarEndsAtColon", `"ArnLike":{"aws:SourceArn":"arn:aws:*:123456789012:b:c"}`, keysOf("aws:SourceArn", "arn:aws:sns:us-east-1:123456789012:b:c"), false},
		{"ArnLikeNotAnARN", `"ArnLike":{"aws:SourceArn":"arn:aws:*:*:*:*"}`, keysOf("aws:SourceArn", "bucket"), false},
		{"ArnNotEquals", `"ArnNotEquals":{"aws:SourceArn":"arn:aws:s3:::b"}`, keysOf("aws:SourceArn", "arn:aws:s3:::c"), true},
		{"ArnNotLikeAbsent", `"ArnNotLike":{"aws:SourceArn":"arn:aws:s3:::b"}`, nil, true},
		{"ArnLikeVariable", `"ArnLike":{"aws:SourceArn":"arn:aws:s3:::${aws:username}*"}`, keysOf("aws:SourceArn", "arn:aws:s3:::annb", "aws:username", "ann"), true},
		// ...IfExists condition operators
		{"IfExistsAbsent", `"StringLikeIfExists":{"ec2:InstanceType":["t1.*"]}`, nil, true},
		{"IfExistsPresent", `"StringLikeIfExists":{"ec2:InstanceType":["t1.*"]}`, keysOf("ec2:InstanceType", "m1.large"), false},
		// Condition operator to check existence of condition keys
		{"NullAbsent", `"Null":{"aws:TokenIssueTime":"true"}`, nil, true},
		{"NullPresent", `"Null":{"aws:TokenIssueTime":"true"}`, keysOf("aws:TokenIssueTime", "x"), false},
		{"NullFalsePresent", `"Null":{"aws:TokenIssueTime":"false"}`, keysOf("aws:TokenIssueTime", "x"), true},
		// Set operators for multivalued context keys
		{"ForAllValues", `"ForAllValues:StringEquals":{"aws:TagKeys":["environment","webserver"]}`, keysOf("aws:TagKeys", "environment", "aws:TagKeys", "webserver"), true},
		{"ForAllValuesOneOther", `"ForAllValues:StringEquals":{"aws:TagKeys":["environment"]}`, keysOf("aws:TagKeys", "environment", "aws:TagKeys", "cost"), false},
		{"ForAllValuesAbsent", `"ForAllValues:StringEquals":{"aws:TagKeys":["environment"]}`, nil, true},
		{"ForAnyValue", `"ForAnyValue:StringEquals":{"aws:TagKeys":["environment"]}`, keysOf("aws:TagKeys", "environment", "aws:TagKeys", "cost"), true},
		{"ForAnyValueNone", `"ForAnyValue:StringEquals":{"aws:TagKeys":["environment"]}`, keysOf("aws:TagKeys", "cost"), false},
		{"ForAnyValueAbsent", `"ForAnyValue:StringEquals":{"aws:TagKeys":["environment"]}`, nil, false},
		{"ForAnyValueNegatedAbsent", `"ForAnyValue:StringNotEquals":{"aws:TagKeys":["environment"]}`, nil, false},
		{"ForAnyValueNegated", `"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a"]}`, keysOf("aws:TagKeys", "a", "aws:TagKeys", "b"), true},
		{"ForAllValuesNegated", `"ForAllValues:StringNotEquals":{"aws:TagKeys":["a"]}`, keysOf("aws:TagKeys", "a", "aws:TagKeys", "b"), false},
		// Conditions with multiple context keys or values
		{"AndOfKeys", `"StringEquals":{"a:b":"1","a:c":"2"}`, keysOf("a:b", "1", "a:c", "3"), false},
		{"AndOfOperators", `"StringEquals":{"a:b":"1"},"StringLike":{"a:c":"2*"}`, keysOf("a:b", "1", "a:c", "23"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &policy.Request{Action: "a:B", Resource: "*", Caller: policy.Caller{Kind: policy.User}, Keys: tt.keys}
			if got := identity(t, condition(tt.condition)).Evaluate(r).Allowed; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Variables are plain text in policies of version 2008-10-17 ("IAM JSON policy elements: Version").
func TestVariableNeedsVersion2012(t *testing.T) {
	doc := `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}}`
	r := &policy.Request{Action: "s3:ListBucket", Resource: "arn:aws:s3:::${aws:username}", Keys: keysOf("aws:username", "ann"), Caller: policy.Caller{Kind: policy.User}}
	if !identity(t, doc).Evaluate(r).Allowed {
		t.Error("the text itself is not matched")
	}
	r.Resource = "arn:aws:s3:::ann"
	if identity(t, doc).Evaluate(r).Allowed {
		t.Error("the variable was replaced")
	}
}
