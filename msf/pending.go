package msf

import (
	"context"

	msf "drey/model/kinesisanalyticsv2"
)

func pending(operation string) error {
	return msf.UnsupportedOperationException.Errorf("%s is not supported yet", operation)
}

func (s *Service) CreateApplicationPresignedUrl(context.Context, *msf.CreateApplicationPresignedUrlInput) (*msf.CreateApplicationPresignedUrlOutput, error) {
	return nil, pending("CreateApplicationPresignedUrl")
}
func (s *Service) CreateSnapshot(context.Context, *msf.CreateSnapshotInput) (*msf.CreateSnapshotOutput, error) {
	return nil, pending("CreateSnapshot")
}
func (s *Service) ImportSnapshot(context.Context, *msf.ImportSnapshotInput) (*msf.ImportSnapshotOutput, error) {
	return nil, pending("ImportSnapshot")
}
func (s *Service) ExportSnapshot(context.Context, *msf.ExportSnapshotInput) (*msf.ExportSnapshotOutput, error) {
	return nil, pending("ExportSnapshot")
}
func (s *Service) DeleteSnapshot(context.Context, *msf.DeleteSnapshotInput) (*msf.DeleteSnapshotOutput, error) {
	return nil, pending("DeleteSnapshot")
}
func (s *Service) DescribeSnapshot(context.Context, *msf.DescribeSnapshotInput) (*msf.DescribeSnapshotOutput, error) {
	return nil, pending("DescribeSnapshot")
}
func (s *Service) ListSnapshots(context.Context, *msf.ListSnapshotsInput) (*msf.ListSnapshotsOutput, error) {
	return nil, pending("ListSnapshots")
}
func (s *Service) DescribeSnapshotOperation(context.Context, *msf.DescribeSnapshotOperationInput) (*msf.DescribeSnapshotOperationOutput, error) {
	return nil, pending("DescribeSnapshotOperation")
}
func (s *Service) ListSnapshotOperations(context.Context, *msf.ListSnapshotOperationsInput) (*msf.ListSnapshotOperationsOutput, error) {
	return nil, pending("ListSnapshotOperations")
}
