package msf

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"drey/app"
	"drey/app/appdb"
	"drey/flink"
	msf "drey/model/kinesisanalyticsv2"
)

const (
	maxCode      = 512 << 20 // developer guide, "Quota"
	staging      = ".staging-"
	s3ARN        = "arn:aws:s3:::"
	unreadable   = "Please check the role provided or validity of S3 location you provided. We are unable to get the specified fileKey: %s in the specified bucket: %s"
	notAssumable = "Kinesis Analytics service doesn't have sufficient privileges to assume the role %s"
)

// checkRole refuses a role that the service may not assume.
func (s *Service) checkRole(ctx context.Context, account, role, arn string) error {
	if err := s.Roles.CheckServiceRole(ctx, account, role, ServicePrincipal, arn); err != nil {
		return msf.InvalidArgumentException.Errorf(notAssumable+" (%v)", role, err)
	}
	return nil
}

// stage reads the code, checks that it can run, and keeps it: replacing the object later changes nothing (developer guide,
// "Troubleshoot: application issues").
func (s *Service) stage(ctx context.Context, account, arn string, next *app.Configuration, inline []byte) error {
	c := next.Code
	var body io.ReadCloser = io.NopCloser(bytes.NewReader(inline))
	if c.Bucket != "" {
		var err error
		if body, err = s.Objects.OpenCode(ctx, account, next.Role, arn, c.Bucket, c.Key, c.ObjectVersion); err != nil {
			return msf.InvalidArgumentException.Errorf(unreadable+" (%v)", c.Key, c.Bucket, err)
		}
	}
	defer body.Close()
	tmp, err := os.CreateTemp(s.CodeDir, staging)
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := copyCode(c, tmp, body); err != nil {
		return err
	}
	if err := s.checkCode(next, tmp.Name()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), s.staged(c))
}

func (s *Service) staged(c *app.Code) string { return filepath.Join(s.CodeDir, c.SHA256+".jar") }

// Sweep removes code that no version of any application names, and what was being staged when the last server ended. It must
// be called before requests are served. Versions stay as long as their application, and so does their code.
func (s *Service) Sweep(ctx context.Context) error {
	var named map[string]bool
	err := s.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		named, err = tx.Codes()
		return err
	})
	if err != nil {
		return err
	}
	for _, pattern := range []string{staging + "*", "*.jar"} {
		found, err := filepath.Glob(filepath.Join(s.CodeDir, pattern))
		if err != nil {
			return err
		}
		for _, file := range found {
			if named[strings.TrimSuffix(filepath.Base(file), ".jar")] {
				continue
			}
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkCode tells why an archive cannot run as the configuration wants it: the properties say whether it is one of Python.
func (s *Service) checkCode(c *app.Configuration, path string) error {
	var err error
	if p := c.Python(); p == nil {
		err = flink.CheckJar(path, s.Java(c.Runtime))
	} else if err = s.Python(c.Runtime); err != nil {
		return msf.InvalidArgumentException.Errorf("The runtime environment %s cannot run Python applications: %v", c.Runtime, err)
	} else {
		err = flink.CheckPython(path, *p)
	}
	switch {
	case errors.Is(err, flink.ErrUnsupportedConnector):
		return msf.InvalidArgumentException.Errorf("An unsupported Kinesis connector version has been detected in the application: %v", err)
	case err != nil:
		return msf.CodeValidationException.Errorf("%s: %v", codeName(c.Code), err)
	}
	return nil
}

// reusable tells whether code that was checked with one configuration needs no check with the next.
func reusable(old, next *app.Configuration) bool {
	return old.Runtime == next.Runtime && reflect.DeepEqual(old.Python(), next.Python())
}

func codeName(c *app.Code) string {
	if c.Bucket == "" {
		return "the inline code"
	}
	return "s3://" + c.Bucket + "/" + c.Key
}

// copyCode copies and measures. The file is synced: a version that was accepted has its code.
func copyCode(c *app.Code, to *os.File, from io.Reader) error {
	sum, digest := sha256.New(), md5.New()
	n, err := io.Copy(io.MultiWriter(to, sum, digest), io.LimitReader(from, maxCode+1))
	if err != nil {
		return fmt.Errorf("stage %s: %w", codeName(c), err)
	}
	if n > maxCode {
		return msf.InvalidArgumentException.Errorf("%s is larger than the maximum of 512 MiB for application code", codeName(c))
	}
	c.Size, c.MD5, c.SHA256 = n, hex.EncodeToString(digest.Sum(nil)), hex.EncodeToString(sum.Sum(nil))
	return errors.Join(to.Sync(), to.Close())
}

// bucketName reads a bucket's ARN.
func bucketName(arn string) (string, error) {
	name, ok := strings.CutPrefix(arn, s3ARN)
	if !ok || name == "" || strings.Contains(name, "/") {
		return "", msf.InvalidArgumentException.Errorf("%s is no ARN of an S3 bucket", arn)
	}
	return name, nil
}

// newCode reads where code comes from. nil = none is given.
func newCode(in *msf.ApplicationCodeConfiguration) (*app.Code, []byte, error) {
	if in == nil || in.CodeContent == nil {
		return nil, nil, nil
	}
	if in.CodeContentType == msf.CodeContentTypePLAINTEXT || in.CodeContent.TextContent != nil {
		return nil, nil, msf.InvalidArgumentException.Errorf("Code of Flink applications is an archive: CodeContentType must be ZIPFILE")
	}
	switch loc := in.CodeContent.S3ContentLocation; {
	case loc != nil && in.CodeContent.ZipFileContent != nil:
		return nil, nil, msf.InvalidArgumentException.Errorf("Only one of S3ContentLocation and ZipFileContent can be given")
	case loc != nil:
		bucket, err := bucketName(*loc.BucketARN)
		if err != nil {
			return nil, nil, err
		}
		c := &app.Code{Bucket: bucket, Key: *loc.FileKey}
		if loc.ObjectVersion != nil {
			c.ObjectVersion = *loc.ObjectVersion
		}
		return c, nil, nil
	case in.CodeContent.ZipFileContent != nil:
		return &app.Code{}, in.CodeContent.ZipFileContent, nil
	}
	return nil, nil, nil
}

// changedCode applies an update: each member of an S3 location can change alone.
func changedCode(old *app.Code, u *msf.CodeContentUpdate) (*app.Code, []byte, error) {
	if u == nil {
		return old, nil, nil
	}
	if u.TextContentUpdate != nil {
		return nil, nil, msf.InvalidArgumentException.Errorf("Code of Flink applications is an archive, not a text")
	}
	if u.ZipFileContentUpdate != nil {
		return &app.Code{}, u.ZipFileContentUpdate, nil
	}
	loc := u.S3ContentLocationUpdate
	if loc == nil {
		return old, nil, nil
	}
	c := &app.Code{}
	if old != nil {
		c.Bucket, c.Key = old.Bucket, old.Key
	}
	if loc.BucketARNUpdate != nil {
		bucket, err := bucketName(*loc.BucketARNUpdate)
		if err != nil {
			return nil, nil, err
		}
		c.Bucket = bucket
	}
	if loc.FileKeyUpdate != nil {
		c.Key = *loc.FileKeyUpdate
	}
	if loc.ObjectVersionUpdate != nil {
		c.ObjectVersion = *loc.ObjectVersionUpdate
	}
	if c.Bucket == "" || c.Key == "" {
		return nil, nil, msf.InvalidArgumentException.Errorf("BucketARNUpdate and FileKeyUpdate are needed where the code was not in S3 before")
	}
	return c, nil, nil
}
