package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"drey/kinesis"
	"drey/logs"
	logsmodel "drey/model/logs"
	s3model "drey/model/s3"
	"drey/s3"
	"drey/wire"
)

// channelDestinations are S3 and CloudWatch Logs as channels of Kinesis see them: with the rights of their roles.
type channelDestinations struct {
	rights *roleRights
	s3     *s3.Service
	logs   func(context.Context) (*logs.Service, error) // waits until it is there
}

func (s *server) channelDestinations() channelDestinations {
	return channelDestinations{
		rights: &roleRights{iam: s.iam, services: []string{kinesis.ServicePrincipal}}, s3: s.s3,
		logs: func(ctx context.Context) (*logs.Service, error) {
			select {
			case <-s.built: // Logs opens after Kinesis
				return s.logs, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	}
}

var errForeignDestination = wire.ErrorCode{Code: "InvalidBucket", Status: 400}

func (d channelDestinations) as(ctx context.Context, c kinesis.Carrier) (context.Context, error) {
	return d.rights.as(ctx, roleKey{c.Account, c.Role, c.ARN}, c.Region)
}

// admit decides the put like any other of the role, and gives the context to make it in. The bucket has to be of the owner
// that is expected, and in the Region of the channel ("Delivery quotas and limits" in the developer guide).
func (d channelDestinations) admit(ctx context.Context, c kinesis.Carrier, o kinesis.Object, in *s3model.PutObjectInput) (context.Context, error) {
	ctx, err := d.as(ctx, c)
	if err != nil {
		return nil, err
	}
	access, err := d.s3.Access(ctx, "PutObject", in)
	if err != nil {
		return nil, err
	}
	if err := d.rights.iam.Authorize(ctx, access); err != nil {
		return nil, err
	}
	home, err := d.s3.HeadBucket(ctx, &s3model.HeadBucketInput{Bucket: in.Bucket})
	if err != nil {
		return nil, err
	}
	if access[0].ResourceAccount != o.Owner {
		return nil, errForeignDestination.Errorf("The bucket %s is not owned by the account %s, which is expected.", o.Bucket, o.Owner)
	}
	if *home.BucketRegion != c.Region {
		return nil, errForeignDestination.Errorf("The bucket %s is in the region %s, and the channel in %s.", o.Bucket, *home.BucketRegion, c.Region)
	}
	return ctx, nil
}

// Check tells why the object could not be written.
func (d channelDestinations) Check(ctx context.Context, c kinesis.Carrier, o kinesis.Object) error {
	_, err := d.admit(ctx, c, o, putOf(o, nil))
	return err
}

// Put makes or replaces the object.
func (d channelDestinations) Put(ctx context.Context, c kinesis.Carrier, o kinesis.Object, body []byte) error {
	in := putOf(o, body)
	ctx, err := d.admit(ctx, c, o, in)
	if err != nil {
		return err
	}
	_, err = d.s3.PutObject(ctx, in)
	return err
}

func putOf(o kinesis.Object, body []byte) *s3model.PutObjectInput {
	return &s3model.PutObjectInput{
		Bucket: &o.Bucket, Key: &o.Key, StorageClass: s3model.StorageClass(o.StorageClass), ContentLength: new(int64(len(body))), Body: io.NopCloser(bytes.NewReader(body)),
	}
}

// Log adds an event to a log stream, which it makes, and its group, if it is not there.
func (d channelDestinations) Log(ctx context.Context, c kinesis.Carrier, group, stream string, at time.Time, message string) error {
	l, err := d.logs(ctx)
	if err != nil {
		return err
	}
	if ctx, err = d.as(ctx, c); err != nil {
		return err
	}
	put := func() error {
		in := &logsmodel.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: []logsmodel.InputLogEvent{{Timestamp: new(at.UnixMilli()), Message: &message}}}
		return permitted(ctx, d, l, "PutLogEvents", in, l.PutLogEvents)
	}
	if err := put(); !errors.Is(err, logsmodel.ResourceNotFoundException) {
		return err
	}
	err = permitted(ctx, d, l, "CreateLogGroup", &logsmodel.CreateLogGroupInput{LogGroupName: &group}, l.CreateLogGroup)
	if err != nil && !errors.Is(err, logsmodel.ResourceAlreadyExistsException) {
		return err
	}
	err = permitted(ctx, d, l, "CreateLogStream", &logsmodel.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream}, l.CreateLogStream)
	if err != nil && !errors.Is(err, logsmodel.ResourceAlreadyExistsException) {
		return err
	}
	return put()
}

// permitted does an operation of Logs if the role may.
func permitted[I, O any](ctx context.Context, d channelDestinations, l *logs.Service, op string, in *I, do func(context.Context, *I) (*O, error)) error {
	access, err := l.Access(ctx, op, in)
	if err != nil {
		return err
	}
	if err := d.rights.iam.Authorize(ctx, access); err != nil {
		return err
	}
	_, err = do(ctx, in)
	return err
}
