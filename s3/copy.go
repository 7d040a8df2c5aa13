package s3

import (
	"context"
	"net/url"
	"strings"

	s3 "drey/model/s3"
)

// source is where a copy comes from.
type source struct {
	bucket, key string
	version     *string
}

// parseSource reads x-amz-copy-source: /bucket/key?versionId=…, URL-encoded.
func parseSource(header string) (source, error) {
	path, query, _ := strings.Cut(header, "?")
	path, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	bucket, key, ok := strings.Cut(path, "/")
	if err != nil || !ok || bucket == "" || key == "" {
		return source{}, invalidArgument.Errorf("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	src := source{bucket: bucket, key: key}
	if v, ok := strings.CutPrefix(query, "versionId="); ok {
		src.version = &v
	}
	return src, nil
}

// openSource loads the object to copy, if the conditions hold, and keeps its files until release.
func (s *Service) openSource(ctx context.Context, header string, c conditions) (src source, o *object, release func(), err error) {
	if src, err = parseSource(header); err != nil {
		return src, nil, nil, err
	}
	if o, release, err = s.pinned(ctx, src.bucket, src.key, src.version); err != nil {
		return src, nil, nil, err
	}
	if err := c.check(o); err != nil {
		release()
		return src, nil, nil, preconditionFailed.Errorf("At least one of the pre-conditions you specified did not hold")
	}
	return src, o, release, nil
}

// CopyObject stores the bytes of an object under another key, or with other metadata.
func (s *Service) CopyObject(ctx context.Context, in *s3.CopyObjectInput) (*s3.CopyObjectOutput, error) {
	src, from, release, err := s.openSource(ctx, *in.CopySource, conditions{in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	defer release()
	replace := in.MetadataDirective == s3.MetadataDirectiveREPLACE
	if src.bucket == *in.Bucket && src.key == *in.Key && src.version == nil && !replace && in.StorageClass == "" && in.TaggingDirective == "" {
		return nil, invalidRequest.Errorf("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	o, err := copied(from, in, replace)
	if err != nil {
		return nil, err
	}
	algorithm := from.Algorithm
	if in.ChecksumAlgorithm != "" {
		algorithm = string(in.ChecksumAlgorithm)
	}
	body := s.read(from, 0, from.Size, func() {})
	defer body.Close()
	p, d, err := s.receive(body, algorithm, nil, "")
	if err != nil {
		return nil, err
	}
	o.Size, o.ETag, o.Modified, o.Parts = p.Size, d.etag(), s.modified(), []part{p}
	o.Algorithm, o.Checksum, o.SumType = algorithm, d.checksum(), fullObject
	if err := s.place(ctx, *in.Bucket, *in.Key, o, in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	out := &s3.CopyObjectOutput{CopyObjectResult: &s3.CopyObjectResult{ETag: quoted(o.ETag), LastModified: &o.Modified}, VersionId: shownVersion(o), ServerSideEncryption: encrypted}
	if from.Version != nullVersion {
		out.CopySourceVersionId = &from.Version
	}
	show(out.CopyObjectResult, o.Algorithm, o.Checksum, o.SumType)
	return out, nil
}

// copied gives the new object's description, by the directives of the request.
func copied(from *object, in *s3.CopyObjectInput, replace bool) (*object, error) {
	o := &object{
		ContentType: from.ContentType, CacheControl: from.CacheControl, ContentDisposition: from.ContentDisposition, ContentEncoding: from.ContentEncoding,
		ContentLanguage: from.ContentLanguage, Expires: from.Expires, Metadata: from.Metadata, Tags: from.Tags, Class: string(in.StorageClass),
	}
	if replace {
		o.ContentType, o.CacheControl, o.ContentDisposition = text(in.ContentType), text(in.CacheControl), text(in.ContentDisposition)
		o.ContentEncoding, o.ContentLanguage, o.Expires, o.Metadata = text(in.ContentEncoding), text(in.ContentLanguage), text(in.Expires), in.Metadata
	}
	o.Redirect = text(in.WebsiteRedirectLocation)
	if in.TaggingDirective == s3.TaggingDirectiveREPLACE {
		tags, err := headerTags(in.Tagging)
		if err != nil {
			return nil, err
		}
		o.Tags = tags
	}
	return o, nil
}
