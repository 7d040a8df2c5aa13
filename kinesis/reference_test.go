package kinesis

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	model "drey/model/kinesis"
)

// twoStreams gives the ids of two streams, "orders" and "others".
func twoStreams(t *testing.T, s *Service, c *skip) (orders, others string) {
	t.Helper()
	ctx := requestContext(t.Context())
	create(t, s, ctx, "others", 2)
	c.add(time.Second)
	id := func(name string) string {
		st, err := s.find(ctx, reference{name: &name})
		if err != nil {
			t.Fatal(err)
		}
		return st.load().ID
	}
	return id("orders"), id("others")
}

// complete sets what an input must have, and StreamName, StreamARN or ConsumerARN to what refs say if there is such a member.
func complete(v reflect.Value, refs map[string]string) {
	for i := range v.NumField() {
		f, member := v.Field(i), v.Type().Field(i)
		if ref, ok := refs[member.Name]; ok && f.Type() == reflect.TypeFor[*string]() {
			f.Set(reflect.ValueOf(&ref))
			continue
		}
		if !strings.Contains(member.Tag.Get("aws"), "required") || f.Kind() != reflect.Pointer {
			continue
		}
		f.Set(reflect.New(f.Type().Elem()))
		switch x := f.Interface().(type) {
		case *string:
			*x = "x"
		case *int32:
			*x = 24
		default:
			if f.Elem().Kind() == reflect.Struct {
				complete(f.Elem(), nil)
			}
		}
	}
}

// TestReferencesMustAgree: an operation that takes more than one reference to a stream does nothing when they name different
// ones; who may do it was decided for one of them.
func TestReferencesMustAgree(t *testing.T) {
	s, c, ctx := newService(t, 1)
	orders, others := twoStreams(t, s, c)
	reader := must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("x")})).Consumer.ConsumerARN
	c.add(time.Second)
	sets := []map[string]string{
		{"StreamARN": ordersARN, "StreamId": others},
		{"StreamName": "orders", "StreamId": others},
		{"ConsumerARN": *reader, "StreamId": others},
		{"ConsumerARN": *reader, "StreamARN": strings.Replace(ordersARN, "orders", "others", 1)},
		{"StreamName": "others", "StreamARN": ordersARN},
		{"StreamARN": *reader}, // names two things, of which one is meant
	}
	tried := 0
	for _, op := range model.Ops(s) {
		if op.Name == "GetRecords" || op.Name == "CreateStream" { // a token names the stream; none exists
			continue
		}
		for _, refs := range sets {
			in := op.NewInput()
			v := reflect.ValueOf(in).Elem()
			has := true
			for name := range refs {
				has = has && v.FieldByName(name).IsValid()
			}
			if !has {
				continue
			}
			tried++
			complete(v, refs)
			if consumer := v.FieldByName("ConsumerName"); consumer.IsValid() {
				consumer.Set(reflect.ValueOf(new("x")))
			}
			if _, err := op.Call(ctx, in); !errors.Is(err, model.InvalidArgumentException) || !strings.Contains(err.Error(), refs["StreamId"]) {
				t.Errorf("%s with %v: %v", op.Name, refs, err)
			}
		}
	}
	if tried < 60 {
		t.Errorf("only %d requests were tried", tried)
	}
	must[model.DescribeStreamOutput](t)(s.DescribeStream(ctx, &model.DescribeStreamInput{StreamName: new("orders"), StreamARN: &ordersARN, StreamId: &orders}))
	must[model.DescribeStreamConsumerOutput](t)(s.DescribeStreamConsumer(ctx, &model.DescribeStreamConsumerInput{ConsumerARN: reader, StreamId: &orders}))
}

// TestTokensDecideOnTheirStream: what stands beside a token neither opens another's stream nor is passed over.
func TestTokensDecideOnTheirStream(t *testing.T) {
	s, c, ctx := newService(t, 1)
	orders, others := twoStreams(t, s, c)
	page := must[model.ListShardsOutput](t)(s.ListShards(ctx, &model.ListShardsInput{StreamName: new("others"), MaxResults: new(int32(1))}))
	for _, in := range []*model.ListShardsInput{
		{NextToken: page.NextToken, StreamId: &orders}, {NextToken: page.NextToken, StreamARN: &ordersARN},
	} {
		need, err := s.Access(ctx, "ListShards", in)
		if err != nil || len(need) != 1 || !strings.HasSuffix(need[0].Resource, ":stream/others") {
			t.Fatal(need, err)
		}
		_, err = s.ListShards(ctx, in)
		wantError(t, err, model.InvalidArgumentException, "of another stream")
	}
	if rest := must[model.ListShardsOutput](t)(s.ListShards(ctx, &model.ListShardsInput{NextToken: page.NextToken, StreamId: &others})); len(rest.Shards) != 1 {
		t.Fatal(rest.Shards)
	}
	it := iterator(t, s, ctx, model.GetShardIteratorInput{StreamName: new("others"), ShardIteratorType: model.ShardIteratorTypeLATEST})
	_, err := s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: it, StreamId: &orders})
	wantError(t, err, model.InvalidArgumentException, "is not of the stream with id "+orders)
	must[model.GetRecordsOutput](t)(s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: it, StreamId: &others}))
}

// TestOnePartition: an ARN has one spelling. With a second one, a policy that denies the first would not speak of it.
func TestOnePartition(t *testing.T) {
	s, c, ctx := newService(t, 1)
	reader := must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("reader")})).Consumer.ConsumerARN
	c.add(time.Second)
	for _, arn := range []string{ordersARN, *reader} {
		other := strings.Replace(arn, "arn:aws:", "arn:aws-cn:", 1)
		_, err := s.Access(ctx, "ListTagsForResource", &model.ListTagsForResourceInput{ResourceARN: &other})
		wantError(t, err, model.InvalidArgumentException, other)
		_, err = s.ListTagsForResource(ctx, &model.ListTagsForResourceInput{ResourceARN: &other})
		wantError(t, err, model.InvalidArgumentException, other)
	}
}
