package kinesis

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// checkCover holds what must be true of the shards after any resharding.
func checkCover(t testing.TB, d *document) {
	t.Helper()
	next := new(big.Int)
	for _, s := range d.openShards() {
		if s.Start != next.String() {
			t.Fatalf("%s begins at %s, want %s", s.id(), s.Start, next)
		}
		next.Add(number(s.End), big.NewInt(1))
	}
	if next.Cmp(hashSpace) != 0 {
		t.Fatalf("the open shards end before %s", next)
	}
	byID := map[string]shard{}
	for i, s := range d.Shards {
		if i > 0 && d.Shards[i-1].Index >= s.Index {
			t.Fatalf("%s after %s", s.id(), d.Shards[i-1].id())
		}
		byID[s.id()] = s
	}
	for _, s := range d.Shards {
		for _, parent := range []string{s.Parent, s.AdjacentParent} {
			if p, ok := byID[parent]; ok && (p.Closed == nil || p.epoch() >= s.epoch()) {
				t.Fatalf("%s is open or its numbers are not below those of its child %s", parent, s.id())
			}
		}
	}
}

func TestReshardingKeepsEveryHashKeyCovered(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := document{Shards: evenShards(1+r.IntN(7), now)}
		for range 30 {
			open := d.openShards()
			i := r.IntN(len(open))
			switch s := open[i]; {
			case r.IntN(3) == 0:
				d.scale(1+r.IntN(12), now)
			case r.IntN(2) == 0 && i > 0:
				d.merge(s.Index, open[i-1].Index, now)
			default:
				width := new(big.Int).Sub(number(s.End), number(s.Start))
				if width.BitLen() < 8 {
					continue
				}
				d.split(s.Index, width.Rsh(width, uint(1+r.IntN(5))).Add(width, number(s.Start)), now)
			}
			checkCover(t, &d)
		}
	}
}

func TestScalingMakesShardsOfEqualSize(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for have := 1; have <= 24; have++ {
		for want := (have + 1) / 2; want <= 2*have; want++ {
			d := document{Shards: evenShards(have, now)}
			d.scale(want, now)
			checkCover(t, &d)
			even, open := evenShards(want, now), d.openShards()
			if len(open) != want {
				t.Fatalf("%d to %d gave %d shards", have, want, len(open))
			}
			for i, s := range open {
				if new(big.Int).Sub(number(s.Start), number(even[i].Start)).CmpAbs(snap) > 0 {
					t.Fatalf("%d to %d: shard %d begins at %s", have, want, i, s.Start)
				}
			}
		}
	}
}

// TestScalingTakesTheFewestSteps: doubling only splits, halving only merges, and shards that fit stay as they are.
func TestScalingTakesTheFewestSteps(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, x := range []struct{ have, want, made int }{{2, 4, 4}, {3, 6, 6}, {7, 14, 14}, {4, 2, 2}, {14, 7, 7}, {2, 3, 5}, {4, 3, 7}, {5, 5, 0}, {1, 2, 2}} {
		d := document{Shards: evenShards(x.have, now)}
		d.scale(x.want, now)
		if made := len(d.Shards) - x.have; made != x.made {
			t.Errorf("%d to %d made %d shards, want %d", x.have, x.want, made, x.made)
		}
	}
}

func TestUserSplitsAreEvenedOut(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	d := document{Shards: evenShards(1, now)}
	d.split(0, big.NewInt(1000), now)
	d.scale(2, now)
	checkCover(t, &d)
	if starts := slices.Collect(func(yield func(string) bool) {
		for _, s := range d.openShards() {
			yield(s.Start)
		}
	}); !slices.Equal(starts, []string{"0", "170141183460469231731687303715884105728"}) {
		t.Fatal(starts)
	}
}
