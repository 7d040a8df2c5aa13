package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// objects gives the lines of all objects below a prefix, sorted.
func (s *server) objects(bucket, prefix string) (lines []string) {
	s.t.Helper()
	keys := s.aws("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", prefix, "--query", "Contents[].Key", "--output", "text")
	for _, key := range strings.Fields(keys) {
		lines = append(lines, strings.Fields(s.aws("s3", "cp", "s3://"+bucket+"/"+key, "-"))...)
	}
	slices.Sort(lines)
	return lines
}

// TestTables runs SQL jobs that end by themselves: one writes two tables of JSON to S3 with one StatementSet,
// one reads both back and writes CSV.
func TestTables(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.makeRole("app")
	s.aws("s3", "mb", "s3://lake")
	groups := map[string]map[string]string{"tables": {"bucket": "lake"}}
	s.create("tables", createOptions{jar: jar("test-tables.jar"), groups: groups, checkpointInterval: time.Second}).runToItsEnd()
	if even := s.objects("lake", "even/"); len(even) != 50 || !slices.Contains(even, `{"n":100,"half":50}`) {
		t.Errorf("even numbers: %v", even)
	}
	if odd := s.objects("lake", "odd/"); len(odd) != 50 || !slices.Contains(odd, `{"n":99}`) {
		t.Errorf("odd numbers: %v", odd)
	}
	s.create("sums", createOptions{jar: jar("test-sums.jar"), groups: groups}).runToItsEnd()
	if sums := s.objects("lake", "sums/"); !slices.Equal(sums, []string{"even,3825", "odd,2500"}) {
		t.Errorf("sums: %v", sums)
	}

	twice := s.create("twice", createOptions{jar: jar("test-twice.jar")})
	status, reason := twice.ended(twice.start())
	if status != "FAILED" || !strings.Contains(reason, "Cannot have more than one execute() or executeAsync() call in a single environment.") {
		t.Errorf("a program that executes twice: %s %s", status, reason)
	}
	if status := twice.status(); status != "READY" {
		t.Errorf("and the application is %s", status)
	}
}

// runToItsEnd starts an application whose job is bounded: the application becomes READY without being stopped.
func (a application) runToItsEnd() {
	a.t.Helper()
	if status, reason := a.ended(a.start()); status != "SUCCESSFUL" {
		a.t.Fatalf("the start of %s is %s: %s", a.name, status, reason)
	}
	a.awaitStatus("READY")
}
