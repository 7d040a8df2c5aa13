package kinesis

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"drey/wire"
)

// notice is what a channel tells in its log stream.
type notice struct {
	ChannelARN   string `json:"channelARN"`
	Destination  string `json:"destination"` // ARN of the bucket
	ErrorCode    string `json:"errorCode"`
	ErrorMessage string `json:"errorMessage"`
}

// tell writes to the log stream of the channel, if its owner wants it. That this fails stops no delivery.
func (c *carrier) tell(ctx context.Context, ch *channel, code, message string) {
	if !ch.Log.Enabled {
		return
	}
	by := ch.carrier(c.stream.key)
	text, err := json.Marshal(notice{by.ARN, *ch.Storage.BucketARN, code, message})
	if err == nil {
		err = c.service.Destinations.Log(ctx, by, ch.Log.Group, ch.Log.Stream, c.service.Now(), string(text))
	}
	if err != nil && ctx.Err() == nil {
		c.service.Log.Warn("a channel cannot write to its log stream", "channel", by.ARN, "group", ch.Log.Group, "stream", ch.Log.Stream, "unwritten", message, "error", err)
	}
}

// backOff tells of a failure, and how long to wait before the next attempt.
func (c *carrier) backOff(ctx context.Context, err error) time.Duration {
	d := maxBackOff
	if c.failures < 6 {
		d = min(maxBackOff, carrierBackOff<<c.failures)
	}
	c.failures++
	ch := c.stream.load().channel(c.id)
	if ch == nil {
		return d
	}
	c.service.Log.Warn("a channel cannot deliver and will try again", "channel", ch.arn(c.stream.key), "in", d, "error", err)
	answer, internal := wire.AsError(err)
	message := err.Error()
	if internal {
		message = answer.Message
	}
	if p := c.progress.Parcel; p != nil {
		c.stream.stuck(c.service.Now(), ch, p)
	}
	c.tell(ctx, ch, answer.Code, fmt.Sprintf("%s. The records stay in the stream; the next attempt is in %s.", strings.TrimSuffix(message, "."), d))
	return d
}
