package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestSettings(t *testing.T) {
	for _, c := range []struct{ name, text, listen, refused string }{
		{"keys are flags", "listen: 127.0.0.1:5566\nkpu-memory: 2g\nephemeral: true\n", "127.0.0.1:5566", ""},
		{"empty", "", "127.0.0.1:4566", ""},
		{"misspelled", "listn: 127.0.0.1:5566\n", "", `"listn", which is no flag`},
		{"no map", "- listen\n", "", "no YAML of names and values"},
		{"too little memory", "kpu-memory: 10m\n", "", "--kpu-memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var line cli
			k, err := kong.New(&line, kong.Configuration(loadSettings), kong.Vars{"data_dir": t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			_, err = k.Parse([]string{"serve", "--config", file})
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("got %v, expected %s", err, c.refused)
				}
				return
			}
			if err != nil || line.Serve.Listen.String() != c.listen {
				t.Errorf("listens at %s (%v), expected %s", line.Serve.Listen, err, c.listen)
			}
			if c.text != "" && (line.Serve.KPUMemory != 2<<30 || !line.Serve.Ephemeral) {
				t.Errorf("%+v", line.Serve)
			}
		})
	}
}

// TestAlarmWebhooks gives topics their addresses on the command line, which may hold what else separates maps, and in a file.
func TestAlarmWebhooks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("alarm-webhook:\n  ops: http://127.0.0.1:9/a;b=c\n  other: http://127.0.0.1:9/other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"serve", "--alarm-webhook", "ops=http://127.0.0.1:9/a;b=c", "--alarm-webhook", "other=http://127.0.0.1:9/other"},
		{"serve", "--config", file},
	} {
		var line cli
		k, err := kong.New(&line, kong.Configuration(loadSettings), kong.Vars{"data_dir": t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Parse(args); err != nil || len(line.Serve.AlarmWebhook) != 2 || line.Serve.AlarmWebhook["ops"] != "http://127.0.0.1:9/a;b=c" {
			t.Errorf("%s: %v, %v", args, line.Serve.AlarmWebhook, err)
		}
	}
}
