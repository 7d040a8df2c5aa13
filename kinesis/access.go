package kinesis

import (
	"context"
	"fmt"

	model "drey/model/kinesis"
	"drey/wire"
)

// Access tells which permission an operation needs ("Actions, resources, and condition keys for Amazon Kinesis Data
// Streams"). Requests that name nothing that could exist need none: their method refuses them.
func (s *Service) Access(ctx context.Context, op string, in any) ([]wire.Access, error) {
	rule := accesses[op]
	if rule == nil {
		return nil, fmt.Errorf("kinesis: no access rule for operation %s", op)
	}
	return rule(s, ctx, "kinesis:"+op, in)
}

type rule func(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error)

var accesses = map[string]rule{
	"AddTagsToStream": onStream(func(in *model.AddTagsToStreamInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"AcknowledgeDeadLetterQueueRecords": onARN(func(in *model.AcknowledgeDeadLetterQueueRecordsInput) *string { return in.QueueARN }),
	"AcknowledgeQueueRecords":           onARN(func(in *model.AcknowledgeQueueRecordsInput) *string { return in.QueueARN }),
	"CreateChannel":                     onCreateChannel,
	"CreateQueue":                       onCreateQueue,
	"CreateStream":                      onCreate,
	"DecreaseStreamRetentionPeriod": onStream(func(in *model.DecreaseStreamRetentionPeriodInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"DeleteChannel":        onARN(func(in *model.DeleteChannelInput) *string { return in.ChannelARN }),
	"DeleteQueue":          onARN(func(in *model.DeleteQueueInput) *string { return in.QueueARN }),
	"DeleteResourcePolicy": onARN(func(in *model.DeleteResourcePolicyInput) *string { return in.ResourceARN }),
	"DeleteStream": onStream(func(in *model.DeleteStreamInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"DeregisterStreamConsumer": onConsumer(func(in *model.DeregisterStreamConsumerInput) consumerReference {
		return consumerReference{in.ConsumerARN, in.ConsumerName, reference{arn: in.StreamARN, id: in.StreamId}}
	}),
	"DescribeAccountSettings": onAll,
	"DescribeChannel":         onARN(func(in *model.DescribeChannelInput) *string { return in.ChannelARN }),
	"DescribeLimits":          onAll,
	"DescribeQueue":           onARN(func(in *model.DescribeQueueInput) *string { return in.QueueARN }),
	"DescribeStream": onStream(func(in *model.DescribeStreamInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"DescribeStreamConsumer": onConsumer(func(in *model.DescribeStreamConsumerInput) consumerReference {
		return consumerReference{in.ConsumerARN, in.ConsumerName, reference{arn: in.StreamARN, id: in.StreamId}}
	}),
	"DescribeStreamSummary": onStream(func(in *model.DescribeStreamSummaryInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"DisableEnhancedMonitoring": onStream(func(in *model.DisableEnhancedMonitoringInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"EnableEnhancedMonitoring": onStream(func(in *model.EnableEnhancedMonitoringInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"GetRecords":        onToken(iteratorToken, func(in *model.GetRecordsInput) *string { return in.ShardIterator }),
	"GetResourcePolicy": onARN(func(in *model.GetResourcePolicyInput) *string { return in.ResourceARN }),
	"GetShardIterator": onStream(func(in *model.GetShardIteratorInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"IncreaseStreamRetentionPeriod": onStream(func(in *model.IncreaseStreamRetentionPeriodInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"ListChannels": onAllStreams,
	"ListQueues":   onAll,
	"ListShards":   onShards,
	"ListStreamConsumers": onStream(func(in *model.ListStreamConsumersInput) reference {
		return reference{arn: in.StreamARN, id: in.StreamId}
	}),
	"ListStreams":         onAll,
	"ListTagsForResource": onARN(func(in *model.ListTagsForResourceInput) *string { return in.ResourceARN }),
	"ListTagsForStream": onStream(func(in *model.ListTagsForStreamInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"MergeShards": onStream(func(in *model.MergeShardsInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"PutRecord": onStream(func(in *model.PutRecordInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"PutRecords": onStream(func(in *model.PutRecordsInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"PutResourcePolicy":             onARN(func(in *model.PutResourcePolicyInput) *string { return in.ResourceARN }),
	"ReceiveDeadLetterQueueRecords": onARN(func(in *model.ReceiveDeadLetterQueueRecordsInput) *string { return in.QueueARN }),
	"ReceiveQueueRecords":           onARN(func(in *model.ReceiveQueueRecordsInput) *string { return in.QueueARN }),
	"RegisterStreamConsumer":        onRegister,
	"RemoveTagsFromStream": onStream(func(in *model.RemoveTagsFromStreamInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"RestoreDeadLetterQueueRecords": onARN(func(in *model.RestoreDeadLetterQueueRecordsInput) *string { return in.QueueARN }),
	"SplitShard": onStream(func(in *model.SplitShardInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"StartStreamEncryption": onStream(func(in *model.StartStreamEncryptionInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"StopStreamEncryption": onStream(func(in *model.StopStreamEncryptionInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"SubscribeToShard": onConsumer(func(in *model.SubscribeToShardInput) consumerReference {
		return consumerReference{arn: in.ConsumerARN}
	}),
	"TagResource":                            onARN(func(in *model.TagResourceInput) *string { return in.ResourceARN }),
	"UntagResource":                          onARN(func(in *model.UntagResourceInput) *string { return in.ResourceARN }),
	"UpdateAccountSettings":                  onAll,
	"UpdateChannel":                          onARN(func(in *model.UpdateChannelInput) *string { return in.ChannelARN }),
	"UpdateDeadLetterQueueRecordsVisibility": onARN(func(in *model.UpdateDeadLetterQueueRecordsVisibilityInput) *string { return in.QueueARN }),
	"UpdateMaxRecordSize": onStream(func(in *model.UpdateMaxRecordSizeInput) reference {
		return reference{arn: in.StreamARN, id: in.StreamId}
	}),
	"UpdateQueue":                  onARN(func(in *model.UpdateQueueInput) *string { return in.QueueARN }),
	"UpdateQueueRecordsVisibility": onARN(func(in *model.UpdateQueueRecordsVisibilityInput) *string { return in.QueueARN }),
	"UpdateShardCount": onStream(func(in *model.UpdateShardCountInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"UpdateStreamRecordDistributionStrategy": onStream(func(in *model.UpdateStreamRecordDistributionStrategyInput) reference {
		return reference{arn: in.StreamARN, id: in.StreamId}
	}),
	"UpdateStreamWarmThroughput": onStream(func(in *model.UpdateStreamWarmThroughputInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	}),
	"UpdateStreamMode": onStream(func(in *model.UpdateStreamModeInput) reference { return reference{arn: in.StreamARN, id: in.StreamId} }),
}

// onAll is an operation without resource.
func onAll(_ *Service, _ context.Context, action string, _ any) ([]wire.Access, error) {
	return []wire.Access{{Action: action, Resource: "*"}}, nil
}

// onStream is an operation on a stream, which need not exist.
func onStream[I any](ref func(*I) reference) rule {
	return func(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
		k, err := s.keyOf(ctx, ref(in.(*I)))
		if err != nil {
			return nil, err
		}
		return s.access(action, target{stream: k}, k.arn()), nil
	}
}

// onCreate needs a second permission for tags.
func onCreate(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
	x := in.(*model.CreateStreamInput)
	k, err := s.keyOf(ctx, reference{name: x.StreamName})
	if err != nil {
		return nil, err
	}
	need := s.access(action, target{stream: k}, k.arn())
	if len(x.Tags) > 0 {
		need = append(need, s.access("kinesis:AddTagsToStream", target{stream: k}, k.arn())...)
	}
	return need, nil
}

// onRegister needs a second permission for tags.
func onRegister(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
	x := in.(*model.RegisterStreamConsumerInput)
	k, err := s.keyOf(ctx, reference{arn: x.StreamARN, id: x.StreamId})
	if err != nil {
		return nil, err
	}
	need := s.access(action, target{stream: k}, k.arn())
	if len(x.Tags) > 0 {
		c := target{stream: k, consumer: *x.ConsumerName}
		need = append(need, s.access("kinesis:TagResource", c, k.arn()+"/consumer/"+*x.ConsumerName)...)
	}
	return need, nil
}

// onCreateQueue needs a second permission for the stream, and a third for tags. The queue has no id yet: its resource is
// every queue of the account and region ("IAM permissions for queues" in the developer guide).
func onCreateQueue(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
	x, r := in.(*model.CreateQueueInput), wire.FromContext(ctx)
	any := queueARN(r.Account, r.Region, "*")
	need := []wire.Access{{Action: action, Resource: any, ResourceAccount: r.Account}}
	for _, c := range x.StreamConfigurationList {
		k, err := s.keyOf(ctx, reference{arn: c.StreamARN})
		if err != nil {
			return nil, err
		}
		need = append(need, s.access("kinesis:AssociateStreamsWithQueue", target{stream: k}, k.arn())...)
	}
	if len(x.Tags) > 0 {
		need = append(need, wire.Access{Action: "kinesis:TagResource", Resource: any, ResourceAccount: r.Account})
	}
	return need, nil
}

// onCreateChannel needs two permissions for the stream, one to pass the role on, and one for tags ("IAM permissions for data
// delivery" in the developer guide). The channel has no id yet: its resource is every channel of the account and region.
func onCreateChannel(s *Service, ctx context.Context, action string, in any) (need []wire.Access, err error) {
	x, r := in.(*model.CreateChannelInput), wire.FromContext(ctx)
	for _, c := range x.StreamConfigurationList {
		k, err := s.keyOf(ctx, reference{arn: c.StreamARN})
		if err != nil {
			return nil, err
		}
		need = append(need, s.access(action, target{stream: k}, k.arn())...)
		need = append(need, s.access("kinesis:AssociateStreamsWithChannel", target{stream: k}, k.arn())...)
	}
	need = append(need, wire.Access{Action: "iam:PassRole", Resource: *x.ServiceExecutionRoleARN, Conditions: map[string][]string{"iam:PassedToService": {ServicePrincipal}}})
	if len(x.Tags) > 0 {
		need = append(need, wire.Access{Action: "kinesis:TagResource", Resource: channelARN(r.Account, r.Region, "*"), ResourceAccount: r.Account})
	}
	return need, nil
}

// onAllStreams is an operation on what belongs to streams of the account and region.
func onAllStreams(_ *Service, ctx context.Context, action string, _ any) ([]wire.Access, error) {
	r := wire.FromContext(ctx)
	return []wire.Access{{Action: action, Resource: key{r.Account, r.Region, "*"}.arn(), ResourceAccount: r.Account}}, nil
}

// onARN is an operation on whatever the ARN names.
func onARN[I any](arn func(*I) *string) rule {
	return func(s *Service, _ context.Context, action string, in any) ([]wire.Access, error) {
		t, err := parseTarget(*arn(in.(*I)))
		if err != nil {
			return nil, err
		}
		return s.access(action, t, *arn(in.(*I))), nil
	}
}

// onConsumer is an operation on a consumer. One that does not exist is named without its time of creation.
func onConsumer[I any](ref func(*I) consumerReference) rule {
	return func(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
		r := ref(in.(*I))
		if r.arn != nil {
			t, err := parseTarget(*r.arn)
			if err != nil {
				return nil, err
			}
			return s.access(action, t, *r.arn), nil
		}
		if st, c, err := s.findConsumer(ctx, r); err == nil {
			return s.access(action, target{stream: st.key, consumer: c.Name}, c.arn(st.key)), nil
		}
		k, err := s.keyOf(ctx, r.stream)
		if err != nil {
			return nil, err
		}
		if r.name == nil {
			return s.access(action, target{stream: k}, k.arn()), nil
		}
		return s.access(action, target{stream: k}, k.arn()+"/consumer/"+*r.name), nil
	}
}

// onToken is an operation on the stream that a token was made for.
func onToken[I any](kind tokenKind, text func(*I) *string) rule {
	return func(s *Service, _ context.Context, action string, in any) ([]wire.Access, error) {
		t, ok := s.sealer.open(kind, *text(in.(*I)))
		if !ok {
			return nil, nil // the method refuses it
		}
		return s.access(action, target{stream: t.Stream}, t.Stream.arn()), nil
	}
}

func onShards(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
	x := in.(*model.ListShardsInput)
	if x.NextToken != nil { // whatever stands beside it: the method refuses what is of another stream
		return onToken(shardsToken, func(in *model.ListShardsInput) *string { return in.NextToken })(s, ctx, action, in)
	}
	return onStream(func(in *model.ListShardsInput) reference {
		return reference{in.StreamName, in.StreamARN, in.StreamId}
	})(s, ctx, action, in)
}

// access adds what is known of the resource.
func (s *Service) access(action string, t target, arn string) []wire.Access {
	a := wire.Access{Action: action, Resource: arn, ResourceAccount: t.stream.Account}
	if tags, policy, err := s.readTarget(t); err == nil {
		a.ResourcePolicy = policy
		if len(tags) > 0 {
			a.Conditions = map[string][]string{}
		}
		for k, v := range tags {
			a.Conditions["aws:ResourceTag/"+k] = []string{v}
		}
	}
	return []wire.Access{a}
}
