package main

import (
	"net/netip"
	"os"
	"strings"
	"testing"
)

func TestByteSize(t *testing.T) {
	for text, want := range map[string]byteSize{"4g": 4 << 30, "1536m": 1536 << 20, "1GiB": 1 << 30, "2GB": 2 << 30, "1024": 1024, "512K": 512 << 10} {
		var b byteSize
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%s: got %d, %v", text, b, err)
		}
	}
	for _, text := range []string{"", "g", "-1g", "1.5g", "4 g", "9999999999t"} {
		var b byteSize
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %d", text, b)
		}
	}
}

func TestServeRefusesWhatCannotWork(t *testing.T) {
	for _, c := range []serveCmd{
		{AccountID: "42", AppAddress: netip.MustParseAddr("127.0.77.1")},
		{AccountID: "123456789012", AppAddress: netip.MustParseAddr("::1")},
	} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestOneServerForADataDirectory(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDir(dir); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server got in: %v", err)
	}
	unlock()
	again, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestAccessIsPrivateAndMissingAccessSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	c := envCmd{dataDir{dir}}
	if err := c.Run(); err == nil || !strings.Contains(err.Error(), "drey serve --data-dir "+dir) {
		t.Errorf("got %v", err)
	}
	if err := (access{Endpoint: "http://e", AccessKeyID: "AKIA", SecretAccessKey: "s"}).save(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(accessPath(dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the keys are readable by others: %v %v", info.Mode(), err)
	}
}
