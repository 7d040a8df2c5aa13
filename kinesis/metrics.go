package kinesis

import (
	"context"
	"slices"
	"time"

	model "drey/model/kinesis"
)

// Datum is what a metric of AWS/Kinesis was in a minute.
type Datum struct {
	Name, Unit string
	Dimensions []Dimension
	Time       time.Time // the minute's beginning

	Count, Sum, Minimum, Maximum float64
	// Values are about the samples, and Counts how many there are of each: of latencies only, whose percentiles they tell.
	Values, Counts []float64
}

// Dimension is a name and value that tell metrics of one name apart.
type Dimension struct{ Name, Value string }

// The metrics, their units and their dimensions are in "Monitor the Amazon Kinesis Data Streams service with Amazon
// CloudWatch" in the developer guide. Those that it calls deprecated are left out.
type (
	streamMetric   int
	shardMetric    int
	consumerMetric int
)

const (
	putRecordLatency streamMetric = iota // of the operation alone, without its way to the client
	putRecordsLatency
	getRecordsLatency
	latencyMetrics // how many
)

const (
	putRecordBytes streamMetric = latencyMetrics + iota
	putRecordSuccess
	putRecordsBytes
	putRecordsSuccess
	totalRecords
	successfulRecords
	failedRecords
	throttledRecords
	incomingBytes
	incomingRecords
	writeExceeded
	getRecordsBytes
	getRecordsRecords
	getRecordsAge
	getRecordsSuccess
	readExceeded
	streamMetrics // how many
)

const (
	shardIncomingBytes shardMetric = iota
	shardIncomingRecords
	shardWriteExceeded
	shardOutgoingBytes
	shardOutgoingRecords
	shardAge
	shardReadExceeded
	shardLevelMetrics // how many
)

const (
	subscribeSuccess consumerMetric = iota
	subscribeExceeded
	eventBytes
	eventRecords
	eventBehind
	eventSuccess
	consumerMetrics // how many
)

// description is how CloudWatch knows a metric.
type description struct{ name, unit string }

const (
	bytesUnit  = "Bytes"
	countUnit  = "Count"
	millisUnit = "Milliseconds"
)

var (
	streamDescriptions = [streamMetrics]description{
		putRecordLatency:  {"PutRecord.Latency", millisUnit},
		putRecordsLatency: {"PutRecords.Latency", millisUnit},
		getRecordsLatency: {"GetRecords.Latency", millisUnit},
		putRecordBytes:    {"PutRecord.Bytes", bytesUnit},
		putRecordSuccess:  {"PutRecord.Success", countUnit},
		putRecordsBytes:   {"PutRecords.Bytes", bytesUnit},
		putRecordsSuccess: {"PutRecords.Success", countUnit},
		totalRecords:      {"PutRecords.TotalRecords", countUnit},
		successfulRecords: {"PutRecords.SuccessfulRecords", countUnit},
		failedRecords:     {"PutRecords.FailedRecords", countUnit},
		throttledRecords:  {"PutRecords.ThrottledRecords", countUnit},
		incomingBytes:     {"IncomingBytes", bytesUnit},
		incomingRecords:   {"IncomingRecords", countUnit},
		writeExceeded:     {"WriteProvisionedThroughputExceeded", countUnit},
		getRecordsBytes:   {"GetRecords.Bytes", bytesUnit},
		getRecordsRecords: {"GetRecords.Records", countUnit},
		getRecordsAge:     {"GetRecords.IteratorAgeMilliseconds", millisUnit},
		getRecordsSuccess: {"GetRecords.Success", countUnit},
		readExceeded:      {"ReadProvisionedThroughputExceeded", countUnit},
	}
	shardDescriptions = [shardLevelMetrics]description{
		shardIncomingBytes:   {string(model.MetricsNameIncomingBytes), bytesUnit},
		shardIncomingRecords: {string(model.MetricsNameIncomingRecords), countUnit},
		shardWriteExceeded:   {string(model.MetricsNameWriteProvisionedThroughputExceeded), countUnit},
		shardOutgoingBytes:   {string(model.MetricsNameOutgoingBytes), bytesUnit},
		shardOutgoingRecords: {string(model.MetricsNameOutgoingRecords), countUnit},
		shardAge:             {string(model.MetricsNameIteratorAgeMilliseconds), millisUnit},
		shardReadExceeded:    {string(model.MetricsNameReadProvisionedThroughputExceeded), countUnit},
	}
	consumerDescriptions = [consumerMetrics]description{
		subscribeSuccess:  {"SubscribeToShard.Success", countUnit},
		subscribeExceeded: {"SubscribeToShard.RateExceeded", countUnit},
		eventBytes:        {"SubscribeToShardEvent.Bytes", bytesUnit},
		eventRecords:      {"SubscribeToShardEvent.Records", countUnit},
		eventBehind:       {"SubscribeToShardEvent.MillisBehindLatest", millisUnit},
		eventSuccess:      {"SubscribeToShardEvent.Success", countUnit},
	}
)

// data lists what was counted of the stream: the metrics of its shards only as far as the owner enabled them.
func (m *minute) data(stream string, enabled []model.MetricsName) (out []Datum) {
	add := func(d description, t tally, dimensions []Dimension) {
		if t.count > 0 {
			out = append(out, Datum{Name: d.name, Unit: d.unit, Dimensions: dimensions, Time: m.start, Count: t.count, Sum: t.sum, Minimum: t.min, Maximum: t.max})
		}
	}
	name := Dimension{"StreamName", stream}
	of := []Dimension{name}
	for x, t := range m.stream {
		add(streamDescriptions[x], t, of)
		if x < int(latencyMetrics) && m.latencies[x] != nil {
			d := &out[len(out)-1]
			d.Values, d.Counts = m.latencies[x].values(t.min, t.max)
		}
	}
	for consumer, tallies := range m.consumers {
		of := []Dimension{name, {"ConsumerName", consumer}}
		for x, t := range tallies {
			add(consumerDescriptions[x], t, of)
		}
	}
	for label, tallies := range m.queues {
		of := []Dimension{{"QueueId", label.id}, {"QueueName", label.name}}
		for x, t := range tallies {
			add(queueDescriptions[x], t, of)
		}
	}
	for label, tallies := range m.channels {
		of := []Dimension{{"ChannelId", label.id}, {"ChannelName", label.name}, name}
		for x, t := range tallies {
			add(channelDescriptions[x], t, of)
		}
	}
	if len(enabled) == 0 {
		return out
	}
	for index, tallies := range m.shards {
		of := []Dimension{name, {"ShardId", shardID(index)}}
		for x, t := range tallies {
			if d := shardDescriptions[x]; slices.Contains(enabled, model.MetricsName(d.name)) {
				add(d, t, of)
			}
		}
	}
	return out
}

// metered is what was counted of a stream.
type metered struct {
	stream  *stream
	minutes []*minute
}

// meteredBefore takes what was counted in the minutes that are over; all of it of streams that were removed.
func (s *Service) meteredBefore(now time.Time) (out []metered) {
	for _, st := range s.all() {
		if past := st.meter.take(now); len(past) > 0 {
			out = append(out, metered{st, past})
		}
	}
	s.mu.Lock()
	removed := s.removed
	s.removed = nil
	s.mu.Unlock()
	for _, st := range removed {
		out = append(out, metered{st, st.meter.takeAll()})
	}
	return out
}

// meteredSoFar takes all that was counted.
func (s *Service) meteredSoFar(now time.Time) []metered {
	out := s.meteredBefore(now)
	for _, st := range s.all() {
		out = append(out, metered{st, st.meter.takeAll()})
	}
	return out
}

// place is where metrics belong.
type place struct{ account, region string }

// maxUnsent is how many data of a place are kept while nobody takes them.
const maxUnsent = 100_000

// report hands metrics over. What is not taken is offered again with the next. Only the keeper calls it.
func (s *Service) report(ctx context.Context, all []metered) {
	if s.Metrics == nil {
		return
	}
	for _, x := range all {
		p, enabled := place{x.stream.key.Account, x.stream.key.Region}, x.stream.load().Metrics
		for _, m := range x.minutes {
			s.unsent[p] = append(s.unsent[p], m.data(x.stream.key.Name, enabled)...)
		}
	}
	for p, data := range s.unsent {
		err := s.Metrics(ctx, p.account, p.region, data)
		if err == nil {
			delete(s.unsent, p)
			continue
		}
		lost := max(0, len(data)-maxUnsent)
		s.unsent[p] = data[lost:]
		s.Log.Error("kinesis: metrics were not stored; they are offered again as long as the server runs", "account", p.account, "region", p.region, "lost", lost, "error", err)
	}
}
