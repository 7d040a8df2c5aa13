package kinesis

import (
	"regexp"

	model "drey/model/kinesis"
)

// target is what an ARN names: a stream, a consumer of it, a queue, or a channel.
type target struct {
	stream   key
	consumer string // "" for the stream itself
	created  string // seconds since the epoch, of the consumer
	queue    string // its id; then the stream has no name, which the ARN does not tell
	channel  string // the same
}

// Streams are of the one partition that the server has: an ARN that named one in a second way would slip past policies.
var targetARN = regexp.MustCompile(`^arn:aws:kinesis:([a-z0-9-]+):(\d{12}):stream/([a-zA-Z0-9_.-]{1,128})(?:/consumer/([a-zA-Z0-9_.-]{1,128}):(\d+))?$`)

var queueTarget = regexp.MustCompile(`^arn:aws:kinesis:([a-z0-9-]+):(\d{12}):queue/([a-zA-Z0-9-]{1,128})$`)

var channelTargetARN = regexp.MustCompile(`^arn:aws:kinesis:([a-z0-9-]+):(\d{12}):channel/([a-zA-Z0-9-]{1,64})$`)

func parseTarget(arn string) (target, error) {
	if m := queueTarget.FindStringSubmatch(arn); m != nil {
		return target{stream: key{Account: m[2], Region: m[1]}, queue: m[3]}, nil
	}
	if m := channelTargetARN.FindStringSubmatch(arn); m != nil {
		return target{stream: key{Account: m[2], Region: m[1]}, channel: m[3]}, nil
	}
	m := targetARN.FindStringSubmatch(arn)
	if m == nil {
		return target{}, model.InvalidArgumentException.Errorf("%s is not the ARN of a stream, a consumer, a queue or a channel.", arn)
	}
	return target{stream: key{m[2], m[1], m[3]}, consumer: m[4], created: m[5]}, nil
}
