package s3

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	s3 "drey/model/s3"
)

// ObjectInfo describes an object to other parts of the server.
type ObjectInfo struct {
	Size      int64
	ETag      string
	VersionID string
	Modified  time.Time
}

// OpenObject reads an object for another part of the server, which has asked for permission itself. version nil means the
// latest.
func (s *Service) OpenObject(ctx context.Context, bucket, key string, version *string) (io.ReadCloser, ObjectInfo, error) {
	o, release, err := s.pinned(ctx, bucket, key, version)
	if err != nil {
		return nil, ObjectInfo{}, err
	}
	return s.read(o, 0, o.Size, release), ObjectInfo{Size: o.Size, ETag: o.ETag, VersionID: o.Version, Modified: o.Modified}, nil
}

func (s *Service) read(o *object, from, length int64, release func()) io.ReadCloser {
	return &stretch{files: s.files, left: o.segments(from, length), release: release}
}

// conditions are those of a read (RFC 9110, section 13).
type conditions struct {
	ifMatch, ifNoneMatch           *string
	modifiedSince, unmodifiedSince *time.Time
}

func (c conditions) check(o *object) error {
	failed := preconditionFailed.Errorf("At least one of the pre-conditions you specified did not hold")
	switch {
	case c.ifMatch != nil && !matches(*c.ifMatch, o.ETag):
		return failed
	case c.ifMatch == nil && c.unmodifiedSince != nil && o.Modified.After(*c.unmodifiedSince):
		return failed
	case c.ifNoneMatch != nil && matches(*c.ifNoneMatch, o.ETag):
		return notModified.Errorf("Not Modified")
	case c.ifNoneMatch == nil && c.modifiedSince != nil && !o.Modified.After(*c.modifiedSince):
		return notModified.Errorf("Not Modified")
	}
	return nil
}

// span is the stretch of an object that a request wants.
type span struct {
	from, length int64
	partial      bool
	parts        int // of the object, for reads by part number
}

// want reads Range and PartNumber. A range that cannot be read is ignored, as HTTP says.
func want(o *object, header *string, number *int32) (span, error) {
	whole := span{0, o.Size, false, 0}
	if number != nil {
		return wantPart(o, *number)
	}
	if header == nil {
		return whole, nil
	}
	spec, ok := strings.CutPrefix(strings.TrimSpace(*header), "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return whole, nil
	}
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	switch {
	case first == "" && err2 == nil && to > 0: // the last bytes
		from, to = max(0, o.Size-to), o.Size-1
	case err1 == nil && last == "":
		to = o.Size - 1
	case err1 != nil || err2 != nil && last != "" || from > to && first != "":
		return whole, nil
	}
	if from >= o.Size || from < 0 {
		e := invalidRange.Errorf("The requested range is not satisfiable")
		e.Fields = map[string]any{"ActualObjectSize": o.Size, "RangeRequested": *header}
		return span{}, e
	}
	to = min(to, o.Size-1)
	return span{from, to - from + 1, true, 0}, nil
}

func wantPart(o *object, number int32) (span, error) {
	if !o.Multipart {
		if number == 1 {
			return span{0, o.Size, true, 0}, nil
		}
		return span{}, invalidRange.Errorf("The requested partnumber is not satisfiable")
	}
	var from int64
	for i, p := range o.Parts {
		if int32(i+1) == number {
			return span{from, p.Size, true, len(o.Parts)}, nil
		}
		from += p.Size
	}
	return span{}, invalidRange.Errorf("The requested partnumber is not satisfiable")
}

func (sp span) contentRange(size int64) *string {
	if !sp.partial || size == 0 {
		return nil
	}
	return new(fmt.Sprintf("bytes %d-%d/%d", sp.from, sp.from+sp.length-1, size))
}

// GetObject gives an object or a part of it.
func (s *Service) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	o, release, err := s.pinned(ctx, *in.Bucket, *in.Key, in.VersionId)
	if err != nil {
		return nil, err
	}
	h, sp, err := head(o, in)
	if err != nil {
		release()
		return nil, err
	}
	out := &s3.GetObjectOutput{
		Body: s.read(o, sp.from, sp.length, release), AcceptRanges: h.AcceptRanges, LastModified: h.LastModified, ContentLength: h.ContentLength, ETag: h.ETag,
		VersionId: h.VersionId, CacheControl: h.CacheControl, ContentDisposition: h.ContentDisposition, ContentEncoding: h.ContentEncoding,
		ContentLanguage: h.ContentLanguage, ContentRange: h.ContentRange, ContentType: h.ContentType, Expires: h.Expires,
		WebsiteRedirectLocation: h.WebsiteRedirectLocation, ServerSideEncryption: h.ServerSideEncryption, Metadata: h.Metadata,
		StorageClass: h.StorageClass, PartsCount: h.PartsCount, TagCount: h.TagCount,
	}
	if in.ChecksumMode == s3.ChecksumModeENABLED && !sp.partial {
		show(out, o.Algorithm, o.Checksum, o.SumType)
	}
	return out, nil
}

// HeadObject gives what GetObject gives, without the body.
func (s *Service) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	get := &s3.GetObjectInput{
		Bucket: in.Bucket, Key: in.Key, VersionId: in.VersionId, Range: in.Range, PartNumber: in.PartNumber, IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch,
		IfModifiedSince: in.IfModifiedSince, IfUnmodifiedSince: in.IfUnmodifiedSince, ResponseCacheControl: in.ResponseCacheControl,
		ResponseContentDisposition: in.ResponseContentDisposition, ResponseContentEncoding: in.ResponseContentEncoding,
		ResponseContentLanguage: in.ResponseContentLanguage, ResponseContentType: in.ResponseContentType, ResponseExpires: in.ResponseExpires,
	}
	o, release, err := s.pinned(ctx, *in.Bucket, *in.Key, in.VersionId)
	if err != nil {
		return nil, err
	}
	defer release()
	out, sp, err := head(o, get)
	if err == nil && in.ChecksumMode == s3.ChecksumModeENABLED && !sp.partial {
		show(out, o.Algorithm, o.Checksum, o.SumType)
	}
	return out, err
}

// head decides what of an object is answered.
func head(o *object, in *s3.GetObjectInput) (*s3.HeadObjectOutput, span, error) {
	if err := (conditions{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince}).check(o); err != nil {
		return nil, span{}, err
	}
	sp, err := want(o, in.Range, in.PartNumber)
	if err != nil {
		return nil, span{}, err
	}
	return describe(o, sp, in), sp, nil
}

func describe(o *object, sp span, in *s3.GetObjectInput) *s3.HeadObjectOutput {
	contentType := o.ContentType
	if contentType == "" {
		contentType = defaultType
	}
	h := &s3.HeadObjectOutput{
		AcceptRanges: new("bytes"), LastModified: &o.Modified, ContentLength: &sp.length, ETag: quoted(o.ETag), VersionId: shownVersion(o),
		CacheControl: either(in.ResponseCacheControl, o.CacheControl), ContentDisposition: either(in.ResponseContentDisposition, o.ContentDisposition),
		ContentEncoding: either(in.ResponseContentEncoding, o.ContentEncoding), ContentLanguage: either(in.ResponseContentLanguage, o.ContentLanguage),
		ContentType: either(in.ResponseContentType, contentType), Expires: optional(o.Expires), ContentRange: sp.contentRange(o.Size),
		WebsiteRedirectLocation: optional(o.Redirect), ServerSideEncryption: encrypted, Metadata: o.Metadata, StorageClass: shownClass(o.Class),
	}
	if in.ResponseExpires != nil {
		h.Expires = new(in.ResponseExpires.Format(time.RFC1123))
	}
	if n := int32(len(o.Tags)); n > 0 {
		h.TagCount = &n
	}
	if sp.parts > 0 {
		h.PartsCount = new(int32(sp.parts))
	}
	return h
}

// shownClass leaves out STANDARD, as S3 does in headers.
func shownClass(class string) s3.StorageClass {
	if class == string(s3.StorageClassSTANDARD) {
		return ""
	}
	return s3.StorageClass(class)
}

// either prefers what the request overrides.
func either(override *string, own string) *string {
	if override != nil {
		return override
	}
	return optional(own)
}

// GetObjectAttributes gives the attributes that are asked for.
func (s *Service) GetObjectAttributes(ctx context.Context, in *s3.GetObjectAttributesInput) (*s3.GetObjectAttributesOutput, error) {
	var o *object
	err := s.DB.Read(ctx, func(tx *stdsql.Tx) (err error) {
		o, err = getObject(ctx, tx, *in.Bucket, *in.Key, in.VersionId)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &s3.GetObjectAttributesOutput{LastModified: &o.Modified, VersionId: shownVersion(o)}
	for _, a := range in.ObjectAttributes {
		switch a {
		case s3.ObjectAttributesETag:
			out.ETag = &o.ETag
		case s3.ObjectAttributesObjectSize:
			out.ObjectSize = &o.Size
		case s3.ObjectAttributesStorageClass:
			out.StorageClass = s3.StorageClassSTANDARD
			if o.Class != "" {
				out.StorageClass = s3.StorageClass(o.Class)
			}
		case s3.ObjectAttributesChecksum:
			if o.Checksum != "" {
				out.Checksum = &s3.Checksum{}
				show(out.Checksum, o.Algorithm, o.Checksum, o.SumType)
			}
		case s3.ObjectAttributesObjectParts:
			out.ObjectParts = attributeParts(o)
		}
	}
	return out, nil
}

func attributeParts(o *object) *s3.GetObjectAttributesParts {
	if !o.Multipart {
		return nil
	}
	p := &s3.GetObjectAttributesParts{TotalPartsCount: new(int32(len(o.Parts))), IsTruncated: new(false)}
	for i := range o.Parts {
		ap := s3.ObjectPart{PartNumber: &o.Parts[i].Number, Size: &o.Parts[i].Size}
		show(&ap, o.Algorithm, o.Parts[i].Checksum, "")
		p.Parts = append(p.Parts, ap)
	}
	return p
}
