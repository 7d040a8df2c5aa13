package kinesis

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	model "drey/model/kinesis"
)

// RegisterStreamConsumer adds a consumer that is ACTIVE a moment later; a stream has at most 20, queues included.
func (s *Service) RegisterStreamConsumer(ctx context.Context, in *model.RegisterStreamConsumerInput) (*model.RegisterStreamConsumerOutput, error) {
	st, _, err := s.findReady(ctx, reference{arn: in.StreamARN, id: in.StreamId})
	if err != nil {
		return nil, err
	}
	var made consumer
	err = s.change(ctx, st, func(d *document) error {
		now := s.Now()
		if d.Gone != nil {
			return errNotActive(st.key, d.status(now))
		}
		live := d.consumers(now)
		if slices.ContainsFunc(live, func(c consumer) bool { return c.Name == *in.ConsumerName }) {
			return model.ResourceInUseException.Errorf("Consumer %s under stream %s already exists for account %s.", *in.ConsumerName, st.key.Name, st.key.Account)
		}
		if limit := s.consumersOf(st.key, d, now); d.registered(now) >= limit {
			return model.LimitExceededException.Errorf("This request would exceed the limit of %d consumers and queues of stream %s under account %s.", limit, st.key.Name, st.key.Account)
		}
		creating := slices.DeleteFunc(slices.Clone(live), func(c consumer) bool { return c.status(now) != model.ConsumerStatusCREATING })
		if s.Limits && len(creating) >= creatingLimit {
			return model.LimitExceededException.Errorf("Stream %s under account %s already has %d consumers in the CREATING state, which is the limit.", st.key.Name, st.key.Account, creatingLimit)
		}
		if err := checkTags(st.key, in.Tags, len(in.Tags)); err != nil {
			return err
		}
		made = consumer{Name: *in.ConsumerName, Created: now, Active: now.Add(creation), Tags: in.Tags}
		d.Consumers = append(live, made)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &model.RegisterStreamConsumerOutput{Consumer: new(made.describe(st.key, made.Created))}, nil
}

// consumersOf is how many consumers and queues a stream may have.
func (s *Service) consumersOf(k key, d *document, now time.Time) int {
	if d.Mode == model.StreamModeON_DEMAND && s.accounts.commitment(k).stands(now) {
		return advantageConsumers
	}
	return consumersLimit
}

func (c consumer) describe(k key, now time.Time) model.Consumer {
	return model.Consumer{ConsumerName: &c.Name, ConsumerARN: new(c.arn(k)), ConsumerStatus: c.status(now), ConsumerCreationTimestamp: &c.Created}
}

// consumerReference is how a request names a consumer: by its ARN, or by name and stream.
type consumerReference struct {
	arn, name *string
	stream    reference
}

// findConsumer gives the stream and the consumer that a request means.
func (s *Service) findConsumer(ctx context.Context, ref consumerReference) (*stream, consumer, error) {
	if ref.arn != nil {
		t, err := parseTarget(*ref.arn)
		if err != nil {
			return nil, consumer{}, err
		}
		if t.consumer == "" || ref.name != nil && *ref.name != t.consumer || ref.stream.arn != nil && *ref.stream.arn != t.stream.arn() {
			return nil, consumer{}, model.InvalidArgumentException.Errorf("ConsumerARN %s is not that of a consumer, or conflicts with the StreamARN or ConsumerName of the request.", *ref.arn)
		}
		st, c, err := s.byTarget(t)
		if err != nil {
			return nil, consumer{}, err
		}
		return st, c, st.is(ref.stream.id)
	}
	if ref.name == nil || (ref.stream.arn == nil && ref.stream.id == nil) {
		return nil, consumer{}, model.InvalidArgumentException.Errorf("Either ConsumerARN, or StreamARN and ConsumerName must be specified.")
	}
	st, err := s.find(ctx, ref.stream)
	if err != nil {
		return nil, consumer{}, err
	}
	return s.byTarget(target{stream: st.key, consumer: *ref.name})
}

// byTarget finds a consumer; t.created is checked if it is known.
func (s *Service) byTarget(t target) (*stream, consumer, error) {
	st, err := s.byKey(t.stream)
	if err != nil {
		return nil, consumer{}, err
	}
	for _, c := range st.load().consumers(s.Now()) {
		if c.Name == t.consumer && (t.created == "" || t.created == strconv.FormatInt(c.Created.Unix(), 10)) {
			return st, c, nil
		}
	}
	return nil, consumer{}, model.ResourceNotFoundException.Errorf("Consumer %s under stream %s not found for account %s.", t.consumer, t.stream.Name, t.stream.Account)
}

// DescribeStreamConsumer tells of a consumer.
func (s *Service) DescribeStreamConsumer(ctx context.Context, in *model.DescribeStreamConsumerInput) (*model.DescribeStreamConsumerOutput, error) {
	st, c, err := s.findConsumer(ctx, consumerReference{in.ConsumerARN, in.ConsumerName, reference{arn: in.StreamARN, id: in.StreamId}})
	if err != nil {
		return nil, err
	}
	d := c.describe(st.key, s.Now())
	return &model.DescribeStreamConsumerOutput{ConsumerDescription: &model.ConsumerDescription{
		ConsumerName: d.ConsumerName, ConsumerARN: d.ConsumerARN, ConsumerStatus: d.ConsumerStatus,
		ConsumerCreationTimestamp: d.ConsumerCreationTimestamp, StreamARN: new(st.key.arn()),
	}}, nil
}

// DeregisterStreamConsumer begins the end of a consumer. Its subscriptions end at once.
func (s *Service) DeregisterStreamConsumer(ctx context.Context, in *model.DeregisterStreamConsumerInput) (*model.DeregisterStreamConsumerOutput, error) {
	st, c, err := s.findConsumer(ctx, consumerReference{in.ConsumerARN, in.ConsumerName, reference{arn: in.StreamARN, id: in.StreamId}})
	if err != nil {
		return nil, err
	}
	if err := s.changeConsumer(ctx, st, c, func(c *consumer) error {
		if c.Gone == nil {
			c.Gone = new(s.Now().Add(deletion))
		}
		return nil
	}); err != nil {
		return nil, err
	}
	arn := c.arn(st.key)
	s.subs.end(errNoConsumer(arn), func(x *subscription) bool { return x.consumer == arn })
	return &model.DeregisterStreamConsumerOutput{}, nil
}

func errNoConsumer(arn string) error {
	return model.ResourceNotFoundException.Errorf("Consumer %s not found.", arn)
}

// changeConsumer stores what edit makes of the consumer.
func (s *Service) changeConsumer(ctx context.Context, st *stream, c consumer, edit func(*consumer) error) error {
	return s.change(ctx, st, func(d *document) error {
		for i := range d.Consumers {
			if d.Consumers[i].arn(st.key) == c.arn(st.key) {
				return edit(&d.Consumers[i])
			}
		}
		return errNoConsumer(c.arn(st.key))
	})
}

// ListStreamConsumers lists consumers, 100 at a time unless MaxResults says less.
func (s *Service) ListStreamConsumers(ctx context.Context, in *model.ListStreamConsumersInput) (*model.ListStreamConsumersOutput, error) {
	st, err := s.find(ctx, reference{arn: in.StreamARN, id: in.StreamId})
	if err != nil {
		return nil, err
	}
	x, now, after := st.load(), s.Now(), ""
	if otherCreation(x, in.StreamCreationTimestamp) {
		return nil, errNoStream(st.key)
	}
	if in.NextToken != nil {
		if in.StreamCreationTimestamp != nil {
			return nil, model.InvalidArgumentException.Errorf("NextToken and StreamCreationTimestamp cannot be provided together.")
		}
		t, err := s.openPage(consumersToken, *in.NextToken)
		if err != nil {
			return nil, err
		}
		if t.ID != x.ID {
			return nil, model.InvalidArgumentException.Errorf("The NextToken is of another stream.")
		}
		after = t.After
	}
	live := x.consumers(now)
	slices.SortFunc(live, func(a, b consumer) int { return strings.Compare(a.Name, b.Name) })
	out := &model.ListStreamConsumersOutput{Consumers: []model.Consumer{}}
	for _, c := range live {
		if c.Name <= after {
			continue
		}
		if n := len(out.Consumers); n == min(or(in.MaxResults, maxPage), maxPage) {
			out.NextToken = new(s.sealer.seal(token{Kind: consumersToken, ID: x.ID, Stream: st.key, After: *out.Consumers[n-1].ConsumerName, Issued: now}))
			break
		}
		out.Consumers = append(out.Consumers, c.describe(st.key, now))
	}
	return out, nil
}
