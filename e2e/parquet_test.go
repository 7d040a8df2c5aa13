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

// TestParquet writes Parquet files to S3 with a bounded job, and reads them back with another.
func TestParquet(t *testing.T) {
	s := serve(t)
	s.makeRole("app")
	s.aws("s3", "mb", "s3://lake")
	o := createOptions{jar: s.parquetJob(), checkpointInterval: time.Second}
	o.groups = map[string]map[string]string{"prices": {"to": "s3://lake/prices"}}
	s.create("writer", o).runToItsEnd()
	keys := strings.Fields(s.aws("s3api", "list-objects-v2", "--bucket", "lake", "--query", "Contents[].Key", "--output", "text"))
	for _, key := range keys {
		if body := s.aws("s3", "cp", "s3://lake/"+key, "-"); !strings.HasSuffix(key, ".parquet") || !strings.HasPrefix(body, "PAR1") || !strings.HasSuffix(body, "PAR1") {
			t.Errorf("%s, of %d bytes, is no file of Parquet", key, len(body))
		}
	}
	if len(keys) == 0 {
		t.Fatal("no file was written")
	}

	o.groups = map[string]map[string]string{"prices": {"from": "s3://lake/prices", "to": "s3://lake/text"}}
	s.create("reader", o).runToItsEnd()
	var wanted []string
	for n := 1; n <= 100; n++ {
		wanted = append(wanted, fmt.Sprintf("S%d,%d", n, n*n))
	}
	slices.Sort(wanted)
	if lines := s.objects("lake", "text/"); !slices.Equal(lines, wanted) {
		t.Errorf("%d rows were read back, expected 100: %v", len(lines), lines)
	}
}
