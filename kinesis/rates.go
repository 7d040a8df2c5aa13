package kinesis

import (
	"context"
	"strings"
	"sync"
	"time"

	model "drey/model/kinesis"
	"drey/wire"
)

// rate is how often an operation may be called in a second.
type rate struct {
	calls int
	scope scope
}

type scope int

const (
	perAccount scope = iota // and region
	perStream
	perSubscription // consumer and shard
)

// rates are the limits of the control plane ("Quotas and limits" in the developer guide; where the API reference names
// another number, that one, which is younger). What they do not name has none.
var rates = map[string]rate{
	"AddTagsToStream":               {5, perAccount},
	"CreateChannel":                 {5, perAccount},
	"CreateStream":                  {5, perAccount},
	"DecreaseStreamRetentionPeriod": {5, perStream},
	"DeleteChannel":                 {5, perAccount},
	"DeleteResourcePolicy":          {5, perAccount},
	"DeleteStream":                  {5, perAccount},
	"DeregisterStreamConsumer":      {5, perStream},
	"DescribeAccountSettings":       {5, perAccount},
	"DescribeChannel":               {5, perAccount},
	"DescribeLimits":                {1, perAccount},
	"DescribeStream":                {10, perAccount},
	"DescribeStreamConsumer":        {20, perStream},
	"DescribeStreamSummary":         {20, perAccount},
	"DisableEnhancedMonitoring":     {5, perStream},
	"EnableEnhancedMonitoring":      {5, perStream},
	"GetResourcePolicy":             {5, perAccount},
	"IncreaseStreamRetentionPeriod": {5, perStream},
	"ListChannels":                  {5, perAccount},
	"ListShards":                    {1000, perStream},
	"ListStreamConsumers":           {5, perStream},
	"ListStreams":                   {5, perAccount},
	"ListTagsForResource":           {5, perAccount},
	"ListTagsForStream":             {5, perAccount},
	"MergeShards":                   {5, perAccount},
	"PutResourcePolicy":             {5, perAccount},
	"RegisterStreamConsumer":        {5, perAccount},
	"RemoveTagsFromStream":          {5, perAccount},
	"SplitShard":                    {5, perAccount},
	"StartStreamEncryption":         {5, perStream},
	"StopStreamEncryption":          {5, perStream},
	"SubscribeToShard":              {1, perSubscription}, // "SubscribeToShard" in the API reference; five a second are RegisterStreamConsumer's
	"TagResource":                   {5, perAccount},
	"UntagResource":                 {5, perAccount},
	"UpdateAccountSettings":         {5, perAccount},
	"UpdateChannel":                 {5, perAccount},
	"UpdateShardCount":              {10, perAccount},
	"UpdateStreamMode":              {5, perStream},
	"UpdateStreamWarmThroughput":    {5, perAccount},
}

// daily is how often an operation may change a stream within 24 hours.
var daily = map[string]int{
	"StartStreamEncryption": 25,
	"StopStreamEncryption":  25,
	"UpdateShardCount":      10,
	"UpdateStreamMode":      2,
}

const day = 24 * time.Hour

// spend counts a change that is limited by the day.
func (s *Service) spend(d *document, op string, now time.Time) error {
	if !s.Limits {
		return nil
	}
	recent := within(d.Changes[op], now, day)
	if len(recent) >= daily[op] {
		return model.LimitExceededException.Errorf("%s changed this stream %d times within the last 24 hours, which is the limit.", op, daily[op])
	}
	if d.Changes == nil {
		d.Changes = map[string][]time.Time{}
	}
	d.Changes[op] = append(recent, now)
	return nil
}

// Ops is the table of operations, with the limits of the control plane in front of them if limits are on.
func (s *Service) Ops() []wire.Op {
	ops := model.Ops(s)
	if !s.Limits {
		return ops
	}
	for i, op := range ops {
		if limit, ok := rates[op.Name]; ok {
			ops[i].Call = func(ctx context.Context, in any) (any, error) {
				if err := s.admit(ctx, op.Name, limit, in); err != nil {
					s.countRefusal(ctx, in)
					return nil, err
				}
				return op.Call(ctx, in)
			}
		}
	}
	return ops
}

// callers are the paces of those who called operations that have a rate.
type callers struct {
	mu    sync.Mutex
	paces map[string]pace
}

// maxCallers is how many paces are kept before those that are full again are forgotten.
const maxCallers = 10_000

func (c *callers) admit(now time.Time, who string, calls int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, one := c.paces[who], cost(1, calls)
	if !p.admits(now, one) {
		c.paces[who] = p // what it saw of the clock
		return false
	}
	p.use(now, one)
	if c.paces == nil || len(c.paces) >= maxCallers {
		kept := map[string]pace{}
		for k, v := range c.paces {
			if v.debt(now) > 0 {
				kept[k] = v
			}
		}
		c.paces = kept
	}
	c.paces[who] = p
	return true
}

func (s *Service) admit(ctx context.Context, op string, limit rate, in any) error {
	r := wire.FromContext(ctx)
	who, what := r.Account+"/"+r.Region, "account "+r.Account
	if limit.scope != perAccount {
		need, err := s.Access(ctx, op, in)
		if err != nil {
			return err
		}
		if len(need) == 0 {
			return nil // the method refuses it
		}
		who = need[0].Resource
		what = "resource " + who
	}
	switch limit.scope {
	case perStream:
		who, _, _ = strings.Cut(who, "/consumer/")
	case perSubscription:
		who += "/" + *in.(*model.SubscribeToShardInput).ShardId
	case perAccount:
	}
	if !s.callers.admit(s.Now(), op+" "+who, limit.calls) {
		return model.LimitExceededException.Errorf("Rate exceeded for %s: %s may be called %d times per second.", what, op, limit.calls)
	}
	return nil
}

// countRefusal counts a subscription that came too soon after another.
func (s *Service) countRefusal(ctx context.Context, in any) {
	sub, ok := in.(*model.SubscribeToShardInput)
	if !ok {
		return
	}
	if st, c, err := s.findConsumer(ctx, consumerReference{arn: sub.ConsumerARN}); err == nil {
		st.meter.subscribed(s.Now(), c.Name, false)
	}
}
