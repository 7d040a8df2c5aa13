package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestCodeThatCannotRun creates applications of files that can be seen to be none. No application may come of them.
func TestCodeThatCannotRun(t *testing.T) {
	s := serve(t)
	s.makeRole("app")
	for _, c := range []struct {
		name string
		jar  string
		says []string
	}{
		{"no-main-class", jar("test.jar"), []string{"s3://code/test.jar", "Main-Class"}},
		{"text-file", s.writeFile("text.jar", []byte("this is no archive\n")), []string{"s3://code/text.jar", "no jar"}},
		{"newer-java", s.writeFile("newer.jar", forNewerJava(t, jar("test-steady.jar"), "jars/Steady.class")), []string{"Java 99", "jars.Steady"}},
	} {
		s.run(c.name, func(*testing.T) {
			s.refused("CodeValidationException", c.says, "kinesisanalyticsv2", "create-application", "--application-name", c.name,
				"--runtime-environment", "FLINK-1_18", "--service-execution-role", accountRole+"app",
				"--application-configuration", createOptions{}.configuration(s.upload(c.jar)))
			s.refused("ResourceNotFoundException", nil, "kinesisanalyticsv2", "describe-application", "--application-name", c.name)
		})
	}
}

// TestCodeThatFails starts applications whose code fails before there is a job. The operation must fail and say why, and
// the application must be READY for better code.
func TestCodeThatFails(t *testing.T) {
	s := serve(t)
	s.makeRole("app")
	for _, c := range []struct {
		name string
		jar  string
		says string
	}{
		{"main-throws", jar("test-throwing.jar"), "this application has no orders to process"},
		{"newer-java-inside", s.writeFile("inside.jar", forNewerJava(t, jar("test-steady.jar"), "jars/Steady$Ticks.class")), "UnsupportedClassVersionError"},
	} {
		s.run(c.name, func(t *testing.T) {
			a := s.create(c.name, createOptions{jar: c.jar})
			status, message := a.ended(a.start())
			if status != "FAILED" || !strings.Contains(message, c.says) {
				t.Errorf("the start is %s and says %q, expected FAILED and %q", status, message, c.says)
			}
			if n := utf8.RuneCountInString(message); n > 512 {
				t.Errorf("the ErrorString has %d characters, AWS allows 512", n)
			}
			a.awaitStatus("READY")
		})
	}
}

// forNewerJava raises the version of one class of a jar to that of Java 99.
func forNewerJava(t *testing.T, path, class string) []byte {
	t.Helper()
	in, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == class {
			binary.BigEndian.PutUint16(body[6:], 44+99)
		}
		to, err := w.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestMissingThings names buckets, keys and roles that are not there, or do not allow.
func TestMissingThings(t *testing.T) {
	s := serve(t)
	s.makeRole("app")
	key := s.upload(jar("test-steady.jar"))
	s.aws("iam", "create-role", "--role-name", "untrusting", "--assume-role-policy-document",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
	s.aws("iam", "create-role", "--role-name", "powerless", "--assume-role-policy-document", "file://guide/trust.json")
	good := createOptions{}.configuration(key)
	for _, c := range []struct {
		name, role, configuration string
		says                      []string
	}{
		{"missing-bucket", "app", strings.Replace(good, "arn:aws:s3:::code", "arn:aws:s3:::nowhere", 1), []string{key, "nowhere"}},
		{"missing-key", "app", createOptions{}.configuration("nothing.jar"), []string{"nothing.jar", "code"}},
		{"missing-role", "nobody", good, []string{"assume", accountRole + "nobody"}},
		{"untrusting-role", "untrusting", good, []string{"assume", accountRole + "untrusting"}},
		{"powerless-role", "powerless", good, []string{key, "code"}},
	} {
		s.run(c.name, func(t *testing.T) {
			s.refused("InvalidArgumentException", c.says, "kinesisanalyticsv2", "create-application", "--application-name", c.name,
				"--runtime-environment", "FLINK-1_18", "--service-execution-role", accountRole+c.role, "--application-configuration", c.configuration)
			s.refused("ResourceNotFoundException", nil, "kinesisanalyticsv2", "describe-application", "--application-name", c.name)
		})
	}
}

// TestWrongMoment asks for what an application's state does not allow.
func TestWrongMoment(t *testing.T) {
	s := serve(t)
	s.makeRole("app")

	slow := s.create("slow", createOptions{jar: jar("test-sleeping.jar")})
	operation := slow.start()
	if status := slow.status(); status != "STARTING" {
		t.Errorf("an application that makes its job is %s", status)
	}
	s.refused("ResourceInUseException", []string{"STARTING"}, "kinesisanalyticsv2", "start-application", "--application-name", "slow")
	s.refused("ResourceInUseException", []string{"STARTING"}, "kinesisanalyticsv2", "stop-application", "--application-name", "slow")
	s.aws("kinesisanalyticsv2", "stop-application", "--application-name", "slow", "--force")
	slow.awaitStatus("READY")
	if status, _ := slow.ended(operation); status == "SUCCESSFUL" {
		t.Errorf("a start that was stopped is %s", status)
	}

	a := s.create("steady", createOptions{jar: jar("test-steady.jar")})
	s.refused("ResourceInUseException", []string{"READY"}, "kinesisanalyticsv2", "stop-application", "--application-name", "steady")
	s.refused("ConcurrentModificationException", nil, "kinesisanalyticsv2", "update-application", "--application-name", "steady",
		"--current-application-version-id", "7", "--service-execution-role-update", accountRole+"app")
	a.run()
	s.refused("ResourceInUseException", []string{"RUNNING"}, "kinesisanalyticsv2", "start-application", "--application-name", "steady")
	if version := a.version(); version != "1" {
		t.Errorf("refused requests made version %s", version)
	}
	s.aws("kinesisanalyticsv2", "stop-application", "--application-name", "steady")
	a.awaitStatus("READY")
	s.await("the stop's snapshot", time.Minute, func() bool {
		return s.aws("kinesisanalyticsv2", "list-application-snapshots", "--application-name", "steady", "--query", "length(SnapshotSummaries)") == "1"
	})
}
