package app_test

import (
	"reflect"
	"testing"

	"drey/app"
)

func TestPython(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups []app.PropertyGroup
		want   *app.Python
	}{
		{"NoGroups", nil, nil},
		{"OtherGroup", []app.PropertyGroup{{ID: "InputStream0", Map: map[string]string{"python": "main.py"}}}, nil},
		{"ScriptAlone", []app.PropertyGroup{{ID: app.RunOptions, Map: map[string]string{"python": "main.py"}}}, &app.Python{Script: "main.py"}},
		{"EveryKey", []app.PropertyGroup{
			{ID: "InputStream0", Map: map[string]string{"stream.name": "in"}},
			{ID: app.RunOptions, Map: map[string]string{
				"python": " ./src/main.py ", "jarfile": "lib/all.jar", "pyFiles": "dep/, utils.py,,x.whl", "pyArchives": "data.zip#data,venv.zip", "pyModule": "m",
			}},
		}, &app.Python{Script: "src/main.py", Jar: "lib/all.jar", Files: []string{"dep", "utils.py", "x.whl"}, Archives: []string{"data.zip#data", "venv.zip"}}},
		{"WithoutScript", []app.PropertyGroup{{ID: app.RunOptions, Map: map[string]string{"jarfile": "a.jar"}}}, &app.Python{Jar: "a.jar"}},
		{"OutOfTheArchive", []app.PropertyGroup{{ID: app.RunOptions, Map: map[string]string{"python": "a/../../main.py"}}}, &app.Python{Script: "../main.py"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (&app.Configuration{Properties: c.groups}).Python(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
