package s3_test

import (
	"context"
	"strings"
	"testing"

	model "drey/model/s3"
	"drey/wire"
)

func TestBucketElsewhereNeedsItsRegion(t *testing.T) {
	ctx, svc := openService(t)
	r := *wire.FromContext(ctx)
	r.Region = "eu-west-1"
	ctx = wire.WithRequest(context.WithoutCancel(ctx), &r)
	_, err := svc.CreateBucket(ctx, &model.CreateBucketInput{Bucket: new("b-eu")})
	if err == nil || !strings.Contains(err.Error(), "IllegalLocationConstraintException") {
		t.Errorf("without a constraint: %v", err)
	}
	_, err = svc.CreateBucket(ctx, &model.CreateBucketInput{Bucket: new("b-eu"), CreateBucketConfiguration: &model.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}})
	if err != nil {
		t.Error(err)
	}
}
