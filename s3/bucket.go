package s3

import (
	"context"
	stdsql "database/sql"
	"errors"
	"net/netip"
	"regexp"
	"strings"

	s3 "drey/model/s3"
	"drey/wire"
)

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// checkName applies the naming rules (S3 user guide, "General purpose bucket naming rules").
func checkName(name string) error {
	_, ip := netip.ParseAddr(name)
	if !bucketName.MatchString(name) || strings.Contains(name, "..") || ip == nil || strings.HasPrefix(name, "xn--") || strings.HasSuffix(name, "-s3alias") {
		e := invalidBucketName.Errorf("The specified bucket is not valid.")
		e.Fields = map[string]any{"BucketName": name}
		return e
	}
	return nil
}

// usEast1 is the Region that a bucket without a location constraint is in (S3 API reference, "CreateBucket").
const usEast1 = "us-east-1"

// CreateBucket makes a bucket; the names of all accounts share one space.
func (s *Service) CreateBucket(ctx context.Context, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
	r := wire.FromContext(ctx)
	if err := checkName(*in.Bucket); err != nil {
		return nil, err
	}
	b := &bucket{Name: *in.Bucket, Account: r.Account, Region: r.Region, Created: s.Now().UTC(), Ownership: in.ObjectOwnership}
	if c := in.CreateBucketConfiguration; c != nil {
		if c.LocationConstraint != "" {
			b.Region = string(c.LocationConstraint)
		}
		b.Tags = c.Tags
	}
	if r.Region != usEast1 && (in.CreateBucketConfiguration == nil || in.CreateBucketConfiguration.LocationConstraint == "") {
		return nil, illegalLocation.Errorf("The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	}
	err := s.DB.Write(ctx, func(tx *stdsql.Tx) error {
		switch old, err := getBucket(ctx, tx, b.Name); {
		case errors.Is(err, noSuchBucket):
			return putBucket(ctx, tx, b)
		case err != nil:
			return err
		case old.Account != r.Account:
			return bucketExists.Errorf("The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.")
		case b.Region == usEast1 && old.Region == usEast1:
			return nil // S3 API reference, "CreateBucket": in us-east-1 it is no error
		default:
			return bucketOwned.Errorf("Your previous request to create the named bucket succeeded and you already own it.")
		}
	})
	return &s3.CreateBucketOutput{Location: new("/" + b.Name)}, err
}

// DeleteBucket removes an empty bucket, and the uploads under way in it.
func (s *Service) DeleteBucket(ctx context.Context, in *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error) {
	return &s3.DeleteBucketOutput{}, s.write(ctx, func(tx *stdsql.Tx) error {
		if _, err := getBucket(ctx, tx, *in.Bucket); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM s3_objects WHERE bucket = ? LIMIT 1)`, *in.Bucket).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			e := bucketNotEmpty.Errorf("The bucket you tried to delete is not empty")
			e.Fields = map[string]any{"BucketName": *in.Bucket}
			return e
		}
		if err := dropUploads(ctx, tx, *in.Bucket); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM s3_buckets WHERE name = ?`, *in.Bucket)
		return err
	})
}

// HeadBucket tells that a bucket is there.
func (s *Service) HeadBucket(ctx context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	b, err := s.bucket(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3.HeadBucketOutput{BucketRegion: &b.Region, AccessPointAlias: new(false)}, nil
}

// GetBucketLocation gives the region; us-east-1 is the empty one.
func (s *Service) GetBucketLocation(ctx context.Context, in *s3.GetBucketLocationInput) (*s3.GetBucketLocationOutput, error) {
	b, err := s.bucket(ctx, *in.Bucket)
	if err != nil || b.Region == "us-east-1" {
		return &s3.GetBucketLocationOutput{}, err
	}
	return &s3.GetBucketLocationOutput{LocationConstraint: s3.BucketLocationConstraint(b.Region)}, nil
}

// ListBuckets lists the caller's buckets by name.
func (s *Service) ListBuckets(ctx context.Context, in *s3.ListBucketsInput) (*s3.ListBucketsOutput, error) {
	account := wire.FromContext(ctx).Account
	prefix, after, limit := "", "", 10_000
	if in.Prefix != nil {
		prefix = *in.Prefix
	}
	if in.ContinuationToken != nil {
		after = *in.ContinuationToken
	}
	if in.MaxBuckets != nil {
		limit = int(*in.MaxBuckets)
	}
	out := &s3.ListBucketsOutput{Buckets: []s3.Bucket{}, Owner: owner(account)}
	return out, s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT name FROM s3_buckets WHERE account = ? AND name > ? ORDER BY name`, account, after)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			if len(out.Buckets) == limit {
				out.ContinuationToken = out.Buckets[limit-1].Name
				return nil
			}
			b, err := getBucket(ctx, tx, name)
			if err != nil {
				return err
			}
			out.Buckets = append(out.Buckets, s3.Bucket{Name: &b.Name, CreationDate: &b.Created, BucketRegion: &b.Region})
		}
		return rows.Err()
	})
}

// owner is the canonical user of an account.
func owner(account string) *s3.Owner { return &s3.Owner{ID: &account, DisplayName: &account} }

// GetBucketVersioning tells whether versions are kept.
func (s *Service) GetBucketVersioning(ctx context.Context, in *s3.GetBucketVersioningInput) (*s3.GetBucketVersioningOutput, error) {
	b, err := s.bucket(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3.GetBucketVersioningOutput{Status: b.Versioning}, nil
}

// PutBucketVersioning enables or suspends versions.
func (s *Service) PutBucketVersioning(ctx context.Context, in *s3.PutBucketVersioningInput) (*s3.PutBucketVersioningOutput, error) {
	return &s3.PutBucketVersioningOutput{}, s.change(ctx, *in.Bucket, func(b *bucket) error {
		if in.VersioningConfiguration == nil || in.VersioningConfiguration.Status == "" {
			return malformedXML.Errorf("The XML you provided was not well-formed or did not validate against our published schema")
		}
		b.Versioning = in.VersioningConfiguration.Status
		return nil
	})
}

// PutBucketPolicy attaches a resource policy.
func (s *Service) PutBucketPolicy(ctx context.Context, in *s3.PutBucketPolicyInput) (*s3.PutBucketPolicyOutput, error) {
	if s.ValidatePolicy != nil {
		if err := s.ValidatePolicy(*in.Policy); err != nil {
			e, _ := wire.AsError(err)
			return nil, malformedPolicy.Errorf("%s", e.Message)
		}
	}
	return &s3.PutBucketPolicyOutput{}, s.change(ctx, *in.Bucket, func(b *bucket) error {
		b.Policy = *in.Policy
		return nil
	})
}

func errNoPolicy(bucket string) error {
	e := wire.ErrorCode{Code: "NoSuchBucketPolicy", Status: 404}.Errorf("The bucket policy does not exist")
	e.Fields = map[string]any{"BucketName": bucket}
	return e
}

// GetBucketPolicy gives the resource policy.
func (s *Service) GetBucketPolicy(ctx context.Context, in *s3.GetBucketPolicyInput) (*s3.GetBucketPolicyOutput, error) {
	b, err := s.bucket(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, errNoPolicy(b.Name)
	}
	return &s3.GetBucketPolicyOutput{Policy: &b.Policy}, nil
}

// GetBucketPolicyStatus tells whether the policy lets everybody in.
func (s *Service) GetBucketPolicyStatus(ctx context.Context, in *s3.GetBucketPolicyStatusInput) (*s3.GetBucketPolicyStatusOutput, error) {
	b, err := s.bucket(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, errNoPolicy(b.Name)
	}
	compact := strings.Join(strings.Fields(b.Policy), "")
	public := strings.Contains(compact, `"Principal":"*"`) || strings.Contains(compact, `"AWS":"*"`)
	return &s3.GetBucketPolicyStatusOutput{PolicyStatus: &s3.PolicyStatus{IsPublic: &public}}, nil
}

// DeleteBucketPolicy removes the resource policy.
func (s *Service) DeleteBucketPolicy(ctx context.Context, in *s3.DeleteBucketPolicyInput) (*s3.DeleteBucketPolicyOutput, error) {
	return &s3.DeleteBucketPolicyOutput{}, s.change(ctx, *in.Bucket, func(b *bucket) error {
		b.Policy = ""
		return nil
	})
}
