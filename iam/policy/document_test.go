package policy_test

import (
	"errors"
	"strings"
	"testing"

	"drey/iam/policy"
)

// IAM User Guide, "Grammar of the IAM JSON policy language" and the pages of the single elements.
func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, document string
		kind           policy.Kind
		reason         string
	}{
		{"NotJSON", `{"Version":`, policy.Identity, "valid JSON"},
		{"TwoDocuments", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}} {}`, policy.Identity, "valid JSON"},
		{"NotAnObject", `[]`, policy.Identity, "Syntax errors"},
		{"UnknownElement", `{"Statments":[]}`, policy.Identity, `"Statments"`},
		{"UnknownVersion", `{"Version":"2012-10-18","Statement":[]}`, policy.Identity, "must be version 2012-10-17"},
		{"NoStatement", `{"Version":"2012-10-17"}`, policy.Identity, "Statement is missing"},
		{"EmptyStatement", `{"Version":"2012-10-17","Statement":[]}`, policy.Identity, "Statement is missing"},
		{"StatementIsText", `{"Statement":["x"]}`, policy.Identity, "not an object"},
		{"UnknownStatementElement", `{"Statement":{"Effect":"Allow","Actions":"*","Resource":"*"}}`, policy.Identity, `"Actions"`},
		{"ElementTwice", `{"Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}}`, policy.Identity, "twice"},
		{"SidTwice", `{"Statement":[{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"}]}`, policy.Identity, "must be unique"},
		{"SidSpace", `{"Statement":{"Sid":"a b","Effect":"Allow","Action":"*","Resource":"*"}}`, policy.Identity, "alpha-numeric"},
		{"NoEffect", `{"Statement":{"Action":"*","Resource":"*"}}`, policy.Identity, "Missing required field Effect"},
		{"EffectLowerCase", `{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`, policy.Identity, "Invalid effect"},
		{"NoAction", `{"Statement":{"Effect":"Allow","Resource":"*"}}`, policy.Identity, "must contain actions"},
		{"ActionAndNotAction", `{"Statement":{"Effect":"Allow","Action":"*","NotAction":"s3:*","Resource":"*"}}`, policy.Identity, "both Action and NotAction"},
		{"ActionWithoutVendor", `{"Statement":{"Effect":"Allow","Action":"GetObject","Resource":"*"}}`, policy.Identity, "prefaced by a vendor"},
		{"ActionIsNumber", `{"Statement":{"Effect":"Allow","Action":5,"Resource":"*"}}`, policy.Identity, "Action must be"},
		{"NoResource", `{"Statement":{"Effect":"Allow","Action":"*"}}`, policy.Identity, "must contain resources"},
		{"ResourceNotARN", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"bucket"}}`, policy.Identity, `must be in ARN format or "*"`},
		{"ResourcePartition", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:gcp:s3:::b"}}`, policy.Identity, `Partition "gcp" is not valid`},
		{"VariableNotClosed", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username"}}`, policy.Identity, "not closed"},
		{"VariableDefaultUnquoted", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username, x}"}}`, policy.Identity, "single quotes"},
		{"IdentityPrincipal", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`, policy.Identity, "should not specify a principal"},
		{"ResourceWithoutPrincipal", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, policy.Resource, "Missing required field Principal"},
		{"PrincipalKind", `{"Statement":{"Effect":"Allow","Principal":{"GCP":"x"},"Action":"*","Resource":"*"}}`, policy.Resource, `Invalid principal in policy: "GCP"`},
		{"PrincipalWildcard", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/*"},"Action":"*","Resource":"*"}}`, policy.Resource, "Invalid principal"},
		{"TrustWithResource", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}}`, policy.Trust, "Has prohibited field Resource"},
		{"TrustOtherAction", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}}`, policy.Trust, "may only specify STS AssumeRole"},
		{"UnknownOperator", condition(`"StringEqual":{"aws:username":"a"}`), policy.Identity, "Invalid Condition type : StringEqual."},
		{"UnknownOperatorWithoutKeys", condition(`"Foo":{}`), policy.Identity, "Invalid Condition type : Foo."},
		{"UnknownQuantifier", condition(`"ForSome:StringEquals":{"aws:username":"a"}`), policy.Identity, "Invalid Condition type"},
		{"NullIfExists", condition(`"NullIfExists":{"aws:username":"true"}`), policy.Identity, "Invalid Condition type"},
		{"NullNotBool", condition(`"Null":{"aws:username":"maybe"}`), policy.Identity, "true or false"},
		{"KeyWithoutVendor", condition(`"StringEquals":{"username":"a"}`), policy.Identity, "prefaced by a vendor"},
		{"NumericText", condition(`"NumericEquals":{"s3:max-keys":"ten"}`), policy.Identity, "not a number"},
		{"DateText", condition(`"DateLessThan":{"aws:CurrentTime":"tomorrow"}`), policy.Identity, "not a date"},
		{"AddressText", condition(`"IpAddress":{"aws:SourceIp":"10.0.0.0/40"}`), policy.Identity, "CIDR"},
		{"BinaryText", condition(`"BinaryEquals":{"a:b":"%%%"}`), policy.Identity, "base64"},
		{"ArnText", condition(`"ArnLike":{"aws:SourceArn":"stream"}`), policy.Identity, "not an ARN"},
		{"ConditionValueObject", condition(`"StringEquals":{"aws:username":{"a":"b"}}`), policy.Identity, "must be strings"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := policy.Parse(tt.document, tt.kind)
			var syntax *policy.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("got %v, want a SyntaxError", err)
			}
			if !strings.Contains(syntax.Reason, tt.reason) {
				t.Errorf("reason %q does not say %q", syntax.Reason, tt.reason)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	tests := []struct {
		name, document string
		kind           policy.Kind
	}{
		{"AnyOrderAndSingleStatement", `{"Statement":{"Resource":"*","Action":["s3:*"],"Effect":"Allow","Sid":""},"Id":"x","Version":"2008-10-17"}`, policy.Identity},
		{"TrustOfService", `{"Statement":[{"Action":"sts:AssumeRole","Principal":{"Service":"kinesisanalytics.amazonaws.com"},"Effect":"Allow","Sid":""}]}`, policy.Trust},
		{"TrustOfAccounts", `{"Statement":[{"Action":["sts:AssumeRole","sts:TagSession"],"Principal":{"AWS":["123456789012","arn:aws:iam::123456789012:root"]},"Effect":"Allow"}]}`, policy.Trust},
		{"EveryOperator", condition(`"StringEquals":{"a:b":"c"},"StringNotEquals":{"a:b":"c"},"StringEqualsIgnoreCase":{"a:b":"c"},"StringNotEqualsIgnoreCase":{"a:b":"c"},
			"StringLike":{"a:b":"c"},"StringNotLike":{"a:b":"c"},"NumericEquals":{"a:b":1},"NumericNotEquals":{"a:b":"1"},"NumericLessThan":{"a:b":1.5},"NumericLessThanEquals":{"a:b":1},
			"NumericGreaterThan":{"a:b":1},"NumericGreaterThanEquals":{"a:b":1},"DateEquals":{"a:b":"2020-01-01T00:00:01Z"},"DateNotEquals":{"a:b":"2020-01-01"},"DateLessThan":{"a:b":"2020-01-01"},
			"DateLessThanEquals":{"a:b":"2020-01-01"},"DateGreaterThan":{"a:b":"1577836800"},"DateGreaterThanEquals":{"a:b":1577836800},"Bool":{"a:b":true},"BinaryEquals":{"a:b":"QmluYXJ5"},
			"IpAddress":{"a:b":"203.0.113.0/24"},"NotIpAddress":{"a:b":"2001:DB8::/32"},"ArnEquals":{"a:b":"arn:aws:s3:::x"},"ArnLike":{"a:b":"arn:aws:*:*:*:*"},"ArnNotEquals":{"a:b":"arn:aws:s3:::x"},
			"ArnNotLike":{"a:b":"${aws:PrincipalArn}"},"Null":{"a:b":"true"},"StringEqualsIfExists":{"a:b":"c"},"ForAllValues:StringLike":{"a:b":["c","d"]},"ForAnyValue:ArnLikeIfExists":{"a:b":"arn:aws:s3:::x"}`), policy.Identity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := policy.Parse(tt.document, tt.kind); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// condition is an identity policy that allows everything under the given Condition members.
func condition(members string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + members + `}}}`
}
