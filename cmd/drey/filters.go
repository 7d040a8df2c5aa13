package main

import (
	"context"

	"drey/cloudwatch"
	"drey/iam"
	"drey/kinesis"
	"drey/logs"
	kinesismodel "drey/model/kinesis"
)

// filterMetrics is the CloudWatch service as metric filters see it.
type filterMetrics struct{ cloudwatch *cloudwatch.Service }

// Put hands samples on.
func (m filterMetrics) Put(ctx context.Context, account, region, namespace string, data []logs.Datum) error {
	var list []cloudwatch.Datum
	for _, d := range data {
		c := cloudwatch.Datum{Name: d.Name, Time: d.Time, Value: d.Value, Unit: d.Unit}
		for _, dim := range d.Dimensions {
			c.Dimensions = append(c.Dimensions, cloudwatch.Dimension(dim))
		}
		for range d.Count {
			list = append(list, c)
		}
	}
	return m.cloudwatch.Put(ctx, account, region, namespace, list)
}

// subscriptionRecords is the Kinesis service as subscription filters see it: with the rights of their roles.
type subscriptionRecords struct {
	kinesis *kinesis.Service
	rights  *roleRights
	iam     *iam.Service
}

func newSubscriptionRecords(i *iam.Service, k *kinesis.Service) *subscriptionRecords {
	return &subscriptionRecords{kinesis: k, iam: i, rights: &roleRights{iam: i, services: []string{logs.ServicePrincipal, "logs.*.amazonaws.com"}}}
}

// PutRecord decides the put like any other request of the role.
func (r *subscriptionRecords) PutRecord(ctx context.Context, x logs.Record) error {
	ctx, err := r.rights.as(ctx, roleKey{x.Account, x.Role, x.Source}, x.Region)
	if err != nil {
		return err
	}
	in := &kinesismodel.PutRecordInput{StreamARN: &x.Stream, PartitionKey: &x.PartitionKey, Data: x.Data}
	access, err := r.kinesis.Access(ctx, "PutRecord", in)
	if err != nil {
		return err
	}
	if err := r.iam.Authorize(ctx, access); err != nil {
		return err
	}
	_, err = r.kinesis.PutRecord(ctx, in)
	return err
}
