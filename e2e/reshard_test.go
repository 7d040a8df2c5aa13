package e2e

import (
	"maps"
	"testing"
)

// TestReshardingUnderAJob splits and merges the shards that a job reads by fan-out. The job sees the end of each, finds
// its children, and counts every order once.
func TestReshardingUnderAJob(t *testing.T) {
	t.Parallel()
	s := serve(t)
	a, p := runOrders(s)
	for _, shards := range []string{"4", "3", "2"} {
		s.run("to "+shards+" shards", func(t *testing.T) {
			p.send(500)
			s.aws("kinesis", "update-shard-count", "--stream-name", p.orders, "--target-shard-count", shards, "--scaling-type", "UNIFORM_SCALING")
			p.send(1000)
			p.awaitTotals()
			if totals := p.totals(); !maps.Equal(totals, p.expected) {
				t.Errorf("the totals are %v, the orders come to %v", totals, p.expected)
			}
		})
	}
	if open := s.aws("kinesis", "describe-stream-summary", "--stream-name", p.orders, "--query", "StreamDescriptionSummary.OpenShardCount"); open != "2" {
		t.Errorf("%s shards are open", open)
	}
	a.hasFlinksFigures(connectorFigure{"millisBehindLatest", "Milliseconds", p.orders, ".millisBehindLatest", 0})
}
