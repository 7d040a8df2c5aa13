package kinesis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	model "drey/model/kinesis"
	"drey/wire"
)

func TestChannelRefusals(t *testing.T) { synctest.Test(t, testChannelRefusals) }

func testChannelRefusals(t *testing.T) {
	s, _, c, ctx := newLake(t)
	create(t, s, ctx, "provisioned", 1)
	createOnDemand(t, s, ctx, "sealed")
	createOnDemand(t, s, ctx, "other")
	c.add(time.Second)
	must[model.StartStreamEncryptionOutput](t)(s.StartStreamEncryption(ctx, &model.StartStreamEncryptionInput{StreamName: new("sealed"), EncryptionType: model.EncryptionTypeKMS, KeyId: new("alias/aws/kinesis")}))
	from := func(stream string) func(*model.CreateChannelInput) {
		return func(in *model.CreateChannelInput) {
			in.StreamConfigurationList[0].StreamARN = new(key{account, "us-east-1", stream}.arn())
		}
	}
	template := func(text string) func(*model.CreateChannelInput) {
		return func(in *model.CreateChannelInput) {
			in.S3DestinationConfiguration.StorageConfiguration.OutputKeyTemplate = &text
		}
	}
	fresh := func(seconds int32) func(*model.CreateChannelInput) {
		return func(in *model.CreateChannelInput) {
			in.S3DestinationConfiguration.DataFreshnessInSeconds = &seconds
		}
	}
	tables := &model.S3TablesDestinationConfiguration{}
	for _, x := range []struct {
		edit    func(*model.CreateChannelInput)
		code    wire.ErrorCode
		message string
	}{
		{func(in *model.CreateChannelInput) {
			in.StreamConfigurationList = slices.Repeat(in.StreamConfigurationList, 2)
		}, model.ValidationException, "exactly one entry"},
		{func(in *model.CreateChannelInput) { in.S3DestinationConfiguration = nil }, model.ValidationException, "not both"},
		{func(in *model.CreateChannelInput) { in.S3TablesDestinationConfiguration = tables }, model.ValidationException, "not both"},
		{func(in *model.CreateChannelInput) {
			in.S3DestinationConfiguration, in.S3TablesDestinationConfiguration = nil, tables
		}, model.InvalidArgumentException, "streaming tables (S3TablesDestinationConfiguration) is not served here"},
		{formatted(model.RecordFormatTypeGSR_JSON), model.InvalidArgumentException, "GSR_JSON is supported only for streaming tables, which are not served here"},
		{func(in *model.CreateChannelInput) {
			in.StreamConfigurationList[0].RecordConfiguration.GSRSchemaARN = new("arn")
		}, model.InvalidArgumentException, "GSRSchemaARN"},
		{func(in *model.CreateChannelInput) {
			in.EncryptionConfiguration = &model.ChannelEncryptionConfiguration{EncryptionType: model.ChannelEncryptionTypeKMS, KeyId: new("alias/mine")}
		}, model.KMSNotFoundException, "EncryptionConfiguration is not served"},
		{func(in *model.CreateChannelInput) {
			in.ServiceExecutionRoleARN = new("arn:aws:iam::210987654321:role/r")
		}, model.InvalidArgumentException, "another account"},
		{func(in *model.CreateChannelInput) {
			in.ServiceExecutionRoleARN = new(strings.Replace(channelRole, "arn:aws:", "arn:aws-cn:", 1))
		}, model.InvalidArgumentException, "partition"},
		{from("missing"), model.ResourceNotFoundException, "missing"},
		{from("provisioned"), model.InvalidArgumentException, "provisioned capacity mode"},
		{from("sealed"), model.InvalidArgumentException, "AWS managed key"},
		{template("a//b"), model.InvalidArgumentException, "OutputKeyTemplate a//b is invalid: it contains consecutive slashes."},
		{func(in *model.CreateChannelInput) {
			compressed(model.S3CompressionTypeGZIP)(in)
			template("x")(in)
		}, model.InvalidArgumentException, "extension placeholder"},
		{fresh(299), model.InvalidArgumentException, "between 300 and 900"},
		{fresh(901), model.InvalidArgumentException, "between 300 and 900"},
		{func(in *model.CreateChannelInput) { in.Tags = map[string]string{"aws:x": ""} }, model.InvalidArgumentException, "reserved"},
	} {
		_, err := s.CreateChannel(ctx, channelInput(x.edit))
		wantError(t, err, x.code, x.message)
	}
	must[model.CreateChannelOutput](t)(s.CreateChannel(ctx, channelInput()))
	_, err := s.CreateChannel(ctx, channelInput())
	wantError(t, err, model.LimitExceededException, "already has 1 channel")
	_, err = s.CreateChannel(ctx, channelInput(from("other")))
	wantError(t, err, model.ResourceInUseException, "Channel to-lake under account "+account+" already exists")
	abroad := wire.WithRequest(ctx, &wire.Request{Account: "210987654321", Region: "us-east-1"})
	_, err = s.CreateChannel(abroad, channelInput(from("other")))
	wantError(t, err, model.InvalidArgumentException, "another account or region")
}

func TestChannelUpdates(t *testing.T) { synctest.Test(t, testChannelUpdates) }

func testChannelUpdates(t *testing.T) {
	s, l, _, ctx := newLake(t)
	d := newChannel(t, s, ctx, func(in *model.CreateChannelInput) { in.LoggingConfiguration = nil })
	if *d.LoggingConfiguration.CloudWatchLogs.Enabled {
		t.Fatal("it logs without being asked")
	}
	arn := *d.ChannelARN
	update := func(in model.UpdateChannelInput) (*model.UpdateChannelOutput, error) {
		in.ChannelARN = &arn
		return s.UpdateChannel(ctx, &in)
	}
	fresh := func(n int32) *model.S3DestinationUpdateInput {
		return &model.S3DestinationUpdateInput{DataFreshnessInSeconds: &n}
	}
	for message, in := range map[string]model.UpdateChannelInput{
		"must be specified":                {},
		"between 300 and 900":              {S3DestinationConfiguration: fresh(1000)},
		"delivers to a general purpose bu": {S3TablesDestinationConfiguration: &model.S3TablesDestinationUpdateInput{}},
	} {
		_, err := update(in)
		wantError(t, err, model.InvalidArgumentException, message)
	}
	_, err := s.UpdateChannel(ctx, &model.UpdateChannelInput{ChannelARN: &ordersARN, S3DestinationConfiguration: fresh(300)})
	wantError(t, err, model.InvalidArgumentException, "not the ARN of a channel")
	out := must[model.UpdateChannelOutput](t)(update(model.UpdateChannelInput{S3DestinationConfiguration: fresh(900), LoggingConfiguration: &model.ChannelLoggingUpdateInput{
		CloudWatchLogs: &model.CloudWatchLogsUpdateInput{Enabled: new(true), LogGroupName: new("mine")},
	}}))
	if log := out.ChannelDescription.LoggingConfiguration.CloudWatchLogs; out.ChannelDescription.ChannelStatus != model.ChannelStatusUPDATING || !*log.Enabled || *log.LogGroupName != "mine" || *log.LogStreamName != "DestinationDelivery" {
		t.Fatalf("%+v", out.ChannelDescription)
	}
	_, err = update(model.UpdateChannelInput{S3DestinationConfiguration: fresh(300)})
	wantError(t, err, model.ResourceInUseException, "not ACTIVE, instead in state UPDATING")
	put(t, s, ctx, "k", numbered(1))
	time.Sleep(890 * time.Second)
	synctest.Wait()
	if objects := l.objects(t); len(objects) > 0 {
		t.Fatal("before its time", objects)
	}
	must[model.UpdateChannelOutput](t)(update(model.UpdateChannelInput{S3DestinationConfiguration: fresh(300)}))
	time.Sleep(2 * time.Second)
	synctest.Wait()
	if got := lines(l.objects(t), ""); !slices.Equal(got, []string{numbered(1)}) {
		t.Fatal(got)
	}
}

// TestChannelMetrics: what CloudWatch is told of a channel.
func TestChannelMetrics(t *testing.T) { synctest.Test(t, testChannelMetrics) }

func testChannelMetrics(t *testing.T) {
	sums := map[string]float64{}
	var label []Dimension
	s, l, _, ctx := newLake(t, func(c *Config) {
		c.Log = slog.New(slog.DiscardHandler)
		c.Metrics = func(_ context.Context, _, _ string, data []Datum) error {
			for _, d := range data {
				if strings.HasPrefix(d.Name, "DeliveryToS3.") {
					sums[d.Name] += d.Sum
					label = d.Dimensions
					if d.Name == "DeliveryToS3.DataFreshness" {
						sums[d.Name] = d.Maximum
					}
				}
			}
			return nil
		}
	})
	d := newChannel(t, s, ctx)
	for _, r := range []string{`{"a":1}`, `{"a":2}`, `{`} {
		put(t, s, ctx, "k", r)
	}
	time.Sleep(7 * time.Minute)
	synctest.Wait()
	want := map[string]float64{"BytesIn": 18, "BytesProcessed": 18, "BytesOut": 16, "RecordCount": 3, "SuccessfulRecordCount": 2, "FailedRecordCount": 1, "DeliverySuccess": 1, "DLQDeliverySuccess": 1, "DataFreshness": 300}
	for name, v := range want {
		if got := sums["DeliveryToS3."+name]; got < v || got > v+1 {
			t.Errorf("%s is %v, want %v", name, got, v)
		}
	}
	clear(sums)
	l.fail(wire.ErrorCode{Code: "SlowDown"}.Errorf("Slow down."))
	put(t, s, ctx, "k", "{}")
	time.Sleep(20 * time.Minute)
	synctest.Wait()
	if age := sums["DeliveryToS3.DataFreshness"]; age < 1000 || sums["DeliveryToS3.DeliverySuccess"] != 0 || sums["DeliveryToS3.RecordCount"] != 0 {
		t.Errorf("while the bucket refuses: %v", sums)
	}
	if !slices.Equal(label, []Dimension{{"ChannelId", *d.ChannelId}, {"ChannelName", "to-lake"}, {"StreamName", "orders"}}) {
		t.Errorf("%v %v", label, sums)
	}
}

// TestChannelOverRetention: records that the stream keeps no longer cannot be delivered, and the owner is told how many.
func TestChannelOverRetention(t *testing.T) { synctest.Test(t, testChannelOverRetention) }

func testChannelOverRetention(t *testing.T) {
	s, l, _, ctx := newLake(t, func(c *Config) { c.Log = slog.New(slog.DiscardHandler) })
	newChannel(t, s, ctx)
	l.fail(wire.ErrorCode{Code: "SlowDown"}.Errorf("Slow down."))
	put(t, s, ctx, "k", numbered(1))
	time.Sleep(time.Hour) // it is sealed
	put(t, s, ctx, "k", numbered(2))
	put(t, s, ctx, "k", numbered(3))
	time.Sleep(23*time.Hour + 30*time.Minute)
	put(t, s, ctx, "k", numbered(4))
	synctest.Wait()
	l.fail(nil)
	time.Sleep(time.Hour)
	synctest.Wait()
	if got := lines(l.objects(t), ""); !slices.Equal(got, []string{numbered(2), numbered(3), numbered(4)}) {
		t.Fatal(got)
	}
	if events := l.told(); !strings.Contains(events[len(events)-1], "Records.Expired: 1 records passed the retention period") {
		t.Fatal(events[len(events)-1])
	}
}

// TestChannelsWithoutS3 are refused.
func TestChannelsWithoutS3(t *testing.T) {
	s, _, ctx := newQueues(t)
	_, err := s.CreateChannel(ctx, channelInput())
	wantError(t, err, model.InvalidArgumentException, "this server has no S3")
}

func TestChannelAccess(t *testing.T) { synctest.Test(t, testChannelAccess) }

func testChannelAccess(t *testing.T) {
	s, _, _, ctx := newLake(t)
	in := channelInput(func(in *model.CreateChannelInput) { in.Tags = map[string]string{"team": "x"} })
	told := func(op string, in any) (out []string) {
		t.Helper()
		need, err := s.Access(ctx, op, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range need {
			out = append(out, fmt.Sprint(a.Action, " ", a.Resource, " ", a.Conditions))
		}
		return out
	}
	all := "arn:aws:kinesis:us-east-1:" + account + ":"
	if got, want := told("CreateChannel", in), []string{
		"kinesis:CreateChannel " + ordersARN + " map[]", "kinesis:AssociateStreamsWithChannel " + ordersARN + " map[]",
		"iam:PassRole " + channelRole + " map[iam:PassedToService:[kinesis.amazonaws.com]]", "kinesis:TagResource " + all + "channel/* map[]",
	}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	if got, want := told("ListChannels", &model.ListChannelsInput{}), []string{"kinesis:ListChannels " + all + "stream/* map[]"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	arn := newChannel(t, s, ctx, func(in *model.CreateChannelInput) { in.Tags = map[string]string{"team": "x"} }).ChannelARN
	for op, in := range map[string]any{
		"DescribeChannel": &model.DescribeChannelInput{ChannelARN: arn}, "UpdateChannel": &model.UpdateChannelInput{ChannelARN: arn},
		"DeleteChannel": &model.DeleteChannelInput{ChannelARN: arn}, "TagResource": &model.TagResourceInput{ResourceARN: arn},
	} {
		if got, want := told(op, in), []string{"kinesis:" + op + " " + *arn + " map[aws:ResourceTag/team:[x]]"}; !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	if _, err := s.Access(ctx, "DeleteChannel", &model.DeleteChannelInput{ChannelARN: new(strings.Replace(*arn, "arn:aws:", "arn:aws-cn:", 1))}); err == nil {
		t.Fatal("an ARN of another partition would slip past a policy")
	}
	_, err := s.PutResourcePolicy(ctx, &model.PutResourcePolicyInput{ResourceARN: arn, Policy: new("{}")})
	wantError(t, err, model.InvalidArgumentException, "has no resource policy")
	_, err = s.DeleteResourcePolicy(ctx, &model.DeleteResourcePolicyInput{ResourceARN: arn})
	wantError(t, err, model.ResourceNotFoundException, "No resource policy")
}

// TestSDKChannels is AWS's own SDK before the five operations, with the limits of calls.
func TestSDKChannels(t *testing.T) {
	var l *lake
	ctx, c := t.Context(), strictClient(t, func(cfg *Config) {
		var err error
		if l, err = openLake(cfg.DB, filepath.Dir(cfg.Dir)); err != nil {
			t.Fatal(err)
		}
		cfg.Destinations = l
	})
	made := map[string]*types.ChannelDescription{}
	for _, name := range []string{"beta", "alpha"} {
		if _, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}}); err != nil {
			t.Fatal(err)
		}
		d := active(t, c, &name)
		out, err := c.CreateChannel(ctx, &kinesis.CreateChannelInput{
			ChannelName: &name, ServiceExecutionRoleARN: aws.String(channelRole), Tags: map[string]string{"team": name},
			StreamConfigurationList: []types.ChannelStreamConfiguration{{StreamARN: d.StreamARN, RecordConfiguration: &types.RecordConfiguration{RecordFormatType: types.RecordFormatTypeString}}},
			S3DestinationConfiguration: &types.S3DestinationConfiguration{StorageConfiguration: &types.S3StorageConfiguration{
				BucketARN: aws.String("arn:aws:s3:::lake"), ExpectedBucketOwner: aws.String(account), CompressionType: types.S3CompressionTypeZstd,
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		made[name] = out.ChannelDescription
	}
	page, err := c.ListChannels(ctx, &kinesis.ListChannelsInput{MaxResults: aws.Int32(1)})
	if err != nil || len(page.ChannelSummaries) != 1 || *page.ChannelSummaries[0].ChannelName != "alpha" || page.ChannelSummaries[0].ChannelDestinationType != types.ChannelDestinationTypeS3 {
		t.Fatal(page, err)
	}
	page, err = c.ListChannels(ctx, &kinesis.ListChannelsInput{NextToken: page.NextToken})
	if err != nil || len(page.ChannelSummaries) != 1 || *page.ChannelSummaries[0].ChannelName != "beta" || page.NextToken != nil {
		t.Fatal(page, err)
	}
	stream := made["beta"].StreamConfigurationList[0]
	page, err = c.ListChannels(ctx, &kinesis.ListChannelsInput{StreamFilter: []types.StreamFilter{{StreamARN: stream.StreamARN, StreamCreationTimestamp: stream.StreamCreationTimestamp}}})
	if err != nil || len(page.ChannelSummaries) != 1 || *page.ChannelSummaries[0].ChannelARN != *made["beta"].ChannelARN {
		t.Fatal(page, err)
	}
	tags, err := c.ListTagsForResource(ctx, &kinesis.ListTagsForResourceInput{ResourceARN: made["alpha"].ChannelARN})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "alpha" {
		t.Fatal(tags, err)
	}
	for {
		d, err := c.DescribeChannel(ctx, &kinesis.DescribeChannelInput{ChannelARN: made["alpha"].ChannelARN})
		if err != nil {
			t.Fatal(err)
		}
		if d.ChannelDescription.ChannelStatus == types.ChannelStatusActive {
			break
		}
		time.Sleep(250 * time.Millisecond) // within the limit of calls
	}
	updated, err := c.UpdateChannel(ctx, &kinesis.UpdateChannelInput{ChannelARN: made["alpha"].ChannelARN, S3DestinationConfiguration: &types.S3DestinationUpdateInput{DataFreshnessInSeconds: aws.Int32(600)}})
	if err != nil || *updated.ChannelDescription.S3DestinationConfiguration.DataFreshnessInSeconds != 600 {
		t.Fatal(updated, err)
	}
	if _, err := c.DeleteChannel(ctx, &kinesis.DeleteChannelInput{ChannelARN: made["beta"].ChannelARN}); err != nil {
		t.Fatal(err)
	}
	var limit *types.LimitExceededException
	for range 6 {
		_, err = c.ListChannels(ctx, &kinesis.ListChannelsInput{})
	}
	if !errors.As(err, &limit) {
		t.Fatal(err)
	}
}
