package kinesis

import (
	"time"

	"drey/kinesis/parcel"
)

// channelMetric is a metric of a channel to a bucket ("Monitoring data delivery" in the developer guide). What is told of
// bytes but BytesOut goes by the sizes that limits go by, with partition keys.
type channelMetric int

const (
	dataFreshness channelMetric = iota
	channelBytesIn
	channelBytesProcessed
	channelBytesOut
	carriedRecords
	deliveredRecords
	undeliverableRecords
	deliverySuccess
	deadLettersWritten
	channelMetrics // how many
)

var channelDescriptions = [channelMetrics]description{
	dataFreshness:         {"DeliveryToS3.DataFreshness", "Seconds"},
	channelBytesIn:        {"DeliveryToS3.BytesIn", bytesUnit},
	channelBytesProcessed: {"DeliveryToS3.BytesProcessed", bytesUnit},
	channelBytesOut:       {"DeliveryToS3.BytesOut", bytesUnit},
	carriedRecords:        {"DeliveryToS3.RecordCount", countUnit},
	deliveredRecords:      {"DeliveryToS3.SuccessfulRecordCount", countUnit},
	undeliverableRecords:  {"DeliveryToS3.FailedRecordCount", countUnit},
	deliverySuccess:       {"DeliveryToS3.DeliverySuccess", countUnit},
	deadLettersWritten:    {"DeliveryToS3.DLQDeliverySuccess", countUnit},
}

// channelLabel is how CloudWatch knows a channel.
type channelLabel struct{ id, name string }

type channelTallies [channelMetrics]tally

// carrying lets add count for a channel of the stream.
func (st *stream) carrying(now time.Time, ch *channel, add func(*channelTallies)) {
	st.meter.mu.Lock()
	defer st.meter.mu.Unlock()
	m, label := st.meter.at(now), channelLabel{ch.ID, ch.Name}
	if m.channels[label] == nil {
		m.channels[label] = new(channelTallies)
	}
	add(m.channels[label])
}

// gathering samples the age of the oldest record that is not delivered.
func (st *stream) gathering(now time.Time, ch *channel, b *parcel.Batch) {
	st.carrying(now, ch, func(t *channelTallies) { t[dataFreshness].add(max(0, now.Sub(b.Oldest).Seconds())) })
}

// stuck counts an attempt to deliver a parcel that failed.
func (st *stream) stuck(now time.Time, ch *channel, p *sealed) {
	st.gathering(now, ch, &p.Batch)
	st.carrying(now, ch, func(t *channelTallies) { t[deliverySuccess].yes(false) })
}

// carried counts a parcel that was delivered, in so many bytes.
func (st *stream) carried(now time.Time, ch *channel, p *sealed, c *parcel.Contents, size int) {
	st.gathering(now, ch, &p.Batch)
	st.carrying(now, ch, func(t *channelTallies) {
		t[channelBytesIn].add(float64(p.Size))
		t[channelBytesProcessed].add(float64(p.Size))
		t[channelBytesOut].add(float64(size))
		t[carriedRecords].add(float64(c.Records + c.Failed))
		t[deliveredRecords].add(float64(c.Records))
		t[undeliverableRecords].add(float64(c.Failed))
		t[deadLettersWritten].add(float64(c.Failed))
		t[deliverySuccess].yes(true)
	})
}
