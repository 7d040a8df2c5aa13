package kinesis

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"drey/kinesis/parcel"
	model "drey/model/kinesis"
	"drey/wire"
)

// CreateChannel makes a channel from an on-demand stream of the caller's account and region to a bucket. It is CREATING until
// its role and its buckets have been looked at, and then ACTIVE or FAILED.
func (s *Service) CreateChannel(ctx context.Context, in *model.CreateChannelInput) (*model.CreateChannelOutput, error) {
	if err := s.checkServed(in); err != nil {
		return nil, err
	}
	source := in.StreamConfigurationList[0]
	st, _, err := s.findReady(ctx, reference{arn: source.StreamARN})
	if err != nil {
		return nil, err
	}
	if r := wire.FromContext(ctx); st.key.Account != r.Account || st.key.Region != r.Region {
		return nil, model.InvalidArgumentException.Errorf("Stream %s is of another account or region than the channel would be.", *source.StreamARN)
	}
	made, err := s.newChannel(st.key, in)
	if err != nil {
		return nil, err
	}
	s.birth.Lock() // so that no other channel takes the name
	defer s.birth.Unlock()
	var out *model.ChannelDescription
	err = s.change(ctx, st, func(d *document) error {
		now := s.Now()
		if err := s.roomForChannel(st.key, d, made.Name, now); err != nil {
			return err
		}
		made.Created = now
		d.Channels = append(d.channels(now), made)
		out = made.describe(st.key, d, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.carriers.start(s.newCarrier(st, made.ID))
	return &model.CreateChannelOutput{ChannelDescription: out}, nil
}

// checkServed refuses what is wrong with the form of a request, and what AWS serves and this service does not.
func (s *Service) checkServed(in *model.CreateChannelInput) error {
	switch tables := in.S3TablesDestinationConfiguration != nil; {
	case len(in.StreamConfigurationList) != 1:
		return model.ValidationException.Errorf("StreamConfigurationList must contain exactly one entry.")
	case tables == (in.S3DestinationConfiguration != nil):
		return model.ValidationException.Errorf("Either S3DestinationConfiguration or S3TablesDestinationConfiguration must be specified, but not both.")
	case tables:
		return model.InvalidArgumentException.Errorf("Delivery to streaming tables (S3TablesDestinationConfiguration) is not served here: there are no S3 Tables. Deliver to a general purpose bucket with S3DestinationConfiguration.")
	case in.EncryptionConfiguration != nil:
		return model.KMSNotFoundException.Errorf("The key %s does not exist: there is no KMS here, so EncryptionConfiguration is not served.", *in.EncryptionConfiguration.KeyId)
	case s.Destinations == nil:
		return model.InvalidArgumentException.Errorf("Channels are not served here: this server has no S3.")
	}
	c := in.StreamConfigurationList[0].RecordConfiguration
	switch {
	case c.RecordFormatType == model.RecordFormatTypeGSR_JSON:
		return model.InvalidArgumentException.Errorf("RecordFormatType GSR_JSON is supported only for streaming tables, which are not served here.")
	case c.GSRSchemaARN != nil:
		return model.InvalidArgumentException.Errorf("GSRSchemaARN is supported only for streaming tables, which are not served here.")
	}
	return nil
}

// roomForChannel refuses a channel that may not be.
func (s *Service) roomForChannel(k key, d *document, name string, now time.Time) error {
	switch {
	case d.Gone != nil:
		return errNotActive(k, d.status(now))
	case d.Mode != model.StreamModeON_DEMAND:
		return model.InvalidArgumentException.Errorf("Stream %s under account %s has the provisioned capacity mode. Channels are only for streams with the on-demand capacity mode.", k.Name, k.Account)
	case d.Encryption == model.EncryptionTypeKMS && strings.HasSuffix(d.KeyID, "alias/aws/kinesis"):
		return model.InvalidArgumentException.Errorf("Stream %s under account %s is encrypted with the AWS managed key, which channels do not support.", k.Name, k.Account)
	case len(d.channels(now)) >= channelsToS3:
		return model.LimitExceededException.Errorf("Stream %s under account %s already has %d channel to a general purpose bucket, which is the limit.", k.Name, k.Account, channelsToS3)
	}
	for _, st := range s.all() {
		if st.key.Account != k.Account || st.key.Region != k.Region {
			continue
		}
		if slices.ContainsFunc(st.load().channels(now), func(c channel) bool { return c.Name == name }) {
			return model.ResourceInUseException.Errorf("Channel %s under account %s already exists.", name, k.Account)
		}
	}
	return nil
}

// newChannel is what the request asks for, with the defaults of what it leaves open.
func (s *Service) newChannel(k key, in *model.CreateChannelInput) (c channel, err error) {
	to := in.S3DestinationConfiguration
	c = channel{
		ID: strings.ToLower(rand.Text()), Name: *in.ChannelName, Role: *in.ServiceExecutionRoleARN, Freshness: minFreshness,
		Format: in.StreamConfigurationList[0].RecordConfiguration.RecordFormatType, Storage: *to.StorageConfiguration, Tags: in.Tags,
	}
	if !strings.HasPrefix(c.Role, "arn:aws:iam::"+k.Account+":") {
		return c, model.InvalidArgumentException.Errorf("ServiceExecutionRoleARN %s is of another account or partition than the channel would be.", c.Role)
	}
	if c.Storage.StorageClass == "" {
		c.Storage.StorageClass = model.S3StorageClassSTANDARD
	}
	if c.Storage.OutputKeyTemplate == nil {
		c.Storage.OutputKeyTemplate = new(parcel.DefaultTemplate)
	}
	template, wrong := c.template()
	if wrong == nil {
		wrong = template.Check(c.names(k))
	}
	if wrong != nil {
		return c, model.InvalidArgumentException.Errorf("OutputKeyTemplate %s is invalid: %s.", *c.Storage.OutputKeyTemplate, wrong)
	}
	c.Letters = model.DeadLetterQueueS3Configuration{BucketARN: c.Storage.BucketARN, ExpectedBucketOwner: c.Storage.ExpectedBucketOwner}
	if to.DeadLetterQueueS3Configuration != nil {
		c.Letters = *to.DeadLetterQueueS3Configuration
	}
	if c.Letters.ErrorOutputPrefix == nil {
		c.Letters.ErrorOutputPrefix = new(parcel.DefaultErrorPrefix(c.names(k)))
	}
	c.Log = channelLog{Group: "/aws/kinesis/" + c.Name + "/" + c.ID, Stream: channelLogStream}
	if in.LoggingConfiguration != nil {
		l := in.LoggingConfiguration.CloudWatchLogs
		c.Log.set(l.Enabled, l.LogGroupName, l.LogStreamName)
	}
	if err := checkTags(key{Account: k.Account}, c.Tags, len(c.Tags)); err != nil {
		return c, err
	}
	return c, c.refresh(to.DataFreshnessInSeconds)
}

// set changes what is given.
func (l *channelLog) set(enabled *bool, group, stream *string) {
	l.Enabled = *enabled
	if group != nil {
		l.Group = *group
	}
	if stream != nil {
		l.Stream = *stream
	}
}

// refresh sets the data freshness, if it is given.
func (c *channel) refresh(seconds *int32) error {
	if seconds == nil {
		return nil
	}
	if *seconds < minFreshness || *seconds > maxFreshness {
		return model.InvalidArgumentException.Errorf("DataFreshnessInSeconds must be between %d and %d.", minFreshness, maxFreshness)
	}
	c.Freshness = *seconds
	return nil
}

// UpdateChannel changes the data freshness or the logging of an ACTIVE channel.
func (s *Service) UpdateChannel(ctx context.Context, in *model.UpdateChannelInput) (*model.UpdateChannelOutput, error) {
	t, err := channelTarget(*in.ChannelARN)
	if err != nil {
		return nil, err
	}
	var out *model.ChannelDescription
	err = s.changeChannel(ctx, t, func(st *stream, d *document, c *channel) error {
		now := s.Now()
		if status := c.status(now); status != model.ChannelStatusACTIVE {
			return model.ResourceInUseException.Errorf("Channel %s is not ACTIVE, instead in state %s.", *in.ChannelARN, status)
		}
		switch {
		case in.S3TablesDestinationConfiguration != nil:
			return model.InvalidArgumentException.Errorf("Channel %s delivers to a general purpose bucket: S3TablesDestinationConfiguration cannot be updated.", *in.ChannelARN)
		case in.S3DestinationConfiguration == nil && in.LoggingConfiguration == nil:
			return model.InvalidArgumentException.Errorf("S3DestinationConfiguration or LoggingConfiguration must be specified.")
		}
		if in.S3DestinationConfiguration != nil {
			if err := c.refresh(in.S3DestinationConfiguration.DataFreshnessInSeconds); err != nil {
				return err
			}
		}
		if in.LoggingConfiguration != nil {
			l := in.LoggingConfiguration.CloudWatchLogs
			c.Log.set(l.Enabled, l.LogGroupName, l.LogStreamName)
		}
		c.Updated = now.Add(updating)
		out = c.describe(st.key, d, now)
		return nil
	})
	return &model.UpdateChannelOutput{ChannelDescription: out}, err
}

// DeleteChannel begins the end of a channel. What it has not delivered yet, it does not deliver.
func (s *Service) DeleteChannel(ctx context.Context, in *model.DeleteChannelInput) (*model.DeleteChannelOutput, error) {
	t, err := channelTarget(*in.ChannelARN)
	if err != nil {
		return nil, err
	}
	err = s.changeChannel(ctx, t, func(_ *stream, _ *document, c *channel) error {
		if c.Gone == nil {
			c.Gone = new(s.Now().Add(deletion))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.carriers.cancel(t.channel)
	return &model.DeleteChannelOutput{}, nil
}

// DescribeChannel tells of a channel.
func (s *Service) DescribeChannel(_ context.Context, in *model.DescribeChannelInput) (*model.DescribeChannelOutput, error) {
	t, err := channelTarget(*in.ChannelARN)
	if err != nil {
		return nil, err
	}
	st, c, err := s.channelByTarget(t)
	if err != nil {
		return nil, err
	}
	return &model.DescribeChannelOutput{ChannelDescription: c.describe(st.key, &st.load().document, s.Now())}, nil
}
