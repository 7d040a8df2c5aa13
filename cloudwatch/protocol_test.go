package cloudwatch_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"drey/cloudwatch"
	"drey/edge/edgetest"
	model "drey/model/cloudwatch"
	"drey/store/sql"
	"drey/wire"
)

func serve(t *testing.T) string {
	t.Helper()
	s := opened(t, cloudwatch.Config{})
	return edgetest.Serve(t, wire.NewService(model.Model, model.Ops(s), s.Access))
}

// opened is a service in a directory of its own.
func opened(t *testing.T, c cloudwatch.Config) *cloudwatch.Service {
	t.Helper()
	dir := t.TempDir()
	db, err := sql.Open(filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	c.DB, c.Dir = db, filepath.Join(dir, "metrics")
	s, err := cloudwatch.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func client(t *testing.T, at string) *sdk.Client {
	t.Helper()
	return sdk.New(sdk.Options{
		BaseEndpoint: &at, Region: edgetest.Region, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(edgetest.AccessKeyID, edgetest.SecretAccessKey, ""),
	})
}

// TestSDK speaks CBOR, as the newest SDKs do.
func TestSDK(t *testing.T) {
	c := client(t, serve(t))
	at := time.Now().Add(-time.Minute).Truncate(time.Minute)
	dimensions := []types.Dimension{{Name: aws.String("Application"), Value: aws.String("order-processor")}}
	_, err := c.PutMetricData(t.Context(), &sdk.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: []types.MetricDatum{
		{MetricName: aws.String("orders"), Dimensions: dimensions, Timestamp: &at, Values: []float64{1, 4}, Counts: []float64{2, 1}, Unit: types.StandardUnitCount},
	}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.GetMetricStatistics(t.Context(), &sdk.GetMetricStatisticsInput{
		Namespace: aws.String("Shop"), MetricName: aws.String("orders"), Dimensions: dimensions, StartTime: &at, EndTime: aws.Time(at.Add(time.Hour)), Period: aws.Int32(60),
		Statistics: []types.Statistic{types.StatisticAverage, types.StatisticMaximum},
	})
	if err != nil || len(out.Datapoints) != 1 || *out.Datapoints[0].Average != 2 || *out.Datapoints[0].Maximum != 4 || !out.Datapoints[0].Timestamp.Equal(at) {
		t.Fatalf("statistics %+v, %v", out, err)
	}
	data, err := c.GetMetricData(t.Context(), &sdk.GetMetricDataInput{StartTime: &at, EndTime: aws.Time(at.Add(time.Hour)), MetricDataQueries: []types.MetricDataQuery{{
		Id: aws.String("m1"), MetricStat: &types.MetricStat{Metric: &types.Metric{Namespace: aws.String("Shop"), MetricName: aws.String("orders"), Dimensions: dimensions}, Period: aws.Int32(60), Stat: aws.String("p50")},
	}}})
	if err != nil || len(data.MetricDataResults) != 1 || data.MetricDataResults[0].Values[0] != 1 || !data.MetricDataResults[0].Timestamps[0].Equal(at) {
		t.Fatalf("data %+v, %v", data, err)
	}
	listed, err := c.ListMetrics(t.Context(), &sdk.ListMetricsInput{Namespace: aws.String("Shop")})
	if err != nil || len(listed.Metrics) != 1 || *listed.Metrics[0].Dimensions[0].Value != "order-processor" {
		t.Fatalf("list %+v, %v", listed, err)
	}
	_, err = c.PutMetricData(t.Context(), &sdk.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: []types.MetricDatum{{MetricName: aws.String("orders"), Timestamp: aws.Time(at.Add(-400 * time.Hour)), Value: aws.Float64(1)}}})
	if e := smithy.APIError(nil); !errors.As(err, &e) || e.ErrorCode() != "InvalidParameterValue" || !strings.Contains(e.ErrorMessage(), "MetricData.member.1.Timestamp must specify a time within the past two weeks.") {
		t.Errorf("old point: %v", err)
	}
}

// post signs and sends a body, and gives the answer.
func post(t *testing.T, to string, header map[string]string, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	sum := sha256.Sum256([]byte(body))
	key := aws.Credentials{AccessKeyID: edgetest.AccessKeyID, SecretAccessKey: edgetest.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(context.Background(), key, r, hex.EncodeToString(sum[:]), "monitoring", edgetest.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// TestQuery speaks as the Kinesis Producer Library and older SDKs do.
func TestQuery(t *testing.T) {
	at := serve(t)
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
	when := time.Now().UTC().Truncate(time.Minute)
	put := url.Values{
		"Action": {"PutMetricData"}, "Version": {"2010-08-01"}, "Namespace": {"Shop"},
		"MetricData.member.1.MetricName": {"orders"}, "MetricData.member.1.Unit": {"Count"}, "MetricData.member.1.Timestamp": {when.Format(time.RFC3339)},
		"MetricData.member.1.Dimensions.member.1.Name": {"Application"}, "MetricData.member.1.Dimensions.member.1.Value": {"order-processor"},
		"MetricData.member.1.StatisticValues.SampleCount": {"2"}, "MetricData.member.1.StatisticValues.Sum": {"5"},
		"MetricData.member.1.StatisticValues.Minimum": {"1"}, "MetricData.member.1.StatisticValues.Maximum": {"4"},
	}
	if status, answer := post(t, at, form, put.Encode()); status != 200 || !strings.Contains(answer, "<PutMetricDataResponse") {
		t.Fatalf("put: %d %s", status, answer)
	}
	get := url.Values{
		"Action": {"GetMetricStatistics"}, "Version": {"2010-08-01"}, "Namespace": {"Shop"}, "MetricName": {"orders"}, "Period": {"60"},
		"Dimensions.member.1.Name": {"Application"}, "Dimensions.member.1.Value": {"order-processor"}, "Statistics.member.1": {"Average"}, "Statistics.member.2": {"Maximum"},
		"StartTime": {when.Add(-time.Minute).Format(time.RFC3339)}, "EndTime": {when.Add(time.Minute).Format(time.RFC3339)},
	}
	status, answer := post(t, at, form, get.Encode())
	for _, want := range []string{"<Average>2.5</Average>", "<Maximum>4", "<Timestamp>" + when.Format(time.RFC3339), "<Unit>Count</Unit>", "<Label>orders</Label>"} {
		if status != 200 || !strings.Contains(answer, want) {
			t.Errorf("no %s in %d %s", want, status, answer)
		}
	}
	get.Set("Period", "61")
	if status, answer := post(t, at, form, get.Encode()); status != 400 || !strings.Contains(answer, "<Code>InvalidParameterValue</Code>") {
		t.Errorf("bad period: %d %s", status, answer)
	}
}

func TestJSON(t *testing.T) {
	at := serve(t)
	call := func(op, body string) (int, string) {
		return post(t, at, map[string]string{"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "GraniteServiceVersion20100801." + op}, body)
	}
	if status, answer := call("PutMetricData", `{"Namespace":"Shop","MetricData":[{"MetricName":"orders","Value":3}]}`); status != 200 {
		t.Fatalf("put: %d %s", status, answer)
	}
	if status, answer := call("ListMetrics", `{"Namespace":"Shop"}`); status != 200 || !strings.Contains(answer, `"MetricName":"orders"`) {
		t.Errorf("list: %d %s", status, answer)
	}
	if status, answer := call("PutMetricData", `{"Namespace":"Shop","MetricData":[{"MetricName":"orders","Value":"NaN"}]}`); status != 400 || !strings.Contains(answer, "The value NaN for parameter MetricData.member.1.Value is invalid.") {
		t.Errorf("NaN: %d %s", status, answer)
	}
}
