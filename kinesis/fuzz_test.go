package kinesis

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	oracle "github.com/fxamacker/cbor/v2"

	model "drey/model/kinesis"
	"drey/wire"
	"drey/wire/awsjson"
	"drey/wire/cbor"
	"drey/wire/shape"
)

// FuzzSequenceOrder: numbers of one shard grow with the ordinal, whatever the clock says, and all fields come back.
func FuzzSequenceOrder(f *testing.F) {
	f.Add(uint32(1700000000), uint16(3), uint64(1), uint64(2), uint32(1700000001), uint32(1600000000), uint8(0))
	f.Add(uint32(0), uint16(65535), uint64(1<<63), uint64(1<<64-1), uint32(0), uint32(1<<32-1), uint8(afterOrdinal))
	f.Fuzz(func(t *testing.T, created uint32, shard uint16, a, b uint64, arrivedA, arrivedB uint32, mark uint8) {
		qa := sequence{created: int64(created), shard: int(shard), ordinal: a, mark: mark, arrived: int64(arrivedA)}
		qb := sequence{created: int64(created), shard: int(shard), ordinal: b, arrived: int64(arrivedB)}
		for _, q := range []sequence{qa, qb} {
			if back, ok := parseSequence(q.String()); !ok || back != q {
				t.Fatalf("%+v became %+v", q, back)
			}
		}
		if a < b && qa.String() >= qb.String() {
			t.Fatalf("%s of %d is not below %s of %d", qa, a, qb, b)
		}
	})
}

var tokenKinds = []tokenKind{iteratorToken, shardsToken, consumersToken, streamsToken, queuesToken, receiptToken, deadReceiptToken}

// FuzzTokens: a token with any byte changed, cut off or added is refused, and so is one of another kind or server.
func FuzzTokens(f *testing.F) {
	ours, err := newSealer(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		f.Fatal(err)
	}
	theirs, err := newSealer(bytes.Repeat([]byte{2}, 32))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"o", "or", "ord"} { // with each padding of base64
		for fromEnd := range 4 {
			f.Add(name, 3, uint64(7), fromEnd)
		}
	}
	f.Fuzz(func(t *testing.T, name string, shard int, ordinal uint64, fromEnd int) {
		if !utf8.ValidString(name) {
			return
		}
		made := token{Kind: iteratorToken, ID: "id", Stream: key{account, "us-east-1", name}, Shard: shard, Ordinal: ordinal}
		text := ours.seal(made)
		if back, ok := ours.open(iteratorToken, text); !ok || back.Stream != made.Stream || back.Shard != shard || back.Ordinal != ordinal {
			t.Fatalf("%+v became %+v", made, back)
		}
		for _, kind := range tokenKinds {
			if _, ok := ours.open(kind, text); ok && kind != iteratorToken {
				t.Fatalf("an iterator passes for a token of %s", kind)
			}
		}
		if _, ok := ours.open(iteratorToken, theirs.seal(made)); ok {
			t.Fatal("another server's token passes")
		}
		i := len(text) - 1 - int(uint(fromEnd)%uint(len(text)))
		for flip := 1; flip < 256; flip++ {
			changed := text[:i] + string([]byte{text[i] ^ byte(flip)}) + text[i+1:]
			if _, ok := ours.open(iteratorToken, changed); ok {
				t.Fatalf("%s was sealed, and %s passes", text, changed)
			}
		}
		for _, changed := range []string{text[:i] + text[i+1:], text[:i], text[i:] + text[:i], text + text} {
			if _, ok := ours.open(iteratorToken, changed); ok && changed != text {
				t.Fatalf("%s was sealed, and %s passes", text, changed)
			}
		}
	})
}

// FuzzForgedTokens: no text that the server did not make is a token.
func FuzzForgedTokens(f *testing.F) {
	s, err := newSealer(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("AAAAAAAAAAHSywljv0zEgPX4NyKdZ5wryMzP9yALs8NeKbUjp1IxtZs1Sp+KEd9I6AJ9ZG4lNR1EMi+9Md/nHvtLyxpfhEzYvkTZ4D9DQVz/mBYWRO6OTZRKnW9gd+efGN2aHFdkH1rJl4BL9Wyrk+ghYG22D2T1Da2EyNSH1+LAbK33gQweTJADBdyMwlo5r6PqcP2dzhg=")
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range tokenKinds {
			if _, ok := s.open(kind, text); ok {
				t.Fatalf("%q passes as %s", text, kind)
			}
		}
	})
}

// bothWays gives the input as each protocol would bring it, written by others' encoders.
func bothWays(t *testing.T, in map[string]any) []*model.PutRecordInput {
	t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := oracle.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := []*model.PutRecordInput{{}, {}}
	if err := errors.Join(awsjson.Decode(text, out[0]), cbor.Decode(binary, out[1], cbor.Millis)); err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzPartitionKeys: any Unicode of 1 to 256 characters is a partition key, and comes back with any data, in both protocols.
func FuzzPartitionKeys(f *testing.F) {
	s, _, ctx := newService(f, 2)
	for _, k := range []string{"", "a", "schlüssel", "\x00\u0001", "\u2028\"\\</script>", strings.Repeat("😀", 256), strings.Repeat("a", 257), "e\u0301", "\U0010ffff\ufffe"} {
		f.Add(k, []byte("data"))
	}
	f.Fuzz(func(t *testing.T, k string, data []byte) {
		if !utf8.ValidString(k) || len(data) > 1<<16 {
			return
		}
		n := utf8.RuneCountInString(k)
		for _, in := range bothWays(t, map[string]any{"StreamName": "orders", "PartitionKey": k, "Data": append([]byte{}, data...)}) {
			if err := shape.Validate(in, wire.ValidationException); (err == nil) != (n >= 1 && n <= 256) {
				t.Fatalf("%d characters: %v", n, err)
			} else if err != nil {
				continue
			}
			put := must[model.PutRecordOutput](t)(s.PutRecord(ctx, in))
			got := get(t, s, ctx, iterator(t, s, ctx, model.GetShardIteratorInput{ShardId: put.ShardId, ShardIteratorType: model.ShardIteratorTypeAT_SEQUENCE_NUMBER, StartingSequenceNumber: put.SequenceNumber}))
			comesBack(t, got, k, data)
		}
	})
}

// comesBack reads the first record as clients of both protocols do.
func comesBack(t *testing.T, out *model.GetRecordsOutput, k string, data []byte) {
	t.Helper()
	type answer struct {
		Records []struct {
			PartitionKey string
			Data         []byte
		}
	}
	var text, binary answer
	if err := errors.Join(json.Unmarshal(awsjson.Encode(out), &text), oracle.Unmarshal(cbor.Encode(out, cbor.Millis), &binary)); err != nil {
		t.Fatal(err)
	}
	for protocol, a := range map[string]answer{"JSON": text, "CBOR": binary} {
		if len(a.Records) != 1 || a.Records[0].PartitionKey != k || !bytes.Equal(a.Records[0].Data, data) {
			t.Fatalf("%s: %q %x became %+v", protocol, k, data, a.Records)
		}
	}
}

// FuzzHashKeys: an explicit hash key is a number of 128 bits without leading zeros, and leads to the shard that covers it.
func FuzzHashKeys(f *testing.F) {
	s, _, ctx := newService(f, 7)
	st, err := s.find(ctx, reference{name: new("orders")})
	if err != nil {
		f.Fatal(err)
	}
	x := st.load()
	top := new(big.Int).Lsh(big.NewInt(1), 128)
	for _, h := range []string{"", "0", "00", "-1", "+1", "1e3", "0x1", " 1", "1_0", "٣", "340282366920938463463374607431768211455", "340282366920938463463374607431768211456", strings.Repeat("9", 40)} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, h string) {
		if !utf8.ValidString(h) {
			return
		}
		n, isNumber := new(big.Int).SetString(h, 10)
		legal := isNumber && n.String() == h && n.Sign() >= 0 && n.Cmp(top) < 0
		for _, in := range bothWays(t, map[string]any{"StreamName": "orders", "PartitionKey": "k", "Data": []byte{}, "ExplicitHashKey": h}) {
			err := shape.Validate(in, wire.ValidationException)
			var l *lane
			if err == nil {
				l, err = x.target(in.PartitionKey, in.ExplicitHashKey)
			}
			if (err == nil) != legal {
				t.Fatalf("%q: %v", h, err)
			}
			if l == nil {
				continue
			}
			start, _ := new(big.Int).SetString(l.Start, 10)
			end, _ := new(big.Int).SetString(l.End, 10)
			if n.Cmp(start) < 0 || n.Cmp(end) > 0 {
				t.Fatalf("%s went to %s, of %s to %s", h, l.id(), l.Start, l.End)
			}
		}
	})
}

// TestIteratorsAreTied: an iterator is of one stream, not of another that takes its name, and not of another shard.
func TestIteratorsAreTied(t *testing.T) {
	s, c, ctx := newService(t, 2)
	put(t, s, ctx, "b", "of the second shard")
	first := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
	wantData(t, get(t, s, ctx, first).Records)
	// Who may use it is decided for the stream it was made for, whoever asks.
	need, err := s.Access(ctx, "GetRecords", &model.GetRecordsInput{ShardIterator: first})
	if err != nil || len(need) != 1 || need[0].Resource != "arn:aws:kinesis:us-east-1:123456789012:stream/orders" || need[0].ResourceAccount != account {
		t.Fatal(need, err)
	}
	for _, k := range []key{{account, "us-east-1", "others"}, {"111122223333", "us-east-1", "orders"}, {account, "eu-west-1", "orders"}} {
		_, err := s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: first, StreamARN: new(k.arn())})
		wantError(t, err, model.InvalidArgumentException, "is not of stream "+k.arn())
	}
	if _, err := s.DeleteStream(ctx, &model.DeleteStreamInput{StreamName: new("orders")}); err != nil {
		t.Fatal(err)
	}
	c.add(time.Second)
	create(t, s, ctx, "orders", 2)
	c.add(time.Second)
	_, err = s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: first})
	wantError(t, err, model.ResourceNotFoundException, "orders")
}
