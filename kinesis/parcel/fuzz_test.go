package parcel

import (
	"strings"
	"testing"
)

// FuzzParseTemplate: whatever passes makes keys that S3 takes and that lead nowhere else.
func FuzzParseTemplate(f *testing.F) {
	for _, text := range []string{DefaultTemplate, "a/!{yyyy}!{extension:.json}", "!{", "!{extension}x", "../!{channel-name}", "!!{yy}!"} {
		f.Add(text, "lake")
	}
	f.Fuzz(func(t *testing.T, text, channel string) {
		for _, c := range []Compression{NoCompression, Gzip} {
			template, err := ParseTemplate(text, c)
			n := Names{Channel: channel, ChannelID: "id", Stream: "orders"}
			if err != nil || template.Check(n) != nil {
				continue
			}
			key := template.Key(n, noon, strings.Repeat("s", 37))
			if len(key) > 1024 || strings.HasPrefix(key, "/") || strings.Contains(key, "//") || strings.Contains("/"+key, "/../") || strings.Contains(key, "!{") && !strings.Contains(channel, "!") && !strings.Contains(channel, "{") {
				t.Fatalf("%q makes %q", text, key)
			}
		}
	})
}
