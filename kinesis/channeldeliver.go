package kinesis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"drey/kinesis/parcel"
	"drey/store/seglog"
)

// objects are where records and dead letters go.
func (c *carrier) objects(ch *channel, oldest time.Time, suffix string) (records, letters Object, err error) {
	t, err := ch.template()
	if err != nil {
		return records, letters, err
	}
	n := ch.names(c.stream.key)
	records = Object{bucketOf(ch.Storage.BucketARN), *ch.Storage.ExpectedBucketOwner, t.Key(n, oldest, suffix), string(ch.Storage.StorageClass)}
	letters = Object{bucketOf(ch.Letters.BucketARN), *ch.Letters.ExpectedBucketOwner, parcel.ErrorKey(*ch.Letters.ErrorOutputPrefix, n, oldest, suffix), ""}
	return records, letters, nil
}

// deliver writes the parcel, whether or not it has been written before.
func (c *carrier) deliver(ctx context.Context, x *state, ch *channel) error {
	p := c.progress.Parcel
	contents, err := c.pack(x, ch, p.Ranges)
	if err != nil {
		return err
	}
	if contents.Records+contents.Failed < p.Records {
		// What was written may be more than can be written now, so the rest becomes another object.
		c.batch = parcel.Batch{}
		return c.save(ctx, progress{Positions: c.progress.Positions})
	}
	records, letters, err := c.objects(ch, p.Oldest, p.Suffix)
	if err != nil {
		return err
	}
	body, err := ch.compression().Compress(contents.Body.Bytes())
	if err != nil {
		return err
	}
	by := ch.carrier(c.stream.key)
	if contents.Records > 0 {
		if err := c.service.Destinations.Put(ctx, by, records, body); err != nil {
			return fmt.Errorf("write %s to bucket %s: %w", records.Key, records.Bucket, err)
		}
	}
	if contents.Failed > 0 {
		if err := c.service.Destinations.Put(ctx, by, letters, contents.Letters.Bytes()); err != nil {
			return fmt.Errorf("write dead letters to %s in bucket %s: %w", letters.Key, letters.Bucket, err)
		}
		c.tell(ctx, ch, parcel.FormatError, fmt.Sprintf("%d records are not of the format %s. They are in s3://%s/%s.", contents.Failed, ch.Format, letters.Bucket, letters.Key))
	}
	if p.Lost > 0 {
		c.tell(ctx, ch, "Records.Expired", fmt.Sprintf("%d records passed the retention period of the stream before they could be delivered.", p.Lost))
	}
	if err := c.save(ctx, c.progress.delivered(x)); err != nil {
		return err
	}
	c.batch = parcel.Batch{}
	c.stream.carried(c.service.Now(), ch, p, contents, len(body))
	return nil
}

// pack reads the records of the ranges.
func (c *carrier) pack(x *state, ch *channel, ranges []parcel.Range) (*parcel.Contents, error) {
	contents := &parcel.Contents{Format: parcel.Format(ch.Format), StreamARN: c.stream.key.arn()}
	for _, r := range ranges {
		l := x.at(r.Shard)
		if l == nil {
			continue
		}
		if err := packRange(contents, l, r); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

func packRange(contents *parcel.Contents, l *lane, of parcel.Range) error {
	r := l.log.Reader(of.From)
	defer r.Close()
	for at := of.From; at < of.To; {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) || err == nil && rec.Ordinal >= of.To {
			return nil
		}
		if err != nil {
			return err
		}
		if err := packRecord(contents, l, rec); err != nil {
			return err
		}
		at = rec.Ordinal + 1
	}
	return nil
}

func packRecord(contents *parcel.Contents, l *lane, rec seglog.Record) error {
	partitionKey, data, _, err := decodePayload(rec.Data)
	if err != nil {
		return err
	}
	return contents.Add(parcel.Record{
		ShardID: l.id(), SequenceNumber: l.number(rec.Ordinal, rec.Time).String(), PartitionKey: partitionKey, Arrived: rec.Time, Data: data,
	})
}
