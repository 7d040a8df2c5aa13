package cloudwatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drey/cloudwatch/alarm"
	model "drey/model/cloudwatch"
	"drey/wire"
)

// DeleteAlarms deletes those that exist. An alarm that a composite one depends on stays, unless that is deleted with it.
func (s *Service) DeleteAlarms(ctx context.Context, in *model.DeleteAlarmsInput) (*model.DeleteAlarmsOutput, error) {
	return &model.DeleteAlarmsOutput{}, s.change(ctx, placeOf(ctx), in.AlarmNames, nil, func(b *board) error {
		composites := 0
		for _, name := range in.AlarmNames {
			d := b.alarms[name]
			if d == nil {
				continue
			}
			if d.Composite != nil {
				composites++
			}
			for _, parent := range slices.Sorted(slices.Values(b.parents(name))) {
				if parent == name || !slices.Contains(in.AlarmNames, parent) {
					return invalid.Errorf("Cannot delete %s as there are composite alarm(s) depending on it: [%s]", name, parent)
				}
			}
		}
		if composites > 1 {
			return invalid.Errorf("You can delete at most one composite alarm with one operation.")
		}
		for _, name := range in.AlarmNames {
			if d := b.alarms[name]; d != nil {
				b.history = append(b.history, d.configuration(b.now, "Delete", fmt.Sprintf("Alarm %q deleted", name)))
				b.delete(name)
			}
		}
		return nil
	})
}

// SetAlarmState gives an alarm a state until it is decided the next time: a metric alarm when it is evaluated, a composite
// one when an alarm of its rule changes.
func (s *Service) SetAlarmState(ctx context.Context, in *model.SetAlarmStateInput) (*model.SetAlarmStateOutput, error) {
	if in.StateReasonData != nil && !json.Valid([]byte(*in.StateReasonData)) {
		return nil, model.InvalidFormatFault.Errorf("StateReasonData is not valid JSON.")
	}
	return &model.SetAlarmStateOutput{}, s.change(ctx, placeOf(ctx), []string{*in.AlarmName}, nil, func(b *board) error {
		d := b.alarms[*in.AlarmName]
		if d == nil {
			return model.ResourceNotFound.Errorf("Unknown alarm: %s", *in.AlarmName)
		}
		b.transition(d, alarm.Verdict{State: alarm.State(in.StateValue), Reason: *in.StateReason, Data: deref(in.StateReasonData)})
		return nil
	})
}

// EnableAlarmActions lets alarms act at their next change of state.
func (s *Service) EnableAlarmActions(ctx context.Context, in *model.EnableAlarmActionsInput) (*model.EnableAlarmActionsOutput, error) {
	return &model.EnableAlarmActionsOutput{}, s.enable(ctx, in.AlarmNames, true)
}

// DisableAlarmActions keeps alarms from acting.
func (s *Service) DisableAlarmActions(ctx context.Context, in *model.DisableAlarmActionsInput) (*model.DisableAlarmActionsOutput, error) {
	return &model.DisableAlarmActionsOutput{}, s.enable(ctx, in.AlarmNames, false)
}

func (s *Service) enable(ctx context.Context, names []string, enabled bool) error {
	return s.change(ctx, placeOf(ctx), nil, names, func(b *board) error {
		for _, name := range names {
			d := b.alarms[name]
			if d == nil || d.Enabled == enabled {
				continue
			}
			d.Enabled, d.Updated, b.dirty[name] = enabled, b.now, true
			b.history = append(b.history, d.configuration(b.now, "Update", fmt.Sprintf("Alarm %q updated", name)))
		}
		return nil
	})
}

// alarmTags checks and collects tags.
func alarmTags(list []model.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range list {
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return nil, badValue.Errorf("Tag keys starting with aws: are reserved for AWS: %s.", *t.Key)
		}
		if _, twice := tags[*t.Key]; twice {
			return nil, badValue.Errorf("The tag key %s is given twice.", *t.Key)
		}
		tags[*t.Key] = *t.Value
	}
	if len(tags) > maxAlarmTags {
		return nil, badValue.Errorf("A resource can have at most %d tags.", maxAlarmTags)
	}
	return tags, nil
}

// unknownResource has its message where SDKs look for it; the description of the service names no member for it.
var unknownResource = wire.ErrorCode{Code: model.ResourceNotFoundException.Code, Status: model.ResourceNotFoundException.Status, Member: "Message"}

// taggable is the name in the ARN of an alarm.
func taggable(p place, arn string) (string, error) {
	name, ok := p.alarmName(arn)
	if !ok || !strings.HasPrefix(arn, "arn:") {
		return "", badValue.Errorf("The value %s for parameter ResourceARN is not the ARN of an alarm.", arn)
	}
	return name, nil
}

// changeTags lets fn change the tags of an alarm.
func (s *Service) changeTags(ctx context.Context, arn string, fn func(tags map[string]string) error) error {
	p := placeOf(ctx)
	name, err := taggable(p, arn)
	if err != nil {
		return err
	}
	return s.change(ctx, p, nil, []string{name}, func(b *board) error {
		d := b.alarms[name]
		if d == nil {
			return unknownResource.Errorf("Unknown alarm: %s", arn)
		}
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		b.dirty[name] = true
		return fn(d.Tags)
	})
}

// TagResource adds tags to an alarm.
func (s *Service) TagResource(ctx context.Context, in *model.TagResourceInput) (*model.TagResourceOutput, error) {
	tags, err := alarmTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return &model.TagResourceOutput{}, s.changeTags(ctx, *in.ResourceARN, func(all map[string]string) error {
		if maps.Copy(all, tags); len(all) > maxAlarmTags {
			return badValue.Errorf("A resource can have at most %d tags.", maxAlarmTags)
		}
		return nil
	})
}

// UntagResource removes tags of an alarm.
func (s *Service) UntagResource(ctx context.Context, in *model.UntagResourceInput) (*model.UntagResourceOutput, error) {
	return &model.UntagResourceOutput{}, s.changeTags(ctx, *in.ResourceARN, func(all map[string]string) error {
		maps.DeleteFunc(all, func(k, _ string) bool { return slices.Contains(in.TagKeys, k) })
		return nil
	})
}

// ListTagsForResource gives the tags of an alarm.
func (s *Service) ListTagsForResource(ctx context.Context, in *model.ListTagsForResourceInput) (*model.ListTagsForResourceOutput, error) {
	name, err := taggable(placeOf(ctx), *in.ResourceARN)
	if err != nil {
		return nil, err
	}
	d, err := s.readAlarm(ctx, placeOf(ctx), name)
	if errors.Is(err, errNoAlarm) {
		return nil, unknownResource.Errorf("Unknown alarm: %s", *in.ResourceARN)
	}
	if err != nil {
		return nil, err
	}
	out := &model.ListTagsForResourceOutput{Tags: []model.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(d.Tags)) {
		out.Tags = append(out.Tags, model.Tag{Key: new(k), Value: new(d.Tags[k])})
	}
	return out, nil
}
