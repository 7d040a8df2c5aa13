package cloudwatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// samples draws values as metrics have them: few distinct ones, or many over some orders of magnitude.
func samples(r *rand.Rand) []float64 {
	out := make([]float64, 1+r.IntN(2000))
	distinct := r.IntN(2) == 0
	for i := range out {
		if distinct {
			out[i] = float64(r.IntN(200))
		} else {
			out[i] = math.Exp(r.Float64() * 15)
		}
	}
	return out
}

// TestFoldedBucketsKnowTheirSamples folds samples in random portions, stored and read back in between, and compares with
// statistics of the samples themselves.
func TestFoldedBucketsKnowTheirSamples(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		all := samples(r)
		var operands [][]byte
		for rest := all; len(rest) > 0; {
			n := min(1+r.IntN(50), len(rest))
			part := make([]bucket, n)
			for i, v := range rest[:n] {
				part[i] = sample(v, 1)
			}
			operands = append(operands, fold(part...).round().encode())
			if len(operands) > 1 && r.IntN(3) == 0 {
				joined, err := merge([]byte{pointPrefix}, operands)
				if err != nil {
					t.Fatal(err)
				}
				operands = [][]byte{joined}
			}
			rest = rest[n:]
		}
		joined, err := merge([]byte{pointPrefix}, operands)
		if err != nil {
			t.Fatal(err)
		}
		b, err := decodeBucket(joined)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(all)
		sum := 0.0
		for _, v := range all {
			sum += v
		}
		if b.count != float64(len(all)) || math.Abs(b.sum-sum) > 1e-9*sum || b.min != all[0] || b.max != all[len(all)-1] {
			t.Errorf("seed %d: %v of %d samples", seed, b, len(all))
		}
		exact := len(slices.Compact(slices.Clone(all))) <= maxExact
		for _, p := range []float64{0, 1, 25, 50, 90, 99, 99.9, 100} {
			want := all[max(int(math.Ceil(p/100*float64(len(all))))-1, 0)]
			got, ok := b.percentile(p)
			if !ok || exact && got != want || math.Abs(got-want) > want*0.00501 {
				t.Errorf("seed %d: p%v of %d = %v, want %v (exact: %v)", seed, p, len(all), got, want, exact)
			}
		}
	}
}

// wide is how buckets were stored that took more room.
func wide(b bucket) []byte {
	numbers := []float64{b.count, b.sum, b.min, b.max}
	for _, v := range b.values {
		numbers = append(numbers, v.value, v.count)
	}
	out := []byte{formWide, 0}
	if b.opaque {
		out[1] = flagOpaque
	}
	for _, v := range numbers {
		out = binary.BigEndian.AppendUint64(out, math.Float64bits(v))
	}
	return out
}

// TestStoredBucketsAreSmallAndWhole stores buckets whose statistics follow from their values, and such whose do not.
func TestStoredBucketsAreSmallAndWhole(t *testing.T) {
	odd := fold(sample(0.1, 1), sample(0.2, 1), sample(1e9, 0.5))
	odd.sum, odd.min, odd.max = 7, 0.05, 2e9
	for name, c := range map[string]struct {
		b    bucket
		most int // bytes
	}{
		"whole number":  {sample(320, 1), 3},
		"real number":   {sample(0.1, 1), 9},
		"zero":          {sample(0, 1), 1},
		"several":       {sample(7, 12), 2 + 3 + 1},
		"whole numbers": {fold(sample(1, 1), sample(2, 1), sample(300, 1)), 2 + 3*3},
		"counts":        {fold(sample(1, 5), sample(2, 1)), 2 + 2*4},
		"set":           {statisticSet(3, 6, 1, 3), 2 + 1 + 3*3},
		"set and value": {fold(sample(2, 1), statisticSet(3, 6, 1, 3)), 20},
		"odd":           {odd, 80},
		"endless":       {bucket{count: 2, sum: math.MaxFloat64, min: -math.SmallestNonzeroFloat64, max: math.MaxFloat64, values: []valueCount{}}, 40},
		"empty":         {bucket{}, 6},
	} {
		p := c.b.encode()
		got, err := decodeBucket(p)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.b) || len(p) > c.most {
			t.Errorf("%s: %v of %v in %d bytes, %v", name, got, c.b, len(p), err)
		}
		if got, err := decodeBucket(wide(c.b)); err != nil || fmt.Sprint(got) != fmt.Sprint(c.b) {
			t.Errorf("%s, wide: %v, %v", name, got, err)
		}
	}
	for _, p := range [][]byte{nil, {0}, {formMany}, {formMany, 0, 2}, {formAlone, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {formWide, 0, 1}} {
		if b, err := decodeBucket(p); !errors.Is(err, errBucket) {
			t.Errorf("%x is %v", p, b)
		}
	}
}

func TestUnitsOfKeys(t *testing.T) {
	for _, u := range append(slices.Clone(units), "", "Parsecs", "\xff") {
		key := tiers[1].pointKey(seriesID{}, 120, u)
		if at, got := decodePoint(key); at != 120 || got != u {
			t.Errorf("%q is %q", u, got)
		}
	}
	if len(units) != 27 {
		t.Errorf("%d units", len(units)) // of StandardUnit
	}
}

func TestRoundingTwiceChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		v := math.Exp(r.Float64()*400 - 200)
		if r.IntN(2) == 0 {
			v = -v
		}
		if once := rounded(v); rounded(once) != once || math.Abs(once-v) > 0.00501*math.Abs(v) {
			t.Fatalf("rounded(%v) = %v, again %v", v, once, rounded(once))
		}
	}
}

func TestPercentilesAreUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		b    bucket
		want bool
	}{
		"values":              {fold(sample(1, 1), sample(2, 3)), true},
		"negative value":      {fold(sample(-1, 1), sample(2, 3)), false},
		"statistic set":       {statisticSet(3, 6, 1, 3), false},
		"set beside values":   {fold(sample(1, 1), statisticSet(3, 6, 1, 3)), false},
		"set of one":          {statisticSet(1, 6, 6, 6), true},
		"set of equal values": {statisticSet(4, 24, 6, 6), true},
	} {
		if _, ok := c.b.percentile(50); ok != c.want {
			t.Errorf("%s: known %v", name, ok)
		}
	}
}

func FuzzBucket(f *testing.F) {
	f.Add(sample(1, 2).encode())
	f.Add(statisticSet(3, 6, 1, 3).encode())
	f.Add(fold(sample(1.5, 2), sample(-0.1, 1e300)).encode())
	f.Add(wide(fold(sample(1.5, 2), statisticSet(3, 6, 1, 3))))
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		b, err := decodeBucket(p)
		if err != nil {
			return
		}
		if again, err := decodeBucket(b.encode()); err != nil || fmt.Sprint(again) != fmt.Sprint(b) {
			t.Fatalf("%v, %v: %v", b, again, err)
		}
		fold(b, b).round().percentile(50)
	})
}

func TestSeriesKeysRoundTripAndSort(t *testing.T) {
	s := newSeries("1", "us-east-1", "a\x00b", "m", []Dimension{{"Z", "1"}, {"A", "\x00\x01"}})
	got, err := decodeSeries(s.key())
	if err != nil || !reflect.DeepEqual(got, s) || got.dimensions[0].Name != "A" {
		t.Errorf("%+v, %v", got, err)
	}
	longer := newSeries("1", "us-east-1", "a\x00bc", "m", nil)
	if string(longer.key()) <= string(s.key()) {
		t.Error("keys do not sort as their strings")
	}
	if _, err := decodeSeries([]byte("sgarbage")); err == nil {
		t.Error("garbage decoded")
	}
}
