package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// parquetJob builds the application that writes and reads Parquet.
func (s *server) parquetJob() string {
	s.t.Helper()
	project := filepath.Join(root, "e2e", "parquet")
	if err := build(project, "parquetjob.jar"); err != nil {
		s.t.Fatal(err)
	}
	return filepath.Join(project, "target", "parquetjob.jar")
}

// areParquet looks at the objects below a prefix.
func (s *server) areParquet(prefix string) {
	s.t.Helper()
	keys := strings.Fields(s.aws("s3api", "list-objects-v2", "--bucket", "lake", "--prefix", prefix, "--query", "Contents[].Key", "--output", "text"))
	for _, key := range keys {
		if body := s.aws("s3", "cp", "s3://lake/"+key, "-"); !strings.HasPrefix(body, "PAR1") || !strings.HasSuffix(body, "PAR1") {
			s.t.Errorf("%s, of %d bytes, is no file of Parquet", key, len(body))
		}
	}
	if len(keys) == 0 {
		s.t.Fatalf("no file was written below %s", prefix)
	}
}

// TestParquet writes Parquet files to S3 with a bounded job and reads them back with another, both in SQL, too.
func TestParquet(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.makeRole("app")
	s.aws("s3", "mb", "s3://lake")
	o := createOptions{jar: s.parquetJob(), checkpointInterval: time.Second}
	o.groups = map[string]map[string]string{"prices": {"to": "s3://lake/prices"}}
	s.create("writer", o).runToItsEnd()
	s.areParquet("prices/")
	var wanted []string
	for n := 1; n <= 100; n++ {
		wanted = append(wanted, fmt.Sprintf("S%d,%d", n, n*n))
	}
	slices.Sort(wanted)
	rows := func(prefix string) {
		t.Helper()
		if lines := s.objects("lake", prefix); !slices.Equal(lines, wanted) {
			t.Errorf("%d rows are below %s, expected 100: %v", len(lines), prefix, lines)
		}
	}
	o.groups = map[string]map[string]string{"prices": {"from": "s3://lake/prices", "to": "s3://lake/text"}}
	s.create("reader", o).runToItsEnd()
	rows("text/")

	table := func(name, format string) string {
		return fmt.Sprintf("CREATE TABLE %s (symbol STRING, cents BIGINT) WITH ('connector'='filesystem', 'path'='s3://lake/%[1]s', 'format'='%[2]s');", name, format)
	}
	o.groups = map[string]map[string]string{"prices": {"sql": table("prices", "parquet") + table("copied", "parquet") + "INSERT INTO copied SELECT * FROM prices"}}
	s.create("copies", o).runToItsEnd()
	s.areParquet("copied/")
	o.groups = map[string]map[string]string{"prices": {"sql": table("copied", "parquet") + table("lines", "csv") + "INSERT INTO lines SELECT * FROM copied"}}
	s.create("prints", o).runToItsEnd()
	rows("lines/")
}
