package msf

import (
	"context"

	msf "drey/model/kinesisanalyticsv2"
)

// errSQL refuses the operations of SQL applications, which AWS has ended (Kinesis Data Analytics for SQL guide,
// "Discontinuation"). The application is looked up first: a missing one is the plainer answer.
func (s *Service) errSQL(ctx context.Context, operation string, name *string) error {
	if _, err := s.load(ctx, key(ctx, name)); err != nil {
		return err
	}
	return msf.InvalidArgumentException.Errorf("%s is for SQL applications, which have been discontinued; the application %s runs on Apache Flink", operation, *name)
}

// AddApplicationInput is refused: it belongs to SQL applications.
func (s *Service) AddApplicationInput(ctx context.Context, in *msf.AddApplicationInputInput) (*msf.AddApplicationInputOutput, error) {
	return nil, s.errSQL(ctx, "AddApplicationInput", in.ApplicationName)
}

// AddApplicationInputProcessingConfiguration is refused: it belongs to SQL applications.
func (s *Service) AddApplicationInputProcessingConfiguration(ctx context.Context, in *msf.AddApplicationInputProcessingConfigurationInput) (*msf.AddApplicationInputProcessingConfigurationOutput, error) {
	return nil, s.errSQL(ctx, "AddApplicationInputProcessingConfiguration", in.ApplicationName)
}

// AddApplicationOutput is refused: it belongs to SQL applications.
func (s *Service) AddApplicationOutput(ctx context.Context, in *msf.AddApplicationOutputInput) (*msf.AddApplicationOutputOutput, error) {
	return nil, s.errSQL(ctx, "AddApplicationOutput", in.ApplicationName)
}

// AddApplicationReferenceDataSource is refused: it belongs to SQL applications.
func (s *Service) AddApplicationReferenceDataSource(ctx context.Context, in *msf.AddApplicationReferenceDataSourceInput) (*msf.AddApplicationReferenceDataSourceOutput, error) {
	return nil, s.errSQL(ctx, "AddApplicationReferenceDataSource", in.ApplicationName)
}

// DeleteApplicationInputProcessingConfiguration is refused: it belongs to SQL applications.
func (s *Service) DeleteApplicationInputProcessingConfiguration(ctx context.Context, in *msf.DeleteApplicationInputProcessingConfigurationInput) (*msf.DeleteApplicationInputProcessingConfigurationOutput, error) {
	return nil, s.errSQL(ctx, "DeleteApplicationInputProcessingConfiguration", in.ApplicationName)
}

// DeleteApplicationOutput is refused: it belongs to SQL applications.
func (s *Service) DeleteApplicationOutput(ctx context.Context, in *msf.DeleteApplicationOutputInput) (*msf.DeleteApplicationOutputOutput, error) {
	return nil, s.errSQL(ctx, "DeleteApplicationOutput", in.ApplicationName)
}

// DeleteApplicationReferenceDataSource is refused: it belongs to SQL applications.
func (s *Service) DeleteApplicationReferenceDataSource(ctx context.Context, in *msf.DeleteApplicationReferenceDataSourceInput) (*msf.DeleteApplicationReferenceDataSourceOutput, error) {
	return nil, s.errSQL(ctx, "DeleteApplicationReferenceDataSource", in.ApplicationName)
}

// DiscoverInputSchema is refused: it belongs to SQL applications.
func (s *Service) DiscoverInputSchema(context.Context, *msf.DiscoverInputSchemaInput) (*msf.DiscoverInputSchemaOutput, error) {
	return nil, msf.UnsupportedOperationException.Errorf("DiscoverInputSchema is for SQL applications, which have been discontinued")
}
