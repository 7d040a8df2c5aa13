package cloudwatch

import (
	"context"
	"strings"

	"drey/cloudwatch/alarm"
	model "drey/model/cloudwatch"
)

// PutCompositeAlarm makes or changes an alarm on the states of others. Its rule is decided at once.
func (s *Service) PutCompositeAlarm(ctx context.Context, in *model.PutCompositeAlarmInput) (*model.PutCompositeAlarmOutput, error) {
	if !validAlarmName(*in.AlarmName) {
		return nil, invalid.Errorf("The value %s for parameter AlarmName is invalid.", *in.AlarmName)
	}
	if in.ActionConfiguration != nil {
		return nil, invalid.Errorf("The parameter ActionConfiguration is not supported by this server.")
	}
	if err := checkActions(in.OKActions, in.AlarmActions, in.InsufficientDataActions); err != nil {
		return nil, err
	}
	rule, err := alarm.ParseRule(*in.AlarmRule)
	if err != nil {
		return nil, invalid.Errorf("AlarmRule is invalid: %s", err)
	}
	if err := checkSuppressor(in); err != nil {
		return nil, err
	}
	tags, err := alarmTags(in.Tags)
	if err != nil {
		return nil, err
	}
	kept := *in
	kept.Tags = nil
	return &model.PutCompositeAlarmOutput{}, s.change(ctx, placeOf(ctx), func(b *board) error {
		if old := b.alarms[*in.AlarmName]; old != nil && old.Composite == nil {
			return invalid.Errorf("An alarm of type MetricAlarm with the name %s exists already.", *in.AlarmName)
		}
		if err := b.mustExist("alarm rule", rule.Alarms()...); err != nil {
			return err
		}
		if in.ActionsSuppressor != nil {
			if err := b.mustExist("actions suppressor", *in.ActionsSuppressor); err != nil {
				return err
			}
		}
		d := b.configure(*in.AlarmName, in.ActionsEnabled, tags)
		d.Composite, b.fresh[d.Name] = &kept, true
		if d.suppressor() == "" {
			d.Suppression, d.Acted = alarm.Suppression{}, d.State
		}
		return nil
	})
}

func checkSuppressor(in *model.PutCompositeAlarmInput) error {
	wait, extension := in.ActionsSuppressorWaitPeriod, in.ActionsSuppressorExtensionPeriod
	switch {
	case in.ActionsSuppressor == nil && (wait != nil || extension != nil):
		return badCombination.Errorf("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod can only be set when ActionsSuppressor is set.")
	case in.ActionsSuppressor != nil && (wait == nil || extension == nil):
		return missing.Errorf("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod are required when ActionsSuppressor is set.")
	case wait != nil && (*wait < 0 || *extension < 0):
		return badValue.Errorf("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod must not be negative.")
	}
	return nil
}

func (b *board) mustExist(where string, alarms ...string) error {
	var absent []string
	for _, a := range alarms {
		if name, ok := b.alarmName(a); !ok || b.alarms[name] == nil {
			absent = append(absent, a)
		}
	}
	if len(absent) > 0 {
		return invalid.Errorf("Could not save the composite alarm as alarms [%s] in the %s do not exist", strings.Join(absent, ", "), where)
	}
	return nil
}

// parents are the composite alarms that depend on an alarm: by their rule, or for the suppression of their actions.
func (b *board) parents(name string) (parents []string) {
	for _, d := range b.alarms {
		if d.dependsOn(name) {
			parents = append(parents, d.Name)
		}
	}
	return parents
}
