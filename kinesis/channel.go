package kinesis

import (
	"slices"
	"strings"
	"time"

	"drey/kinesis/parcel"
	model "drey/model/kinesis"
)

// Channels ("Delivery quotas and limits" and "Data delivery concepts" in the developer guide).
const (
	minFreshness     = 300 // seconds
	maxFreshness     = 900
	channelsToS3     = 1 // of a stream
	channelLimit     = 2 * onDemandLimit
	channelLogStream = "DestinationDelivery"
)

// ServicePrincipal is who assumes the roles of channels.
const ServicePrincipal = "kinesis.amazonaws.com"

// channel carries the records of a stream to a bucket. How far it has come is stored apart, in its progress.
type channel struct {
	ID        string // the end of its ARN
	Name      string
	Created   time.Time
	Active    *time.Time // nil: it is CREATING, until its destination has been checked
	Updated   time.Time  // UPDATING before
	Gone      *time.Time // DELETING before, nothing after
	Failed    string     // why it is FAILED; "" = it is not
	Role      string
	Format    model.RecordFormatType
	Freshness int32 // seconds
	Storage   model.S3StorageConfiguration
	Letters   model.DeadLetterQueueS3Configuration
	Log       channelLog
	Tags      map[string]string
}

// channelLog is where a channel tells what goes wrong.
type channelLog struct {
	Enabled       bool
	Group, Stream string
}

func channelARN(account, region, id string) string {
	return "arn:aws:kinesis:" + region + ":" + account + ":channel/" + id
}

func (c *channel) arn(k key) string { return channelARN(k.Account, k.Region, c.ID) }

func (c *channel) gone(now time.Time) bool { return c.Gone != nil && !now.Before(*c.Gone) }

func (c *channel) status(now time.Time) model.ChannelStatus {
	switch {
	case c.Gone != nil:
		return model.ChannelStatusDELETING
	case c.Failed != "":
		return model.ChannelStatusFAILED
	case c.Active == nil:
		return model.ChannelStatusCREATING
	case now.Before(c.Updated):
		return model.ChannelStatusUPDATING
	default:
		return model.ChannelStatusACTIVE
	}
}

// channels are those that exist at now.
func (d *document) channels(now time.Time) []channel {
	return slices.DeleteFunc(slices.Clone(d.Channels), func(c channel) bool { return c.gone(now) })
}

// channel finds one by its id; nil if there is none.
func (d *document) channel(id string) *channel {
	i := slices.IndexFunc(d.Channels, func(c channel) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return &d.Channels[i]
}

func (c *channel) names(k key) parcel.Names {
	return parcel.Names{Channel: c.Name, ChannelID: c.ID, Stream: k.Name}
}

func (c *channel) compression() parcel.Compression {
	return parcel.Compression(c.Storage.CompressionType)
}

// template is the key template, which was checked when the channel was made.
func (c *channel) template() (parcel.Template, error) {
	return parcel.ParseTemplate(*c.Storage.OutputKeyTemplate, c.compression())
}

// bucketOf is the name of the bucket with the ARN.
func bucketOf(arn *string) string { return (*arn)[strings.LastIndex(*arn, ":")+1:] }

// carrier is the channel as its destination sees it.
func (c *channel) carrier(k key) Carrier {
	return Carrier{Account: k.Account, Region: k.Region, Role: c.Role, ARN: c.arn(k)}
}

func (c *channel) describe(k key, d *document, now time.Time) *model.ChannelDescription {
	return &model.ChannelDescription{
		ChannelName: &c.Name, ChannelARN: new(c.arn(k)), ChannelId: &c.ID, ChannelStatus: c.status(now), ChannelStatusReason: orNil(c.Failed),
		ChannelCreationTimestamp: &c.Created, ServiceExecutionRoleARN: &c.Role,
		StreamConfigurationList: []model.ChannelStreamDescription{{
			StreamARN: new(k.arn()), StreamCreationTimestamp: &d.Created, RecordConfiguration: &model.RecordConfiguration{RecordFormatType: c.Format},
		}},
		S3DestinationConfiguration: &model.S3DestinationDescription{
			DataFreshnessInSeconds: &c.Freshness, StorageConfiguration: &c.Storage, DeadLetterQueueS3Configuration: &c.Letters,
		},
		LoggingConfiguration: &model.ChannelLoggingConfiguration{CloudWatchLogs: &model.CloudWatchLogs{
			Enabled: &c.Log.Enabled, LogGroupName: &c.Log.Group, LogStreamName: &c.Log.Stream,
		}},
	}
}

func (c *channel) summary(k key, d *document, now time.Time) model.ChannelSummary {
	return model.ChannelSummary{
		ChannelName: &c.Name, ChannelARN: new(c.arn(k)), ChannelId: &c.ID, ChannelStatus: c.status(now), ChannelStatusReason: orNil(c.Failed),
		ChannelCreationTimestamp: &c.Created, ChannelDestinationType: model.ChannelDestinationTypeS3,
		Streams: []model.ChannelStreamIdentifier{{StreamARN: new(k.arn()), StreamCreationTimestamp: &d.Created}},
	}
}
