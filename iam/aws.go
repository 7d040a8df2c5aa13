package iam

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// awsPolicies are AWS managed policies by ARN. They allow the actions of the services served here that AWS's policies
// of the same names allow; statements for other services are left out, and so are the ids that AWS gave them.
var awsPolicies = func() map[string]*managedPolicy {
	m := map[string]*managedPolicy{}
	created := time.Date(2015, time.February, 6, 18, 39, 46, 0, time.UTC)
	for name, statements := range awsStatements {
		doc := `{"Version":"2012-10-17","Statement":[` + statements + `]}`
		p := &managedPolicy{Account: "aws", Name: name, Path: "/", ID: awsID(name), ARN: arn("aws", "policy", "/", name), Created: created, Updated: created,
			Default: "v1", Last: 1, Versions: []policyVersion{{"v1", doc, created}}}
		m[p.ARN] = p
	}
	return m
}()

// awsID makes an id that is the same at each start.
func awsID(name string) string {
	sum := sha256.Sum256([]byte(name))
	b := make([]byte, 17)
	for i := range b {
		b[i] = idAlphabet[sum[i]%32]
	}
	return policyID + string(b)
}

// allowAll writes a statement that allows actions on every resource.
func allowAll(actions ...string) string {
	return fmt.Sprintf(`{"Effect":"Allow","Action":["%s"],"Resource":"*"}`, strings.Join(actions, `","`))
}

var awsStatements = map[string]string{
	"AdministratorAccess": `{"Effect":"Allow","Action":"*","Resource":"*"}`,
	"PowerUserAccess": `{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"},` +
		allowAll("iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles", "organizations:DescribeOrganization", "account:ListRegions", "account:GetAccountInformation"),
	"ReadOnlyAccess": allowAll("cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*", "iam:Generate*", "iam:Get*", "iam:List*", "iam:Simulate*",
		"kinesis:Describe*", "kinesis:Get*", "kinesis:List*", "kinesisanalytics:Describe*", "kinesisanalytics:Discover*", "kinesisanalytics:Get*", "kinesisanalytics:List*",
		"logs:Describe*", "logs:FilterLogEvents", "logs:Get*", "logs:ListTagsForResource", "logs:ListTagsLogGroup", "logs:StartQuery", "logs:StopQuery", "logs:TestMetricFilter",
		"s3:Get*", "s3:List*", "s3:DescribeJob", "sts:GetAccessKeyInfo", "sts:GetCallerIdentity", "sts:GetSessionToken"),
	"ViewOnlyAccess": allowAll("cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*", "iam:List*", "iam:GetAccountSummary", "iam:GetLoginProfile",
		"kinesis:List*", "kinesisanalytics:ListApplications", "logs:Describe*", "s3:ListAllMyBuckets", "s3:ListBucket"),
	"IAMFullAccess":               allowAll("iam:*", "organizations:DescribeAccount", "organizations:DescribeOrganization"),
	"IAMReadOnlyAccess":           allowAll("iam:GenerateCredentialReport", "iam:GenerateServiceLastAccessedDetails", "iam:Get*", "iam:List*", "iam:SimulateCustomPolicy", "iam:SimulatePrincipalPolicy"),
	"AmazonS3FullAccess":          allowAll("s3:*", "s3-object-lambda:*"),
	"AmazonS3ReadOnlyAccess":      allowAll("s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"),
	"AmazonKinesisFullAccess":     allowAll("kinesis:*"),
	"AmazonKinesisReadOnlyAccess": allowAll("kinesis:Get*", "kinesis:List*", "kinesis:Describe*"),
	"AmazonKinesisAnalyticsFullAccess": allowAll("kinesisanalytics:*") + "," +
		allowAll("kinesis:CreateStream", "kinesis:DeleteStream", "kinesis:DescribeStream", "kinesis:ListStreams", "kinesis:PutRecord", "kinesis:PutRecords") + "," +
		allowAll("cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics", "logs:GetLogEvents", "iam:ListPolicyVersions", "iam:ListRoles") + "," +
		`{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::*:role/service-role/kinesis-analytics*"}`,
	"AmazonKinesisAnalyticsReadOnly": allowAll("kinesisanalytics:Describe*", "kinesisanalytics:Get*", "kinesisanalytics:List*", "kinesis:DescribeStream", "kinesis:ListStreams",
		"cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics", "logs:GetLogEvents", "iam:ListPolicyVersions", "iam:ListRoles"),
	"CloudWatchFullAccess":         allowAll("cloudwatch:*", "logs:*", "sns:*", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "oam:ListSinks"),
	"CloudWatchFullAccessV2":       allowAll("cloudwatch:*", "logs:*", "sns:CreateTopic", "sns:ListSubscriptions", "sns:ListSubscriptionsByTopic", "sns:ListTopics", "sns:Subscribe", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "oam:ListSinks"),
	"CloudWatchReadOnlyAccess":     allowAll("cloudwatch:BatchGet*", "cloudwatch:Describe*", "cloudwatch:GenerateQuery", "cloudwatch:Get*", "cloudwatch:List*", "logs:Get*", "logs:List*", "logs:StartQuery", "logs:StopQuery", "logs:Describe*", "logs:TestMetricFilter", "logs:FilterLogEvents", "logs:StartLiveTail", "logs:StopLiveTail", "sns:Get*", "sns:List*"),
	"CloudWatchLogsFullAccess":     allowAll("logs:*", "cloudwatch:GenerateQuery"),
	"CloudWatchLogsReadOnlyAccess": allowAll("logs:Describe*", "logs:Get*", "logs:List*", "logs:StartQuery", "logs:StopQuery", "logs:TestMetricFilter", "logs:FilterLogEvents", "logs:StartLiveTail", "logs:StopLiveTail", "cloudwatch:GenerateQuery"),
}
