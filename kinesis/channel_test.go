package kinesis

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	model "drey/model/kinesis"
	s3model "drey/model/s3"
	"drey/s3"
	"drey/store/sql"
	"drey/wire"
)

const channelRole = "arn:aws:iam::" + account + ":role/carrier"

// lake is S3 with a bucket "lake" as channels see it, without rights. What it is told to log it keeps.
type lake struct {
	*s3.Service

	mu     sync.Mutex
	fault  error          // of each put and check
	after  func(o Object) // each put
	events []string
}

// openLake opens S3 on dir.
func openLake(db *sql.DB, dir string) (*lake, error) {
	ctx := requestContext(context.Background())
	buckets, err := s3.Open(ctx, s3.Config{DB: db, Dir: filepath.Join(dir, "s3"), Log: slog.Default(), Now: time.Now, ValidatePolicy: func(string) error { return nil }})
	if err != nil {
		return nil, err
	}
	if _, err := buckets.HeadBucket(ctx, &s3model.HeadBucketInput{Bucket: new("lake")}); err != nil {
		_, err = buckets.CreateBucket(ctx, &s3model.CreateBucketInput{Bucket: new("lake")})
		return &lake{Service: buckets}, err
	}
	return &lake{Service: buckets}, nil
}

func (l *lake) fail(err error) { l.mu.Lock(); defer l.mu.Unlock(); l.fault = err }

func (l *lake) failure() error { l.mu.Lock(); defer l.mu.Unlock(); return l.fault }

func (l *lake) Check(ctx context.Context, _ Carrier, o Object) error {
	if err := l.failure(); err != nil {
		return err
	}
	_, err := l.HeadBucket(ctx, &s3model.HeadBucketInput{Bucket: &o.Bucket})
	return err
}

func (l *lake) Put(ctx context.Context, c Carrier, o Object, body []byte) error {
	if err := l.failure(); err != nil {
		return err
	}
	_, err := l.PutObject(requestContext(ctx), &s3model.PutObjectInput{
		Bucket: &o.Bucket, Key: &o.Key, StorageClass: s3model.StorageClass(o.StorageClass), ContentLength: new(int64(len(body))), Body: io.NopCloser(bytes.NewReader(body)),
	})
	if err == nil && l.after != nil {
		l.after(o)
	}
	return err
}

func (l *lake) Log(_ context.Context, c Carrier, group, stream string, at time.Time, message string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n notice
	if err := json.Unmarshal([]byte(message), &n); err != nil {
		return err
	}
	l.events = append(l.events, fmt.Sprintf("%s %s %s: %s", group, stream, n.ErrorCode, n.ErrorMessage))
	return nil
}

func (l *lake) told() []string { l.mu.Lock(); defer l.mu.Unlock(); return slices.Clone(l.events) }

// objects are the bodies of all objects, decompressed, by their keys.
func (l *lake) objects(t testing.TB) map[string]string {
	t.Helper()
	out, ctx := map[string]string{}, requestContext(context.Background())
	list := must[s3model.ListObjectsV2Output](t)(l.ListObjectsV2(ctx, &s3model.ListObjectsV2Input{Bucket: new("lake")}))
	for _, o := range list.Contents {
		body, _, err := l.OpenObject(ctx, "lake", *o.Key, nil)
		if err != nil {
			t.Fatal(err)
		}
		var r io.Reader = body
		switch filepath.Ext(*o.Key) {
		case ".gz":
			r, err = gzip.NewReader(body)
		case ".zst":
			r, err = zstd.NewReader(body)
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		body.Close()
		out[*o.Key] = string(text)
	}
	return out
}

// newLake gives a service with channels to a lake, and an on-demand stream "orders" that is ACTIVE.
func newLake(t testing.TB, edit ...func(*Config)) (*Service, *lake, *skip, context.Context) {
	t.Helper()
	var l *lake
	s, c, ctx := newQueues(t, append(edit, func(c *Config) {
		var err error
		if l, err = openLake(c.DB, filepath.Dir(c.Dir)); err != nil {
			t.Fatal(err)
		}
		c.Destinations = l
	})...)
	return s, l, c, ctx
}

func channelInput(edit ...func(*model.CreateChannelInput)) *model.CreateChannelInput {
	in := &model.CreateChannelInput{
		ChannelName: new("to-lake"), ServiceExecutionRoleARN: new(channelRole),
		StreamConfigurationList: []model.ChannelStreamConfiguration{{StreamARN: &ordersARN, RecordConfiguration: &model.RecordConfiguration{RecordFormatType: model.RecordFormatTypeJSON}}},
		S3DestinationConfiguration: &model.S3DestinationConfiguration{StorageConfiguration: &model.S3StorageConfiguration{
			BucketARN: new("arn:aws:s3:::lake"), ExpectedBucketOwner: new(account), CompressionType: model.S3CompressionTypeNONE,
		}},
		LoggingConfiguration: &model.ChannelLoggingConfiguration{CloudWatchLogs: &model.CloudWatchLogs{Enabled: new(true)}},
	}
	for _, e := range edit {
		e(in)
	}
	return in
}

func compressed(c model.S3CompressionType) func(*model.CreateChannelInput) {
	return func(in *model.CreateChannelInput) {
		in.S3DestinationConfiguration.StorageConfiguration.CompressionType = c
	}
}

func formatted(f model.RecordFormatType) func(*model.CreateChannelInput) {
	return func(in *model.CreateChannelInput) {
		in.StreamConfigurationList[0].RecordConfiguration.RecordFormatType = f
	}
}

// newChannel makes a channel and gives its ARN when it is ACTIVE or FAILED.
func newChannel(t testing.TB, s *Service, ctx context.Context, edit ...func(*model.CreateChannelInput)) *model.ChannelDescription {
	t.Helper()
	d := must[model.CreateChannelOutput](t)(s.CreateChannel(ctx, channelInput(edit...))).ChannelDescription
	if d.ChannelStatus != model.ChannelStatusCREATING {
		t.Fatalf("%+v", d)
	}
	time.Sleep(2 * creation)
	synctest.Wait()
	return describeChannel(t, s, ctx, *d.ChannelARN)
}

func describeChannel(t testing.TB, s *Service, ctx context.Context, arn string) *model.ChannelDescription {
	t.Helper()
	return must[model.DescribeChannelOutput](t)(s.DescribeChannel(ctx, &model.DescribeChannelInput{ChannelARN: &arn})).ChannelDescription
}

func numbered(i int) string { return fmt.Sprintf(`{"n":%d}`, i) }

// lines are the lines of all objects whose keys have the prefix, sorted.
func lines(objects map[string]string, prefix string) (out []string) {
	for key, body := range objects {
		if strings.HasPrefix(key, prefix) {
			out = append(out, strings.Split(strings.TrimSuffix(body, "\n"), "\n")...)
		}
	}
	slices.Sort(out)
	return out
}

func TestChannelDelivers(t *testing.T) { synctest.Test(t, testChannelDelivers) }

func testChannelDelivers(t *testing.T) {
	s, l, _, ctx := newLake(t)
	put(t, s, ctx, "k", numbered(999)) // before the channel: it is not delivered
	d := newChannel(t, s, ctx)
	if d.ChannelStatus != model.ChannelStatusACTIVE || *d.S3DestinationConfiguration.DataFreshnessInSeconds != 300 || *d.ServiceExecutionRoleARN != channelRole || d.EncryptionConfiguration != nil {
		t.Fatalf("%+v", d)
	}
	id := *d.ChannelId
	if dead, log := d.S3DestinationConfiguration.DeadLetterQueueS3Configuration, d.LoggingConfiguration.CloudWatchLogs; *d.ChannelARN != "arn:aws:kinesis:us-east-1:"+account+":channel/"+id ||
		*dead.BucketARN != "arn:aws:s3:::lake" || *dead.ErrorOutputPrefix != "kinesis-channel/errors/to-lake/"+id+"/" || *log.LogGroupName != "/aws/kinesis/to-lake/"+id || *log.LogStreamName != "DestinationDelivery" {
		t.Fatalf("%+v %+v %+v", d, dead, log)
	}
	var want []string
	began := time.Now()
	for i := range 100 {
		put(t, s, ctx, fmt.Sprint("key", i), numbered(i))
		want = append(want, numbered(i))
	}
	slices.Sort(want)
	time.Sleep(299*time.Second - time.Since(began))
	synctest.Wait()
	if objects := l.objects(t); len(objects) > 0 {
		t.Fatalf("too early: %v", objects)
	}
	time.Sleep(3 * time.Second)
	synctest.Wait()
	objects := l.objects(t)
	if got := lines(objects, ""); len(objects) != 1 || !slices.Equal(got, want) {
		t.Fatalf("%d objects: %v", len(objects), got)
	}
	for key := range objects {
		if pattern := "^kinesis-channel/to-lake/" + id + `/\d{4}/\d\d/\d\d/\d\d/to-lake-` + id + `-\d{4}-\d\d-\d\d-\d\d-\d\d-[a-z0-9]{26}$`; !regexp.MustCompile(pattern).MatchString(key) {
			t.Fatalf("the key is %s", key)
		}
	}
	put(t, s, ctx, "k", numbered(100))
	time.Sleep(302 * time.Second)
	synctest.Wait()
	if got := lines(l.objects(t), ""); len(l.objects(t)) != 2 || len(got) != 101 || slices.Index(got, numbered(100)) < 0 {
		t.Fatal(got)
	}
	if events := l.told(); len(events) > 0 {
		t.Fatal(events)
	}
	limits := must[model.DescribeLimitsOutput](t)(s.DescribeLimits(ctx, &model.DescribeLimitsInput{}))
	sum := must[model.DescribeStreamSummaryOutput](t)(s.DescribeStreamSummary(ctx, &model.DescribeStreamSummaryInput{StreamName: new("orders")})).StreamDescriptionSummary
	if *limits.ChannelCount != 1 || *limits.ChannelCountLimit != 100 || *sum.ChannelCount != 1 {
		t.Fatalf("%+v %+v", limits, sum)
	}
}

func TestChannelFormats(t *testing.T) {
	bad := "\xff\xfe"
	for _, x := range []struct {
		format      model.RecordFormatType
		compression model.S3CompressionType
		records     []string
		ext, body   string
		dead        int
	}{
		{model.RecordFormatTypeJSON, model.S3CompressionTypeGZIP, []string{`{"a":1}`, "not JSON", `[2]`}, ".gz", "{\"a\":1}\n[2]\n", 1},
		{model.RecordFormatTypeSTRING, model.S3CompressionTypeZSTD, []string{"a", bad, "b\n"}, ".zst", "a\nb\n", 1},
		{model.RecordFormatTypeBYTE_ARRAY, model.S3CompressionTypeNONE, []string{"a", bad, "b"}, ".bin", "a" + bad + "b", 0},
		{model.RecordFormatTypeJSON, model.S3CompressionTypeNONE, []string{"{"}, "", "", 1},
	} {
		t.Run(fmt.Sprint(x.format, x.compression, x.dead), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, l, _, ctx := newLake(t)
				newChannel(t, s, ctx, formatted(x.format), compressed(x.compression), func(in *model.CreateChannelInput) {
					to := in.S3DestinationConfiguration
					to.StorageConfiguration.OutputKeyTemplate = new("good/!{stream-name}!{extension}")
					if x.ext == ".bin" {
						to.StorageConfiguration.OutputKeyTemplate = new("good/!{stream-name}!{extension:.bin}")
					}
					to.StorageConfiguration.StorageClass = model.S3StorageClassGLACIER_IR
					to.DeadLetterQueueS3Configuration = &model.DeadLetterQueueS3Configuration{BucketARN: new("arn:aws:s3:::lake"), ExpectedBucketOwner: new(account), ErrorOutputPrefix: new("bad/")}
				})
				for _, r := range x.records {
					put(t, s, ctx, "k", r)
				}
				time.Sleep(302 * time.Second)
				synctest.Wait()
				wantFormats(t, l, x.ext, x.body, x.dead)
			})
		})
	}
}

func wantFormats(t *testing.T, l *lake, ext, body string, dead int) {
	t.Helper()
	letters := 0
	for key, got := range l.objects(t) {
		switch {
		case strings.HasPrefix(key, "good/orders-") && strings.HasSuffix(key, ext) && got == body:
			head := must[s3model.HeadObjectOutput](t)(l.HeadObject(requestContext(t.Context()), &s3model.HeadObjectInput{Bucket: new("lake"), Key: &key}))
			if head.StorageClass != s3model.StorageClassGLACIER_IR {
				t.Errorf("the class is %q", head.StorageClass)
			}
			body = ""
		case strings.HasPrefix(key, "bad/"):
			letters += strings.Count(got, "\n")
			if !strings.Contains(got, `"shardId":"shardId-00000000000`) || !strings.Contains(got, `"partitionKey":"k"`) {
				t.Error(got)
			}
		default:
			t.Errorf("%s: %q", key, got)
		}
	}
	if body != "" || letters != dead {
		t.Errorf("missing %q; %d dead letters, want %d", body, letters, dead)
	}
	if events := l.told(); len(events) != min(dead, 1) || dead > 0 && !strings.Contains(events[0], "RecordFormat.Invalid: 1 records are not of the format") {
		t.Error(events)
	}
}

// TestChannelOverResharding: in an object, what a child has comes after what its parents have.
func TestChannelOverResharding(t *testing.T) { synctest.Test(t, testChannelOverResharding) }

func testChannelOverResharding(t *testing.T) {
	s, l, _, ctx := newLake(t)
	newChannel(t, s, ctx)
	n := 0
	round := func() {
		time.Sleep(time.Millisecond) // a shard that is closed as soon as it is made has no records
		for range 5 {
			put(t, s, ctx, "a", numbered(n)) // MD5("a") begins with 0c
			n++
		}
		time.Sleep(time.Millisecond)
	}
	round()
	st := s.all()[0]
	reshard := func(edit func(d *document)) {
		t.Helper()
		if err := s.change(ctx, st, func(d *document) error { edit(d); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	reshard(func(d *document) { d.split(0, big.NewInt(100), s.Now()) }) // the key goes to 5
	round()
	reshard(func(d *document) { d.merge(4, 5, s.Now()) })
	round()
	reshard(func(d *document) { d.split(6, big.NewInt(1000), s.Now()) }) // nothing comes to the first generation of these
	reshard(func(d *document) { d.split(8, big.NewInt(2000), s.Now()) })
	round()
	if n := len(st.load().lanes); n != 11 {
		t.Fatalf("%d shards", n)
	}
	time.Sleep(302 * time.Second)
	synctest.Wait()
	var want strings.Builder
	for i := range n {
		want.WriteString(numbered(i) + "\n")
	}
	objects := l.objects(t)
	for key, got := range objects {
		if len(objects) != 1 || got != want.String() {
			t.Fatalf("%d objects; %s: %s", len(objects), key, got)
		}
	}
	if len(objects) == 0 {
		t.Fatal("nothing was delivered")
	}
}

// TestChannelFinishesParentsFirst: when parents fill more than an object, nothing of their children is in it.
func TestChannelFinishesParentsFirst(t *testing.T) { synctest.Test(t, testChannelFinishesParentsFirst) }

func testChannelFinishesParentsFirst(t *testing.T) {
	s, l, _, ctx := newLake(t)
	newChannel(t, s, ctx, formatted(model.RecordFormatTypeSTRING))
	s.carriers.close() // until all is put
	const parents, children = 20, 5
	pad := strings.Repeat("x", 1_000_000)
	for i := range parents + children {
		if i == parents {
			time.Sleep(time.Millisecond)
			if err := s.change(ctx, s.all()[0], func(d *document) error { d.split(0, big.NewInt(100), s.Now()); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		put(t, s, ctx, "a", fmt.Sprintf("%02d%s", i, pad))
	}
	written := make(chan string, 3)
	l.after = func(o Object) { written <- o.Key }
	s.startChannels(ctx)
	next := 0
	for range 2 {
		key := <-written
		for line := range strings.Lines(l.objects(t)[key]) {
			if want := fmt.Sprintf("%02d", next); line[:2] != want {
				t.Fatalf("%s comes before %s", line[:2], want)
			}
			next++
		}
	}
	if next != parents+children {
		t.Fatalf("%d records were delivered", next)
	}
}

// TestChannelTriesAgain: a bucket that refuses holds records up and loses none; the owner is told why.
func TestChannelTriesAgain(t *testing.T) { synctest.Test(t, testChannelTriesAgain) }

func testChannelTriesAgain(t *testing.T) {
	s, l, _, ctx := newLake(t)
	d := newChannel(t, s, ctx)
	l.fail(wire.ErrorCode{Code: "AccessDenied"}.Errorf("The role may not."))
	put(t, s, ctx, "k", numbered(1))
	time.Sleep(310 * time.Second)
	put(t, s, ctx, "k", numbered(2))
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	events := l.told()
	if n := len(events); n < 10 || n > 20 || !strings.HasPrefix(events[0], "/aws/kinesis/to-lake/"+*d.ChannelId+" DestinationDelivery AccessDenied: write kinesis-channel/to-lake/") || !strings.Contains(events[n-1], "The role may not. The records stay in the stream; the next attempt is in 1m0s.") {
		t.Fatalf("%d events: %q", n, events)
	}
	if describeChannel(t, s, ctx, *d.ChannelARN).ChannelStatus != model.ChannelStatusACTIVE {
		t.Fatal("it gave up")
	}
	must[model.UpdateChannelOutput](t)(s.UpdateChannel(ctx, &model.UpdateChannelInput{ChannelARN: d.ChannelARN, LoggingConfiguration: &model.ChannelLoggingUpdateInput{CloudWatchLogs: &model.CloudWatchLogsUpdateInput{Enabled: new(false)}}}))
	l.fail(nil)
	time.Sleep(6 * time.Minute)
	synctest.Wait()
	if got := lines(l.objects(t), ""); !slices.Equal(got, []string{numbered(1), numbered(2)}) || len(l.told()) > len(events)+1 {
		t.Fatal(got, l.told())
	}
}

// TestChannelFails: what CreateChannel could not know is told by the status.
func TestChannelFails(t *testing.T) { synctest.Test(t, testChannelFails) }

func testChannelFails(t *testing.T) {
	s, l, c, ctx := newLake(t)
	l.fail(fmt.Errorf("the disk is slow")) // not the answer to the role: it is asked again
	d := newChannel(t, s, ctx, func(in *model.CreateChannelInput) {
		in.S3DestinationConfiguration.StorageConfiguration.BucketARN = new("arn:aws:s3:::nowhere")
	})
	if d.ChannelStatus != model.ChannelStatusCREATING {
		t.Fatalf("%+v", d)
	}
	l.fail(nil)
	time.Sleep(time.Minute)
	synctest.Wait()
	d = describeChannel(t, s, ctx, *d.ChannelARN)
	if d.ChannelStatus != model.ChannelStatusFAILED || !strings.HasPrefix(*d.ChannelStatusReason, "NoSuchBucket: ") {
		t.Fatalf("%+v", d)
	}
	_, err := s.UpdateChannel(ctx, &model.UpdateChannelInput{ChannelARN: d.ChannelARN, S3DestinationConfiguration: &model.S3DestinationUpdateInput{DataFreshnessInSeconds: new(int32(400))}})
	wantError(t, err, model.ResourceInUseException, "not ACTIVE, instead in state FAILED")
	must[model.DeleteChannelOutput](t)(s.DeleteChannel(ctx, &model.DeleteChannelInput{ChannelARN: d.ChannelARN}))
	c.add(time.Second)
	newChannel(t, s, ctx)
}

// TestChannelEnds: what was not delivered when a channel is deleted is not delivered, and nothing of it is left.
func TestChannelEnds(t *testing.T) { synctest.Test(t, testChannelEnds) }

func testChannelEnds(t *testing.T) {
	s, l, _, ctx := newLake(t)
	arn := newChannel(t, s, ctx).ChannelARN
	put(t, s, ctx, "k", numbered(1))
	time.Sleep(time.Minute)
	_, err := s.DeleteStream(ctx, &model.DeleteStreamInput{StreamName: new("orders")})
	wantError(t, err, model.ResourceInUseException, "has 1 channels")
	_, err = s.UpdateStreamMode(ctx, &model.UpdateStreamModeInput{StreamARN: &ordersARN, StreamModeDetails: &model.StreamModeDetails{StreamMode: model.StreamModePROVISIONED}})
	wantError(t, err, model.ResourceInUseException, "has 1 channels")
	must[model.DeleteChannelOutput](t)(s.DeleteChannel(ctx, &model.DeleteChannelInput{ChannelARN: arn}))
	if d := describeChannel(t, s, ctx, *arn); d.ChannelStatus != model.ChannelStatusDELETING {
		t.Fatalf("%+v", d)
	}
	time.Sleep(time.Second)
	synctest.Wait()
	_, err = s.DescribeChannel(ctx, &model.DescribeChannelInput{ChannelARN: arn})
	wantError(t, err, model.ResourceNotFoundException, "not found")
	_, err = s.DeleteChannel(ctx, &model.DeleteChannelInput{ChannelARN: arn})
	wantError(t, err, model.ResourceNotFoundException, "not found")
	time.Sleep(time.Hour)
	synctest.Wait()
	if objects := l.objects(t); len(objects) > 0 {
		t.Fatal(objects)
	}
	p, err := s.loadProgress(ctx, (*arn)[strings.LastIndex(*arn, "/")+1:])
	if err != nil || p.Positions != nil || len(s.all()[0].load().Channels) > 0 || len(s.carriers.live) > 0 {
		t.Fatal(p, err, s.carriers.live)
	}
	arn = newChannel(t, s, ctx).ChannelARN // and goes with its stream
	must[model.DeleteChannelOutput](t)(s.DeleteChannel(ctx, &model.DeleteChannelInput{ChannelARN: arn}))
	time.Sleep(deletion)
	must[model.DeleteStreamOutput](t)(s.DeleteStream(ctx, &model.DeleteStreamInput{StreamName: new("orders")}))
	time.Sleep(time.Second)
	synctest.Wait()
	if len(s.all()) > 0 || len(s.carriers.live) > 0 {
		t.Fatal(s.all(), s.carriers.live)
	}
}
