package parcel

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

var (
	names = Names{Channel: "lake", ChannelID: "abc123", Stream: "orders"}
	noon  = time.Date(2026, 7, 4, 12, 5, 59, 0, time.FixedZone("", 3600))
)

// TestTemplates holds the examples of "S3 output key template for Amazon S3 delivery", and some more.
func TestTemplates(t *testing.T) {
	for _, x := range []struct {
		template string
		c        Compression
		want     string // a key, or what is wrong after "!"
	}{
		{DefaultTemplate, Gzip, "kinesis-channel/lake/abc123/2026/07/04/11/lake-abc123-2026-07-04-11-05-s.gz"},
		{DefaultTemplate, NoCompression, "kinesis-channel/lake/abc123/2026/07/04/11/lake-abc123-2026-07-04-11-05-s"},
		{"!{channel-name}/!{yyyy}/!{MM}/!{dd}/!{HH}/records!{extension}", Zstd, "lake/2026/07/04/11/records-s.zst"},
		{"data/stream=!{stream-name}/!{yyyy}-!{MM}-!{dd}/!{HH}!{mm}!{extension:.json}", Gzip, "data/stream=orders/2026-07-04/1105-s.json"},
		{"!{channel-name}/!{channel-id}", NoCompression, "lake/abc123-s"},
		{"!!{yy}!", NoCompression, "!26!-s"},
		{"data/!{yyyy}/", NoCompression, "data/2026/-s"},
		{"plain", NoCompression, "plain-s"},
		{"/data/!{channel-name}!{extension}", Gzip, "!begins with a slash"},
		{"data/../!{channel-name}!{extension}", Gzip, "!path traversal"},
		{"data/./!{channel-name}", NoCompression, "!path traversal"},
		{"data//!{channel-name}!{extension}", Gzip, "!consecutive slashes"},
		{"!{channel-name}!{extension}/!{yyyy}", Gzip, "!must be the last"},
		{"!{extension}!{extension:.gz}", Gzip, "!must be the last"},
		{"data/!{partition-id}!{extension}", Gzip, "!{partition-id} is not a variable"},
		{"data/!{channel-name}", Zstd, "!must be an extension placeholder"},
		{"data/!{channel-name}/!{yyyy", NoCompression, "!not closed"},
		{"data:x", NoCompression, "!not allowed"},
		{"data/{x}", NoCompression, "!not allowed"},
		{"x!{extension:json}", NoCompression, "!must begin with a period"},
		{"x!{extension:.JSON}", NoCompression, "!must begin with a period"},
		{"x!{extension:}", NoCompression, "!must begin with a period"},
		{strings.Repeat("x", 986), NoCompression, strings.Repeat("x", 986) + "-s"},
		{strings.Repeat("x", 983) + "!{yyyy}", NoCompression, "!987 characters"},
	} {
		template, err := ParseTemplate(x.template, x.c)
		if err == nil {
			err = template.Check(names)
		}
		wrong, refused := strings.CutPrefix(x.want, "!")
		if refused && !strings.HasPrefix(x.want, "!26") {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: %v, want %q", x.template, err, wrong)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", x.template, err)
		} else if got := template.Key(names, noon, "s"); got != x.want {
			t.Errorf("%s gives %s, want %s", x.template, got, x.want)
		}
	}
	dotted, err := ParseTemplate("!{channel-name}/x", NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if dotted.Check(Names{Channel: ".."}) == nil {
		t.Error("a channel called .. makes a path traversal")
	}
	if got, want := ErrorKey(DefaultErrorPrefix(names), names, noon, "s"), "kinesis-channel/errors/lake/abc123/2026/07/04/11/lake-s.json"; got != want {
		t.Errorf("dead letters go to %s, want %s", got, want)
	}
}

func TestBatch(t *testing.T) {
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	var b Batch
	if _, ok := b.Wait(noon, time.Minute); ok || b.Next(3, 7) != 7 {
		t.Fatalf("an empty batch: %+v", b)
	}
	b.Add(Mark{Shard: 3, Ordinal: 7, Size: 10, Arrived: at(5)}, 7)
	b.Add(Mark{Shard: 1, Ordinal: 4, Size: 10, Arrived: at(2)}, 1) // three have expired
	b.Add(Mark{Shard: 3, Ordinal: 8, Size: 10, Arrived: at(9)}, 7)
	b.Pass(2, 5, 9)
	want := Batch{Ranges: []Range{{1, 4, 5}, {2, 9, 9}, {3, 7, 9}}, Records: 3, Size: 30, Oldest: at(2), Lost: 7}
	if !reflect.DeepEqual(b, want) {
		t.Fatalf("%+v, want %+v", b, want)
	}
	if b.Next(3, 7) != 9 || b.Next(2, 5) != 9 || b.Next(0, 1) != 1 {
		t.Fatal("goes on elsewhere")
	}
	if d, ok := b.Wait(at(10), time.Minute); !ok || d != 52*time.Second {
		t.Fatalf("waits %v", d)
	}
	if d, ok := b.Wait(at(90), time.Minute); !ok || d != 0 {
		t.Fatalf("waits %v", d)
	}
	b.Add(Mark{Shard: 3, Ordinal: 9, Size: FullSize - 31, Arrived: at(11)}, 7)
	if b.Full() {
		t.Fatal("full a byte too early")
	}
	b.Add(Mark{Shard: 3, Ordinal: 10, Size: 1, Arrived: at(11)}, 7)
	if d, ok := b.Wait(at(11), time.Minute); !b.Full() || !ok || d != 0 {
		t.Fatalf("full, and waits %v", d)
	}
}

func TestContents(t *testing.T) {
	bad := "\xff\xfe"
	for _, x := range []struct {
		format  Format
		records []string
		body    string
		dead    []string
	}{
		{JSON, []string{`{"a":1}`, "{\"a\":\n2}\n", `{"a":1,"a":2}`, `{"a":`, bad, "", `1 2`, ` "x" `}, "{\"a\":1}\n{\"a\":\n2}\n{\"a\":1,\"a\":2}\n \"x\" \n", []string{`{"a":`, bad, "", `1 2`}},
		{Text, []string{"a", "b\n", "", "ü", bad}, "a\nb\n\nü\n", []string{bad}},
		{Binary, []string{"a", bad, "\n", ""}, "a" + bad + "\n", nil},
	} {
		c := Contents{Format: x.format, StreamARN: "arn"}
		for i, r := range x.records {
			if err := c.Add(Record{ShardID: "shard", SequenceNumber: string(rune('0' + i)), PartitionKey: "k", Arrived: noon, Data: []byte(r)}); err != nil {
				t.Fatal(err)
			}
		}
		if c.Body.String() != x.body || c.Failed != len(x.dead) || c.Records != len(x.records)-len(x.dead) {
			t.Errorf("%s: %q, %d records, %d failed", x.format, c.Body.String(), c.Records, c.Failed)
		}
		d := json.NewDecoder(&c.Letters)
		for _, want := range x.dead {
			var l letter
			if err := d.Decode(&l); err != nil {
				t.Fatal(err)
			}
			if string(l.RawData) != want || l.StreamARN != "arn" || l.ShardID != "shard" || l.PartitionKey != "k" || l.ArrivalTimestamp != noon.UnixMilli() || l.ErrorCode != FormatError || x.records[l.SequenceNumber[0]-'0'] != want {
				t.Errorf("%s: %+v, want %q", x.format, l, want)
			}
		}
		if d.More() {
			t.Errorf("%s: more letters than failed", x.format)
		}
	}
}

func TestCompression(t *testing.T) {
	body := bytes.Repeat([]byte("all work and no play\n"), 1000)
	for c, open := range map[Compression]func(io.Reader) (io.Reader, error){
		NoCompression: func(r io.Reader) (io.Reader, error) { return r, nil },
		Gzip:          func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		Zstd:          func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		stored, err := c.Compress(body)
		if err != nil {
			t.Fatal(err)
		}
		r, err := open(bytes.NewReader(stored))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes, %v", c, len(got), err)
		}
		if c != NoCompression && len(stored) > len(body)/10 {
			t.Errorf("%s: %d of %d bytes", c, len(stored), len(body))
		}
	}
}
