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
