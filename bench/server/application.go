package server

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	bucket = "bench"
	file   = "app.jar"
	role   = "bench"
	allow  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trust  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"kinesisanalytics.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

	statusLimit = 3 * time.Minute
	statusEvery = 20 * time.Millisecond
)

// Prepare makes the role of applications, which may do everything, and the bucket of their code.
func (s *Server) Prepare(ctx context.Context) (roleARN string, err error) {
	roles := iam.NewFromConfig(s.Config)
	made, err := roles.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(role), AssumeRolePolicyDocument: aws.String(trust)})
	if err != nil {
		return "", err
	}
	if _, err := roles.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String(role), PolicyName: aws.String("all"), PolicyDocument: aws.String(allow)}); err != nil {
		return "", err
	}
	_, err = s.objects().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)})
	return *made.Role.Arn, err
}

func (s *Server) objects() *s3.Client {
	return s3.NewFromConfig(s.Config, func(o *s3.Options) { o.UsePathStyle = true })
}

// Upload puts a jar where Code looks.
func (s *Server) Upload(ctx context.Context, jar string) error {
	f, err := os.Open(jar)
	if err != nil {
		return fmt.Errorf("%w (make builds it)", err)
	}
	defer f.Close()
	_, err = s.objects().PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(file), Body: f})
	return err
}

// CreateStream makes a stream and waits for it.
func (s *Server) CreateStream(ctx context.Context, name string, shards int32) error {
	streams := kinesis.NewFromConfig(s.Config)
	if _, err := streams.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}); err != nil {
		return err
	}
	soon := func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond }
	return kinesis.NewStreamExistsWaiter(streams, soon).Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &name}, statusLimit)
}

// Code is the jar that was uploaded last when an application is made of it.
func Code() *types.ApplicationCodeConfiguration {
	return &types.ApplicationCodeConfiguration{
		CodeContentType: types.CodeContentTypeZipfile,
		CodeContent:     &types.CodeContent{S3ContentLocation: &types.S3ContentLocation{BucketARN: aws.String("arn:aws:s3:::" + bucket), FileKey: aws.String(file)}},
	}
}

// CodeUpdate gives an application the jar that was uploaded last.
func CodeUpdate() *types.ApplicationCodeConfigurationUpdate {
	return &types.ApplicationCodeConfigurationUpdate{
		CodeContentUpdate: &types.CodeContentUpdate{S3ContentLocationUpdate: &types.S3ContentLocationUpdate{FileKeyUpdate: aws.String(file)}},
	}
}

// Run starts an application and waits until all of its tasks run.
func (s *Server) Run(ctx context.Context, name string) error {
	out, err := s.Flink.StartApplication(ctx, &flink.StartApplicationInput{ApplicationName: &name})
	if err != nil {
		return err
	}
	return Poll(ctx, statusEvery, statusLimit, func() (bool, error) {
		status, err := s.status(ctx, name)
		if err == nil && status == types.ApplicationStatusReady {
			_, err = s.successful(ctx, name, out.OperationId)
		}
		return status == types.ApplicationStatusRunning, err
	})
}

// Stop ends an application without a snapshot, and waits for it.
func (s *Server) Stop(ctx context.Context, name string) error {
	if _, err := s.Flink.StopApplication(ctx, &flink.StopApplicationInput{ApplicationName: &name, Force: aws.Bool(true)}); err != nil {
		return err
	}
	return Poll(ctx, statusEvery, statusLimit, func() (bool, error) {
		status, err := s.status(ctx, name)
		return status == types.ApplicationStatusReady, err
	})
}

func (s *Server) status(ctx context.Context, name string) (types.ApplicationStatus, error) {
	d, err := s.Flink.DescribeApplication(ctx, &flink.DescribeApplicationInput{ApplicationName: &name})
	if err != nil {
		return "", err
	}
	return d.ApplicationDetail.ApplicationStatus, nil
}

// AwaitSuccess waits for the end of an operation.
func (s *Server) AwaitSuccess(ctx context.Context, name string, operation *string) error {
	return Poll(ctx, 100*time.Millisecond, statusLimit, func() (bool, error) { return s.successful(ctx, name, operation) })
}

// successful tells whether an operation is through; one that failed is an error.
func (s *Server) successful(ctx context.Context, name string, operation *string) (bool, error) {
	d, err := s.Flink.DescribeApplicationOperation(ctx, &flink.DescribeApplicationOperationInput{ApplicationName: &name, OperationId: operation})
	if err != nil {
		return false, err
	}
	info := d.ApplicationOperationInfoDetails
	if info.OperationStatus == types.OperationStatusFailed {
		return false, fmt.Errorf("the operation failed: %s", aws.ToString(info.OperationFailureDetails.ErrorInfo.ErrorString))
	}
	return info.OperationStatus == types.OperationStatusSuccessful, nil
}
