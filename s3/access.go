package s3

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"strconv"

	s3 "drey/model/s3"
	"drey/wire"
)

// need is one permission: an action on a bucket, or on a key of it.
type need struct {
	action      string
	bucket, key string
	conditions  map[string][]string
}

// needs tells for every operation which permissions it needs (Service Authorization Reference, "Actions, resources, and
// condition keys for Amazon S3").
var needs = map[string]func(in any) ([]need, error){
	"ListBuckets":                      func(any) ([]need, error) { return []need{{action: "ListAllMyBuckets"}}, nil },
	"CreateBucket":                     onBucket("CreateBucket", func(i *s3.CreateBucketInput) *string { return i.Bucket }),
	"DeleteBucket":                     onBucket("DeleteBucket", func(i *s3.DeleteBucketInput) *string { return i.Bucket }),
	"HeadBucket":                       onBucket("ListBucket", func(i *s3.HeadBucketInput) *string { return i.Bucket }),
	"GetBucketLocation":                onBucket("GetBucketLocation", func(i *s3.GetBucketLocationInput) *string { return i.Bucket }),
	"GetBucketVersioning":              onBucket("GetBucketVersioning", func(i *s3.GetBucketVersioningInput) *string { return i.Bucket }),
	"PutBucketVersioning":              onBucket("PutBucketVersioning", func(i *s3.PutBucketVersioningInput) *string { return i.Bucket }),
	"GetBucketPolicy":                  onBucket("GetBucketPolicy", func(i *s3.GetBucketPolicyInput) *string { return i.Bucket }),
	"PutBucketPolicy":                  onBucket("PutBucketPolicy", func(i *s3.PutBucketPolicyInput) *string { return i.Bucket }),
	"DeleteBucketPolicy":               onBucket("DeleteBucketPolicy", func(i *s3.DeleteBucketPolicyInput) *string { return i.Bucket }),
	"GetBucketPolicyStatus":            onBucket("GetBucketPolicyStatus", func(i *s3.GetBucketPolicyStatusInput) *string { return i.Bucket }),
	"GetBucketTagging":                 onBucket("GetBucketTagging", func(i *s3.GetBucketTaggingInput) *string { return i.Bucket }),
	"PutBucketTagging":                 onBucket("PutBucketTagging", func(i *s3.PutBucketTaggingInput) *string { return i.Bucket }),
	"DeleteBucketTagging":              onBucket("PutBucketTagging", func(i *s3.DeleteBucketTaggingInput) *string { return i.Bucket }),
	"GetBucketAcl":                     onBucket("GetBucketAcl", func(i *s3.GetBucketAclInput) *string { return i.Bucket }),
	"GetBucketCors":                    onBucket("GetBucketCORS", func(i *s3.GetBucketCorsInput) *string { return i.Bucket }),
	"GetBucketWebsite":                 onBucket("GetBucketWebsite", func(i *s3.GetBucketWebsiteInput) *string { return i.Bucket }),
	"GetBucketAccelerateConfiguration": onBucket("GetAccelerateConfiguration", func(i *s3.GetBucketAccelerateConfigurationInput) *string { return i.Bucket }),
	"GetBucketRequestPayment":          onBucket("GetBucketRequestPayment", func(i *s3.GetBucketRequestPaymentInput) *string { return i.Bucket }),
	"GetBucketLogging":                 onBucket("GetBucketLogging", func(i *s3.GetBucketLoggingInput) *string { return i.Bucket }),
	"GetBucketLifecycleConfiguration":  onBucket("GetLifecycleConfiguration", func(i *s3.GetBucketLifecycleConfigurationInput) *string { return i.Bucket }),
	"GetBucketReplication":             onBucket("GetReplicationConfiguration", func(i *s3.GetBucketReplicationInput) *string { return i.Bucket }),
	"GetBucketEncryption":              onBucket("GetEncryptionConfiguration", func(i *s3.GetBucketEncryptionInput) *string { return i.Bucket }),
	"GetObjectLockConfiguration":       onBucket("GetBucketObjectLockConfiguration", func(i *s3.GetObjectLockConfigurationInput) *string { return i.Bucket }),
	"GetPublicAccessBlock":             onBucket("GetBucketPublicAccessBlock", func(i *s3.GetPublicAccessBlockInput) *string { return i.Bucket }),
	"PutPublicAccessBlock":             onBucket("PutBucketPublicAccessBlock", func(i *s3.PutPublicAccessBlockInput) *string { return i.Bucket }),
	"DeletePublicAccessBlock":          onBucket("PutBucketPublicAccessBlock", func(i *s3.DeletePublicAccessBlockInput) *string { return i.Bucket }),
	"GetBucketOwnershipControls":       onBucket("GetBucketOwnershipControls", func(i *s3.GetBucketOwnershipControlsInput) *string { return i.Bucket }),
	"PutBucketOwnershipControls":       onBucket("PutBucketOwnershipControls", func(i *s3.PutBucketOwnershipControlsInput) *string { return i.Bucket }),
	"PutBucketEncryption":              onBucket("PutEncryptionConfiguration", func(i *s3.PutBucketEncryptionInput) *string { return i.Bucket }),
	"DeleteBucketEncryption":           onBucket("PutEncryptionConfiguration", func(i *s3.DeleteBucketEncryptionInput) *string { return i.Bucket }),
	"DeleteBucketOwnershipControls":    onBucket("PutBucketOwnershipControls", func(i *s3.DeleteBucketOwnershipControlsInput) *string { return i.Bucket }),
	"ListMultipartUploads":             onBucket("ListBucketMultipartUploads", func(i *s3.ListMultipartUploadsInput) *string { return i.Bucket }),
	"ListObjects": func(in any) ([]need, error) {
		i := in.(*s3.ListObjectsInput)
		return []need{listNeed("ListBucket", i.Bucket, i.Prefix, i.Delimiter, i.MaxKeys)}, nil
	},
	"ListObjectsV2": func(in any) ([]need, error) {
		i := in.(*s3.ListObjectsV2Input)
		return []need{listNeed("ListBucket", i.Bucket, i.Prefix, i.Delimiter, i.MaxKeys)}, nil
	},
	"ListObjectVersions": func(in any) ([]need, error) {
		i := in.(*s3.ListObjectVersionsInput)
		return []need{listNeed("ListBucketVersions", i.Bucket, i.Prefix, i.Delimiter, i.MaxKeys)}, nil
	},
	"GetObject": func(in any) ([]need, error) {
		i := in.(*s3.GetObjectInput)
		return []need{versioned("GetObject", i.Bucket, i.Key, i.VersionId)}, nil
	},
	"HeadObject": func(in any) ([]need, error) {
		i := in.(*s3.HeadObjectInput)
		return []need{versioned("GetObject", i.Bucket, i.Key, i.VersionId)}, nil
	},
	"GetObjectAttributes": func(in any) ([]need, error) {
		i := in.(*s3.GetObjectAttributesInput)
		return []need{versioned("GetObject", i.Bucket, i.Key, i.VersionId)}, nil
	},
	"GetObjectAcl": func(in any) ([]need, error) {
		i := in.(*s3.GetObjectAclInput)
		return []need{{action: "GetObjectAcl", bucket: *i.Bucket, key: *i.Key}}, nil
	},
	"GetObjectTagging": func(in any) ([]need, error) {
		i := in.(*s3.GetObjectTaggingInput)
		return []need{versioned("GetObjectTagging", i.Bucket, i.Key, i.VersionId)}, nil
	},
	"PutObjectTagging": func(in any) ([]need, error) {
		i := in.(*s3.PutObjectTaggingInput)
		return []need{versioned("PutObjectTagging", i.Bucket, i.Key, i.VersionId)}, nil
	},
	"DeleteObjectTagging": func(in any) ([]need, error) {
		i := in.(*s3.DeleteObjectTaggingInput)
		return []need{versioned("DeleteObjectTagging", i.Bucket, i.Key, i.VersionId)}, nil
	},
	"PutObject": func(in any) ([]need, error) {
		i := in.(*s3.PutObjectInput)
		return tagging([]need{{action: "PutObject", bucket: *i.Bucket, key: *i.Key}}, i.Tagging), nil
	},
	"DeleteObject": func(in any) ([]need, error) {
		i := in.(*s3.DeleteObjectInput)
		return []need{versioned("DeleteObject", i.Bucket, i.Key, i.VersionId)}, nil
	},
	"DeleteObjects": func(in any) ([]need, error) {
		i := in.(*s3.DeleteObjectsInput)
		var list []need
		if i.Delete != nil {
			for _, o := range i.Delete.Objects {
				list = append(list, versioned("DeleteObject", i.Bucket, o.Key, o.VersionId))
			}
		}
		return list, nil
	},
	"CopyObject": func(in any) ([]need, error) {
		i := in.(*s3.CopyObjectInput)
		from, err := sourceNeed(i.CopySource)
		return tagging([]need{from, {action: "PutObject", bucket: *i.Bucket, key: *i.Key}}, i.Tagging), err
	},
	"CreateMultipartUpload": func(in any) ([]need, error) {
		i := in.(*s3.CreateMultipartUploadInput)
		return tagging([]need{{action: "PutObject", bucket: *i.Bucket, key: *i.Key}}, i.Tagging), nil
	},
	"UploadPart": func(in any) ([]need, error) {
		i := in.(*s3.UploadPartInput)
		return []need{{action: "PutObject", bucket: *i.Bucket, key: *i.Key}}, nil
	},
	"UploadPartCopy": func(in any) ([]need, error) {
		i := in.(*s3.UploadPartCopyInput)
		from, err := sourceNeed(i.CopySource)
		return []need{from, {action: "PutObject", bucket: *i.Bucket, key: *i.Key}}, err
	},
	"CompleteMultipartUpload": func(in any) ([]need, error) {
		i := in.(*s3.CompleteMultipartUploadInput)
		return []need{{action: "PutObject", bucket: *i.Bucket, key: *i.Key}}, nil
	},
	"AbortMultipartUpload": func(in any) ([]need, error) {
		i := in.(*s3.AbortMultipartUploadInput)
		return []need{{action: "AbortMultipartUpload", bucket: *i.Bucket, key: *i.Key}}, nil
	},
	"ListParts": func(in any) ([]need, error) {
		i := in.(*s3.ListPartsInput)
		return []need{{action: "ListMultipartUploadParts", bucket: *i.Bucket, key: *i.Key}}, nil
	},
}

func onBucket[I any](action string, name func(*I) *string) func(any) ([]need, error) {
	return func(in any) ([]need, error) { return []need{{action: action, bucket: *name(in.(*I))}}, nil }
}

func listNeed(action string, bucket, prefix, delimiter *string, most *int32) need {
	c := map[string][]string{}
	for name, value := range map[string]*string{"s3:prefix": prefix, "s3:delimiter": delimiter} {
		if value != nil {
			c[name] = []string{*value}
		}
	}
	if most != nil {
		c["s3:max-keys"] = []string{strconv.Itoa(int(*most))}
	}
	return need{action, *bucket, "", c}
}

// versioned is the action on the latest object, or its sibling on a version.
func versioned(action string, bucket, key, version *string) need {
	n := need{action: action, bucket: *bucket, key: *key}
	if version != nil {
		n.conditions = map[string][]string{"s3:VersionId": {*version}}
		n.action = versionActions[action]
	}
	return n
}

var versionActions = map[string]string{
	"GetObject": "GetObjectVersion", "DeleteObject": "DeleteObjectVersion", "GetObjectTagging": "GetObjectVersionTagging",
	"PutObjectTagging": "PutObjectVersionTagging", "DeleteObjectTagging": "DeleteObjectVersionTagging",
}

func tagging(list []need, tags *string) []need {
	if tags != nil && *tags != "" {
		last := list[len(list)-1]
		list = append(list, need{action: "PutObjectTagging", bucket: last.bucket, key: last.key})
	}
	return list
}

func sourceNeed(header *string) (need, error) {
	src, err := parseSource(*header)
	if err != nil {
		return need{}, err
	}
	return versioned("GetObject", &src.bucket, &src.key, src.version), nil
}

// Access names the permissions of an operation, each with its bucket's policy.
func (s *Service) Access(ctx context.Context, op string, in any) ([]wire.Access, error) {
	rule := needs[op]
	if rule == nil {
		return nil, fmt.Errorf("s3: no access rule for operation %s", op)
	}
	wanted, err := rule(in)
	if err != nil {
		return nil, err
	}
	var list []wire.Access
	err = s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		buckets := map[string]*bucket{}
		for _, n := range wanted {
			a := wire.Access{Action: "s3:" + n.action, Resource: "arn:aws:s3:::" + n.bucket, Conditions: n.conditions}
			if n.bucket == "" {
				a.Resource = "*"
			}
			if n.key != "" {
				a.Resource += "/" + n.key
			}
			b := buckets[n.bucket]
			if b == nil && n.bucket != "" {
				if b, err = getBucket(ctx, tx, n.bucket); err != nil && !errors.Is(err, noSuchBucket) {
					return err
				}
				buckets[n.bucket] = b
			}
			if b != nil {
				a.ResourcePolicy, a.ResourceAccount = b.Policy, b.Account
			}
			list = append(list, a)
		}
		return nil
	})
	return list, err
}
