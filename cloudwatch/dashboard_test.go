package cloudwatch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
)

const dashboardBody = `{"start":"-PT3H","widgets":[
	{"type":"metric","x":0,"y":0,"width":12,"height":6,"properties":{"region":"us-east-1","title":"Uptime","view":"timeSeries","stat":"Average","period":60,
		"metrics":[["AWS/KinesisAnalytics","uptime","Application","order-processor"],["...","other",{"label":"o"}],[".","downtime",".","."],[{"expression":"RATE(m1)","id":"e1"}]]}},
	{"type":"text","x":12,"y":0,"properties":{"markdown":"# Orders"}},
	{"type":"log","properties":{"region":"us-east-1","query":"SOURCE 'x' | fields @message"}},
	{"type":"alarm","properties":{"alarms":["arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"]}}]}`

func TestDashboards(t *testing.T) {
	c := client(t, serve(t))
	put := func(name, body string) (*sdk.PutDashboardOutput, error) {
		return c.PutDashboard(t.Context(), &sdk.PutDashboardInput{DashboardName: &name, DashboardBody: &body})
	}
	if out, err := put("orders", dashboardBody); err != nil || len(out.DashboardValidationMessages) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err := put("other", `{"widgets":[],"colour":"red"}`); err != nil || len(out.DashboardValidationMessages) != 1 || *out.DashboardValidationMessages[0].DataPath != "/colour" {
		t.Fatalf("%+v, %v", out, err)
	}
	got, err := c.GetDashboard(t.Context(), &sdk.GetDashboardInput{DashboardName: aws.String("orders")})
	if err != nil || *got.DashboardBody != dashboardBody || *got.DashboardArn != "arn:aws:cloudwatch::123456789012:dashboard/orders" {
		t.Errorf("%+v, %v", got, err)
	}
	list, err := c.ListDashboards(t.Context(), &sdk.ListDashboardsInput{DashboardNamePrefix: aws.String("ord")})
	if err != nil || len(list.DashboardEntries) != 1 || *list.DashboardEntries[0].Size != int64(len(dashboardBody)) || list.DashboardEntries[0].LastModified == nil {
		t.Errorf("%+v, %v", list, err)
	}
	del := func(names ...string) error {
		_, err := c.DeleteDashboards(t.Context(), &sdk.DeleteDashboardsInput{DashboardNames: names})
		return err
	}
	refused(t, del("orders", "nobody"), "ResourceNotFound", "Dashboard nobody does not exist")
	refused(t, del(make([]string, 101)...), "InvalidParameterValue", "DashboardNames")
	if err := del("orders", "other"); err != nil {
		t.Error(err)
	}
	_, err = c.GetDashboard(t.Context(), &sdk.GetDashboardInput{DashboardName: aws.String("orders")})
	refused(t, err, "ResourceNotFound", "Dashboard orders does not exist")
	_, err = put("no name", `{"widgets":[]}`)
	refused(t, err, "InvalidParameterInput", "can only contain alphanumerics, dash (-) and underscore (_)")
}

func TestDashboardsThatAreWrong(t *testing.T) {
	c := client(t, serve(t))
	widget := func(w string) string { return `{"widgets":[` + w + `]}` }
	metrics := func(m string) string {
		return widget(`{"type":"metric","properties":{"region":"us-east-1","metrics":[` + m + `]}}`)
	}
	for body, want := range map[string]string{
		`[]`:                                     "not a valid JSON object",
		`{"widgets":`:                            "not a valid JSON object",
		`{}`:                                     "Should have required property 'widgets'",
		`{"widgets":{}}`:                         "Should be array",
		`{"widgets":[],"end":"P0D"}`:             "Should have required property 'start'",
		`{"widgets":[],"periodOverride":"x"}`:    "/periodOverride",
		widget(`1`):                              "/widgets/0",
		widget(`{"properties":{}}`):              "Should have required property 'type'",
		widget(`{"type":"pie","properties":{}}`): "/widgets/0/type",
		widget(`{"type":"text"}`):                "Should have required property 'properties'",
		widget(`{"type":"text","properties":{}}`):                                       "Should have required property 'markdown'",
		widget(`{"type":"text","x":24,"y":0,"properties":{"markdown":"x"}}`):            "/widgets/0/x",
		widget(`{"type":"text","width":0,"properties":{"markdown":"x"}}`):               "Should be \\u003e= 1",
		widget(`{"type":"text","height":1.5,"properties":{"markdown":"x"}}`):            "Should be integer",
		widget(`{"type":"text","x":1,"properties":{"markdown":"x"}}`):                   "'x' and 'y'",
		widget(`{"type":"alarm","properties":{"alarms":[]}}`):                           "/widgets/0/properties/alarms",
		widget(`{"type":"metric","properties":{"metrics":[]}}`):                         "Should have required property 'region'",
		widget(`{"type":"metric","properties":{"region":"x"}}`):                         "Should have required property 'metrics'",
		widget(`{"type":"metric","properties":{"region":"x","metrics":[],"view":"x"}}`): "/widgets/0/properties/view",
		metrics(`[]`):              "Should NOT have fewer than 1 items",
		metrics(`["N"]`):           "Should NOT have fewer than 2 items",
		metrics(`["N","m","D"]`):   "/widgets/0/properties/metrics/0",
		metrics(`["N","m",1,"x"]`): "/widgets/0/properties/metrics/0/2",
		metrics(`[{"id":"e1"}]`):   "Should have required property 'expression'",
		widget(strings.TrimSuffix(strings.Repeat(`{"type":"text","properties":{"markdown":"x"}},`, 501), ",")): "Should NOT have more than 500 items",
	} {
		_, err := c.PutDashboard(t.Context(), &sdk.PutDashboardInput{DashboardName: aws.String("x"), DashboardBody: &body})
		t.Run(fmt.Sprintf("%.60s", body), func(t *testing.T) { refused(t, err, "InvalidParameterInput", want) })
	}
}
