package logs

import (
	"context"
	"regexp"

	model "drey/model/logs"
)

var groupARNForm = regexp.MustCompile(`^arn:aws:logs:([a-z0-9-]+):(\d{12}):log-group:([.\-_/#A-Za-z0-9]{1,512})$`)

// parseGroupARN reads the ARN of a group, without the trailing ":*".
func parseGroupARN(arn string) (place, string, error) {
	m := groupARNForm.FindStringSubmatch(arn)
	if m == nil {
		return place{}, "", model.InvalidParameterException.Errorf("The ARN %s is not the ARN of a log group.", arn)
	}
	return place{account: m[2], region: m[1]}, m[3], nil
}

// target is the group of a request that names it in one of two ways.
func target(ctx context.Context, name, identifier *string) (place, string, error) {
	switch {
	case (name == nil) == (identifier == nil):
		return place{}, "", model.InvalidParameterException.Errorf("Exactly one of logGroupName and logGroupIdentifier must be specified.")
	case name != nil:
		return placeOf(ctx), *name, nil
	case len(*identifier) > 4 && (*identifier)[:4] == "arn:":
		return parseGroupARN(*identifier)
	}
	return placeOf(ctx), *identifier, nil
}
