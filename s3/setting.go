package s3

import (
	"context"

	s3 "drey/model/s3"
	"drey/wire"
)

// GetBucketTagging gives the tags of a bucket.
func (s *Service) GetBucketTagging(ctx context.Context, in *s3.GetBucketTaggingInput) (*s3.GetBucketTaggingOutput, error) {
	b, err := s.bucket(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(b.Tags) == 0 {
		return nil, wire.ErrorCode{Code: "NoSuchTagSet", Status: 404}.Errorf("The TagSet does not exist")
	}
	return &s3.GetBucketTaggingOutput{TagSet: b.Tags}, nil
}

const (
	maxBucketTags = 50
	maxObjectTags = 10
)

func checkTags(tags []s3.Tag, most int) error {
	if len(tags) > most {
		return wire.ErrorCode{Code: "BadRequest", Status: 400}.Errorf("Object tags cannot be greater than %d", most)
	}
	seen := map[string]bool{}
	for _, t := range tags {
		if seen[*t.Key] {
			return invalidTag.Errorf("Cannot provide multiple Tags with the same key")
		}
		seen[*t.Key] = true
		if len(*t.Key) == 0 || len(*t.Key) > 128 || len(*t.Value) > 256 {
			return invalidTag.Errorf("The TagKey or TagValue you have provided is invalid")
		}
	}
	return nil
}

// PutBucketTagging replaces the tags of a bucket.
func (s *Service) PutBucketTagging(ctx context.Context, in *s3.PutBucketTaggingInput) (*s3.PutBucketTaggingOutput, error) {
	if err := checkTags(in.Tagging.TagSet, maxBucketTags); err != nil {
		return nil, err
	}
	return &s3.PutBucketTaggingOutput{}, s.change(ctx, *in.Bucket, func(b *bucket) error {
		b.Tags = in.Tagging.TagSet
		return nil
	})
}

// DeleteBucketTagging removes the tags of a bucket.
func (s *Service) DeleteBucketTagging(ctx context.Context, in *s3.DeleteBucketTaggingInput) (*s3.DeleteBucketTaggingOutput, error) {
	return &s3.DeleteBucketTaggingOutput{}, s.change(ctx, *in.Bucket, func(b *bucket) error {
		b.Tags = nil
		return nil
	})
}

func ownerGrants(account string) []s3.Grant {
	return []s3.Grant{{Permission: s3.PermissionFULL_CONTROL, Grantee: &s3.Grantee{ID: &account, DisplayName: &account, Type: s3.TypeCanonicalUser}}}
}

// GetBucketAcl answers what every bucket has here: its owner alone.
func (s *Service) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) (*s3.GetBucketAclOutput, error) {
	b, err := s.bucket(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3.GetBucketAclOutput{Owner: owner(b.Account), Grants: ownerGrants(b.Account)}, nil
}

// GetObjectAcl answers what every object has here: its bucket's owner alone.
func (s *Service) GetObjectAcl(ctx context.Context, in *s3.GetObjectAclInput) (*s3.GetObjectAclOutput, error) {
	b, err := s.bucket(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3.GetObjectAclOutput{Owner: owner(b.Account), Grants: ownerGrants(b.Account)}, nil
}

// GetBucketEncryption answers what every bucket has since 2023: SSE-S3 (S3 user guide, "Default encryption FAQ").
func (s *Service) GetBucketEncryption(ctx context.Context, in *s3.GetBucketEncryptionInput) (*s3.GetBucketEncryptionOutput, error) {
	b, err := s.bucket(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: &s3.ServerSideEncryptionConfiguration{Rules: []s3.ServerSideEncryptionRule{{
		ApplyServerSideEncryptionByDefault: &s3.ServerSideEncryptionByDefault{SSEAlgorithm: s3.ServerSideEncryptionAES256}, BucketKeyEnabled: &b.KeyEnabled,
	}}}}, nil
}

// PutBucketEncryption takes SSE-S3, which every bucket has. There is no KMS here.
func (s *Service) PutBucketEncryption(ctx context.Context, in *s3.PutBucketEncryptionInput) (*s3.PutBucketEncryptionOutput, error) {
	rules := in.ServerSideEncryptionConfiguration.Rules
	if len(rules) != 1 {
		return nil, malformedXML.Errorf("The XML you provided was not well-formed or did not validate against our published schema")
	}
	if by := rules[0].ApplyServerSideEncryptionByDefault; by != nil && by.SSEAlgorithm != s3.ServerSideEncryptionAES256 {
		return nil, notImplemented.Errorf("SSEAlgorithm %s is not supported: this server has no KMS", by.SSEAlgorithm)
	}
	return &s3.PutBucketEncryptionOutput{}, s.change(ctx, *in.Bucket, func(b *bucket) error {
		b.KeyEnabled = rules[0].BucketKeyEnabled != nil && *rules[0].BucketKeyEnabled
		return nil
	})
}

// DeleteBucketEncryption returns to the default.
func (s *Service) DeleteBucketEncryption(ctx context.Context, in *s3.DeleteBucketEncryptionInput) (*s3.DeleteBucketEncryptionOutput, error) {
	return &s3.DeleteBucketEncryptionOutput{}, s.change(ctx, *in.Bucket, func(b *bucket) error {
		b.KeyEnabled = false
		return nil
	})
}

// PutPublicAccessBlock stores the setting, which is read back; access is decided by policies.
func (s *Service) PutPublicAccessBlock(ctx context.Context, in *s3.PutPublicAccessBlockInput) (*s3.PutPublicAccessBlockOutput, error) {
	return &s3.PutPublicAccessBlockOutput{}, s.change(ctx, *in.Bucket, func(b *bucket) error {
		b.Block = in.PublicAccessBlockConfiguration
		return nil
	})
}

// GetPublicAccessBlock gives the setting back.
func (s *Service) GetPublicAccessBlock(ctx context.Context, in *s3.GetPublicAccessBlockInput) (*s3.GetPublicAccessBlockOutput, error) {
	b, err := s.bucket(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Block == nil {
		return nil, wire.ErrorCode{Code: "NoSuchPublicAccessBlockConfiguration", Status: 404}.Errorf("The public access block configuration was not found")
	}
	return &s3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: b.Block}, nil
}

// DeletePublicAccessBlock removes the setting.
func (s *Service) DeletePublicAccessBlock(ctx context.Context, in *s3.DeletePublicAccessBlockInput) (*s3.DeletePublicAccessBlockOutput, error) {
	return &s3.DeletePublicAccessBlockOutput{}, s.change(ctx, *in.Bucket, func(b *bucket) error {
		b.Block = nil
		return nil
	})
}

// GetBucketOwnershipControls gives the setting back.
func (s *Service) GetBucketOwnershipControls(ctx context.Context, in *s3.GetBucketOwnershipControlsInput) (*s3.GetBucketOwnershipControlsOutput, error) {
	b, err := s.bucket(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	ownership := b.Ownership
	if ownership == "" {
		ownership = s3.ObjectOwnershipBucketOwnerEnforced
	}
	return &s3.GetBucketOwnershipControlsOutput{OwnershipControls: &s3.OwnershipControls{Rules: []s3.OwnershipControlsRule{{ObjectOwnership: ownership}}}}, nil
}

// PutBucketOwnershipControls stores the setting.
func (s *Service) PutBucketOwnershipControls(ctx context.Context, in *s3.PutBucketOwnershipControlsInput) (*s3.PutBucketOwnershipControlsOutput, error) {
	return &s3.PutBucketOwnershipControlsOutput{}, s.change(ctx, *in.Bucket, func(b *bucket) error {
		if len(in.OwnershipControls.Rules) != 1 {
			return malformedXML.Errorf("OwnershipControls needs one rule")
		}
		b.Ownership = in.OwnershipControls.Rules[0].ObjectOwnership
		return nil
	})
}

// DeleteBucketOwnershipControls removes the setting.
func (s *Service) DeleteBucketOwnershipControls(ctx context.Context, in *s3.DeleteBucketOwnershipControlsInput) (*s3.DeleteBucketOwnershipControlsOutput, error) {
	return &s3.DeleteBucketOwnershipControlsOutput{}, s.change(ctx, *in.Bucket, func(b *bucket) error {
		b.Ownership = ""
		return nil
	})
}

// absent answers for a setting that no bucket can have here.
func (s *Service) absent(ctx context.Context, name, code, message string) error {
	if _, err := s.bucket(ctx, name); err != nil {
		return err
	}
	e := wire.ErrorCode{Code: code, Status: 404}.Errorf("%s", message)
	e.Fields = map[string]any{"BucketName": name}
	return e
}

// GetBucketCors answers that there is none.
func (s *Service) GetBucketCors(ctx context.Context, in *s3.GetBucketCorsInput) (*s3.GetBucketCorsOutput, error) {
	return nil, s.absent(ctx, *in.Bucket, "NoSuchCORSConfiguration", "The CORS configuration does not exist")
}

// GetBucketWebsite answers that there is none.
func (s *Service) GetBucketWebsite(ctx context.Context, in *s3.GetBucketWebsiteInput) (*s3.GetBucketWebsiteOutput, error) {
	return nil, s.absent(ctx, *in.Bucket, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
}

// GetBucketLifecycleConfiguration answers that there is none.
func (s *Service) GetBucketLifecycleConfiguration(ctx context.Context, in *s3.GetBucketLifecycleConfigurationInput) (*s3.GetBucketLifecycleConfigurationOutput, error) {
	return nil, s.absent(ctx, *in.Bucket, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
}

// GetBucketReplication answers that there is none.
func (s *Service) GetBucketReplication(ctx context.Context, in *s3.GetBucketReplicationInput) (*s3.GetBucketReplicationOutput, error) {
	return nil, s.absent(ctx, *in.Bucket, "ReplicationConfigurationNotFoundError", "The replication configuration was not found")
}

// GetObjectLockConfiguration answers that there is none.
func (s *Service) GetObjectLockConfiguration(ctx context.Context, in *s3.GetObjectLockConfigurationInput) (*s3.GetObjectLockConfigurationOutput, error) {
	return nil, s.absent(ctx, *in.Bucket, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
}

// GetBucketAccelerateConfiguration answers that it was never set.
func (s *Service) GetBucketAccelerateConfiguration(ctx context.Context, in *s3.GetBucketAccelerateConfigurationInput) (*s3.GetBucketAccelerateConfigurationOutput, error) {
	_, err := s.bucket(ctx, *in.Bucket)
	return &s3.GetBucketAccelerateConfigurationOutput{}, err
}

// GetBucketRequestPayment answers the default.
func (s *Service) GetBucketRequestPayment(ctx context.Context, in *s3.GetBucketRequestPaymentInput) (*s3.GetBucketRequestPaymentOutput, error) {
	_, err := s.bucket(ctx, *in.Bucket)
	return &s3.GetBucketRequestPaymentOutput{Payer: s3.PayerBucketOwner}, err
}

// GetBucketLogging answers that it was never set.
func (s *Service) GetBucketLogging(ctx context.Context, in *s3.GetBucketLoggingInput) (*s3.GetBucketLoggingOutput, error) {
	_, err := s.bucket(ctx, *in.Bucket)
	return &s3.GetBucketLoggingOutput{}, err
}
