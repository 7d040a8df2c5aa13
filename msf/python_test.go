package msf_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"testing"

	model "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// pyZip makes an archive of empty files.
func pyZip(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		if _, err := z.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const withoutPython = model.RuntimeEnvironmentFLINK1_15

// pyWorld has two runtimes, one of them without Python.
func pyWorld(t *testing.T) *world {
	w := newWorld(t)
	w.objects["code/py.zip"] = pyZip(t, "main.py", "lib/util.py")
	w.Runtime = func(string) error { return nil }
	w.Python = func(name string) error {
		if name == string(withoutPython) {
			return errors.New("it wants Python 3.8")
		}
		return nil
	}
	return w
}

func groups(options map[string]string) []model.PropertyGroup {
	return []model.PropertyGroup{{PropertyGroupId: new("kinesis.analytics.flink.run.options"), PropertyMap: options}}
}

// pyInput is an application of the archive code/py.zip.
func pyInput(name string, options map[string]string) *model.CreateApplicationInput {
	in := input(name)
	in.ApplicationConfiguration = s3Code("code", "py.zip")
	if options != nil {
		in.ApplicationConfiguration.EnvironmentProperties = &model.EnvironmentProperties{PropertyGroups: groups(options)}
	}
	return in
}

// TestCreatePython: the run options decide that an archive is one of Python, and are held against it.
func TestCreatePython(t *testing.T) {
	w := pyWorld(t)
	for _, c := range []struct {
		name    string
		options map[string]string
		runtime model.RuntimeEnvironment
		code    wire.ErrorCode
		says    []string
	}{
		{"no-group", nil, "", model.CodeValidationException, []string{"Main-Class", "kinesis.analytics.flink.run.options"}},
		{"no-script", map[string]string{"pyFiles": "lib"}, "", model.CodeValidationException, []string{"s3://code/py.zip", "python"}},
		{"wrong-script", map[string]string{"python": "app.py"}, "", model.CodeValidationException, []string{"s3://code/py.zip", "app.py"}},
		{"wrong-files", map[string]string{"python": "main.py", "pyFiles": "lib,libs"}, "", model.CodeValidationException, []string{"libs", "pyFiles"}},
		{"no-python", map[string]string{"python": "main.py"}, withoutPython, model.InvalidArgumentException, []string{string(withoutPython), "Python 3.8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := pyInput(c.name, c.options)
			if c.runtime != "" {
				in.RuntimeEnvironment = c.runtime
			}
			_, err := w.CreateApplication(w.ctx(), in)
			w.refused(err, c.code, c.says...)
			_, err = w.DescribeApplication(w.ctx(), &model.DescribeApplicationInput{ApplicationName: &c.name})
			w.refused(err, model.ResourceNotFoundException)
		})
	}
	if _, err := w.CreateApplication(w.ctx(), pyInput("good", map[string]string{"python": "main.py", "pyFiles": "lib/"})); err != nil {
		t.Error(err)
	}
}

// TestUpdatePython: code, properties and runtime change one by one, and must fit one another after each update.
func TestUpdatePython(t *testing.T) {
	w := pyWorld(t)
	if _, err := w.CreateApplication(w.ctx(), pyInput("p", map[string]string{"python": "main.py"})); err != nil {
		t.Fatal(err)
	}
	version := int64(1)
	update := func(c *model.ApplicationConfigurationUpdate, runtime model.RuntimeEnvironment) error {
		_, err := w.UpdateApplication(w.ctx(), &model.UpdateApplicationInput{ApplicationName: new("p"), CurrentApplicationVersionId: &version,
			ApplicationConfigurationUpdate: c, RuntimeEnvironmentUpdate: runtime})
		if err == nil {
			version++
		}
		return err
	}
	properties := func(options map[string]string) *model.ApplicationConfigurationUpdate {
		u := &model.EnvironmentPropertyUpdates{PropertyGroups: []model.PropertyGroup{}}
		if options != nil {
			u.PropertyGroups = groups(options)
		}
		return &model.ApplicationConfigurationUpdate{EnvironmentPropertyUpdates: u}
	}
	w.refused(update(properties(map[string]string{"python": "nothing.py"}), ""), model.CodeValidationException, "nothing.py")
	w.refused(update(properties(nil), ""), model.CodeValidationException, "kinesis.analytics.flink.run.options")
	w.refused(update(nil, withoutPython), model.InvalidArgumentException, "Python 3.8")
	code := &model.ApplicationConfigurationUpdate{ApplicationCodeConfigurationUpdate: &model.ApplicationCodeConfigurationUpdate{
		CodeContentUpdate: &model.CodeContentUpdate{S3ContentLocationUpdate: &model.S3ContentLocationUpdate{FileKeyUpdate: new("good.jar")}},
	}}
	w.refused(update(code, ""), model.CodeValidationException, "main.py")
	if err := update(properties(map[string]string{"python": "main.py", "pyFiles": "lib/util.py"}), ""); err != nil {
		t.Error(err)
	}
	code.EnvironmentPropertyUpdates = properties(nil).EnvironmentPropertyUpdates
	if err := update(code, ""); err != nil {
		t.Errorf("from Python to Java in one update: %v", err)
	}
}
