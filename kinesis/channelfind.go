package kinesis

import (
	"context"

	model "drey/model/kinesis"
)

func errNoChannel(t target) error {
	return model.ResourceNotFoundException.Errorf("Channel %s not found.", channelARN(t.stream.Account, t.stream.Region, t.channel))
}

// channelTarget reads the ARN of a channel.
func channelTarget(arn string) (target, error) {
	t, err := parseTarget(arn)
	if err == nil && t.channel == "" {
		err = model.InvalidArgumentException.Errorf("%s is not the ARN of a channel.", arn)
	}
	return t, err
}

// channelByTarget gives a channel and its stream. The channel must not be changed.
func (s *Service) channelByTarget(t target) (*stream, *channel, error) {
	for _, st := range s.all() {
		if st.key.Account != t.stream.Account || st.key.Region != t.stream.Region {
			continue
		}
		if c := st.load().channel(t.channel); c != nil && !c.gone(s.Now()) {
			return st, c, nil
		}
	}
	return nil, nil, errNoChannel(t)
}

// changeChannel stores what edit makes of a channel.
func (s *Service) changeChannel(ctx context.Context, t target, edit func(*stream, *document, *channel) error) error {
	st, _, err := s.channelByTarget(t)
	if err != nil {
		return err
	}
	return s.change(ctx, st, func(d *document) error {
		c := d.channel(t.channel)
		if c == nil || c.gone(s.Now()) {
			return errNoChannel(t)
		}
		return edit(st, d, c)
	})
}

// channelCount counts the channels of k's account and region.
func (s *Service) channelCount(k key) (n int) {
	for _, st := range s.all() {
		if st.key.Account == k.Account && st.key.Region == k.Region {
			n += len(st.load().channels(s.Now()))
		}
	}
	return n
}

// ListChannels lists the caller's channels by name, those of the streams in StreamFilter or all, 100 at a time unless
// MaxResults says less.
func (s *Service) ListChannels(ctx context.Context, in *model.ListChannelsInput) (*model.ListChannelsOutput, error) {
	now, all := s.Now(), []model.ChannelSummary{}
	for st, x := range callersStreams(ctx, s, in.StreamFilter) {
		for _, c := range x.channels(now) {
			all = append(all, c.summary(st.key, &x.document, now))
		}
	}
	page, next, err := cutPage(s, channelsToken, all, func(c model.ChannelSummary) string { return *c.ChannelName }, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &model.ListChannelsOutput{ChannelSummaries: page, NextToken: next}, nil
}
