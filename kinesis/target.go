package kinesis

import (
	"regexp"

	model "drey/model/kinesis"
)

// target is what an ARN names: a stream, or a consumer of it.
type target struct {
	stream   key
	consumer string // "" for the stream itself
	created  string // seconds since the epoch, of the consumer
}

var targetARN = regexp.MustCompile(`^arn:aws[a-z-]*:kinesis:([a-z0-9-]+):(\d{12}):stream/([a-zA-Z0-9_.-]{1,128})(?:/consumer/([a-zA-Z0-9_.-]{1,128}):(\d+))?$`)

func parseTarget(arn string) (target, error) {
	m := targetARN.FindStringSubmatch(arn)
	if m == nil {
		return target{}, model.InvalidArgumentException.Errorf("%s is not the ARN of a stream or of a consumer.", arn)
	}
	return target{key{m[2], m[1], m[3]}, m[4], m[5]}, nil
}
