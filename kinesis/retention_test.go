package kinesis

import (
	"io/fs"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	model "drey/model/kinesis"
)

// stored tells how many bytes the files below dir have.
func stored(t testing.TB, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// TestRetentionFreesDisk: without anybody's asking, the files of expired records go, and nothing else.
func TestRetentionFreesDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		ctx := requestContext(t.Context())
		create(t, s, ctx, "orders", 2)
		time.Sleep(time.Second)
		body := string(make([]byte, 1<<20-1))
		for range 10 { // half a day
			for _, k := range []string{"a", "b"} { // one for each shard
				put(t, s, ctx, k, body)
			}
			time.Sleep(72 * time.Minute)
		}
		dir := filepath.Join(s.Dir, s.all()[0].load().ID)
		if n := stored(t, dir); n < 20*(1<<20-1) {
			t.Fatalf("%d bytes are stored", n)
		}
		time.Sleep(18 * time.Hour) // half of it is older than a day
		synctest.Wait()
		half := stored(t, dir)
		if half > 13<<20 || half < 9<<20 {
			t.Errorf("%d MiB are left of 10, and of those that share their segments", half>>20)
		}
		it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
		if out := get(t, s, ctx, it); len(out.Records) != 5 {
			t.Errorf("%d records are left in a shard", len(out.Records))
		}
		time.Sleep(7 * time.Hour)
		synctest.Wait()
		if n := stored(t, dir); n > 100 {
			t.Errorf("%d bytes are left when all has expired", n)
		}
		put(t, s, ctx, "a", "new")
	})
}
