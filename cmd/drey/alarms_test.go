package main

import (
	"encoding/json"
	"reflect"
	"testing"

	"drey/alarmaction"
	msfmodel "drey/model/kinesisanalyticsv2"
)

// TestScalingGoesByTheJob: automatic scaling has moved the job from 2 to 8.
func TestScalingGoesByTheJob(t *testing.T) {
	app := &msfmodel.ApplicationDetail{ApplicationVersionId: new(int64(3)), ApplicationConfigurationDescription: &msfmodel.ApplicationConfigurationDescription{
		FlinkApplicationConfigurationDescription: &msfmodel.FlinkApplicationConfigurationDescription{
			ParallelismConfigurationDescription: &msfmodel.ParallelismConfigurationDescription{Parallelism: new(int32(2)), CurrentParallelism: new(int32(8))},
		},
	}}
	for change, want := range map[string]int32{"*2": 16, "+2": 10, "-2": 6, "/4": 2, "8": 0, "*2&max=8": 0} { // 0 = nothing to do
		by, err := alarmaction.ParseScaling("arn:aws:kinesisanalytics:us-east-1:123456789012:scaling/orders?role=scaler&parallelism=" + change)
		if err != nil {
			t.Fatal(err)
		}
		update, err := scalingUpdate(app, by)
		if err != nil || (update == nil) != (want == 0) {
			t.Errorf("%s: %+v, %v", change, update, err)
			continue
		}
		if update == nil {
			continue
		}
		got := *update.ApplicationConfigurationUpdate.FlinkApplicationConfigurationUpdate.ParallelismConfigurationUpdate.ParallelismUpdate
		if got != want || *update.CurrentApplicationVersionId != 3 || *update.ApplicationName != "orders" {
			t.Errorf("%s of 8 is %d: %+v", change, got, update)
		}
		var again msfmodel.UpdateApplicationInput
		text, err := json.Marshal(update)
		if err != nil || json.Unmarshal(text, &again) != nil || !reflect.DeepEqual(again, *update) {
			t.Errorf("%s as a stored plan is %s, %v", change, text, err)
		}
	}
}
