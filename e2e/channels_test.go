package e2e

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// channels runs a step of channels.py, and gives what it prints.
func (s *server) channels(args ...string) string {
	s.t.Helper()
	cmd := s.python("channels.py", args...)
	cmd.Stderr = s.t.Output()
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("channels.py %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// carried awaits that there are so many objects with all records from 0 on, none of them twice.
func (s *server) carried(objects, records int) {
	s.t.Helper()
	var got string
	defer func() {
		if s.t.Failed() {
			s.t.Log(got)
		}
	}()
	s.await(strconv.Itoa(records)+" records are in the bucket", time.Minute, func() bool {
		got = s.channels("read")
		return strings.Count(got, "orders/to-lake/") >= objects
	})
	var numbers []int
	for line := range strings.Lines(got) {
		fields := strings.Fields(line)
		if !strings.HasPrefix(fields[0], "orders/to-lake/year=") || !strings.HasSuffix(fields[0], ".json.gz") {
			s.t.Errorf("an object is called %s", fields[0])
		}
		for _, f := range fields[1:] {
			n, err := strconv.Atoi(f)
			if err != nil {
				s.t.Fatal(err)
			}
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	if len(numbers) != records || numbers[0] != 0 || len(slices.Compact(numbers)) != records || numbers[records-1] != records-1 {
		s.t.Fatalf("%d records: %v", len(numbers), numbers)
	}
}

// TestChannels delivers a stream to a bucket, with the rights of a role and over the death of the server. It waits for full
// objects, since AWS's shortest data freshness is five minutes.
func TestChannels(t *testing.T) {
	s := serve(t, "--kinesis-limits", "off")
	if got := s.channels("make"); got != "ACTIVE" {
		t.Fatal(got)
	}
	if got, want := strings.Fields(s.channels("refused")), []string{
		"InvalidArgumentException", "KMSNotFoundException", "LimitExceededException", "InvalidArgumentException", "ResourceInUseException",
	}; !slices.Equal(got, want) {
		t.Fatalf("refused as %v, want %v", got, want)
	}
	const full = 17
	s.channels("put", "0")
	s.kill() // while it writes the first object, or before, or after
	s.boot()
	s.carried(1, full)
	s.channels("put", strconv.Itoa(full))
	s.carried(2, 2*full)

	s.channels("deny")
	s.channels("put", strconv.Itoa(2*full))
	s.await("the owner is told that the role may not write", time.Minute, func() bool {
		told := s.channels("log")
		return strings.Contains(told, "AccessDenied") && strings.Contains(told, "s3:PutObject")
	})
	s.carried(2, 2*full)
	s.channels("allow")
	s.carried(3, 3*full)
	s.channels("end")
}
