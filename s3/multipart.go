package s3

import (
	"context"
	"crypto/md5"
	stdsql "database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	s3 "drey/model/s3"
	"drey/wire"
)

const (
	maxPartNumber = 10_000
	minPart       = 5 << 20
	maxPartSize   = 5 << 30
)

// upload is a multipart upload under way.
type upload struct {
	ID, Bucket, Key, Account string
	Initiated                time.Time
	Object                   object // what the finished object will be
}

func getUpload(ctx context.Context, tx *stdsql.Tx, bucket, key, id string) (*upload, error) {
	var doc string
	err := tx.QueryRowContext(ctx, `SELECT doc FROM s3_uploads WHERE id = ? AND bucket = ? AND key = ?`, id, bucket, []byte(key)).Scan(&doc)
	if errors.Is(err, stdsql.ErrNoRows) {
		if _, err := getBucket(ctx, tx, bucket); err != nil {
			return nil, err
		}
		e := noSuchUpload.Errorf("The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
		e.Fields = map[string]any{"UploadId": id}
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	u := new(upload)
	return u, json.Unmarshal([]byte(doc), u)
}

func getParts(ctx context.Context, tx *stdsql.Tx, id string) ([]part, error) {
	rows, err := tx.QueryContext(ctx, `SELECT doc FROM s3_parts WHERE upload = ? ORDER BY number`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var parts []part
	for rows.Next() {
		var doc string
		var p part
		if err := rows.Scan(&doc); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(doc), &p); err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, rows.Err()
}

// CreateMultipartUpload begins an upload in parts.
func (s *Service) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput) (*s3.CreateMultipartUploadOutput, error) {
	if len(*in.Key) > maxKey {
		return nil, keyTooLong.Errorf("Your key is too long")
	}
	algorithm, _, err := given(in)
	if err != nil {
		return nil, err
	}
	o, err := newObject(&s3.PutObjectInput{
		ContentType: in.ContentType, CacheControl: in.CacheControl, ContentDisposition: in.ContentDisposition, ContentEncoding: in.ContentEncoding,
		ContentLanguage: in.ContentLanguage, Expires: in.Expires, WebsiteRedirectLocation: in.WebsiteRedirectLocation, Metadata: in.Metadata,
		Tagging: in.Tagging, StorageClass: in.StorageClass,
	})
	if err != nil {
		return nil, err
	}
	o.Algorithm, o.SumType, o.Multipart = algorithm, string(in.ChecksumType), true
	if algorithm != "" && o.SumType == "" {
		o.SumType = composite
		if algorithm == "CRC64NVME" {
			o.SumType = fullObject
		}
	}
	u := &upload{ID: newVersion() + newVersion(), Bucket: *in.Bucket, Key: *in.Key, Account: wire.FromContext(ctx).Account, Initiated: s.modified(), Object: *o}
	doc, err := json.Marshal(u)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *stdsql.Tx) error {
		if _, err := getBucket(ctx, tx, u.Bucket); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO s3_uploads VALUES (?, ?, ?, ?)`, u.ID, u.Bucket, []byte(u.Key), string(doc))
		return err
	})
	if err != nil {
		return nil, err
	}
	return &s3.CreateMultipartUploadOutput{
		Bucket: in.Bucket, Key: in.Key, UploadId: &u.ID, ServerSideEncryption: encrypted,
		ChecksumAlgorithm: s3.ChecksumAlgorithm(algorithm), ChecksumType: s3.ChecksumType(o.SumType),
	}, nil
}

// UploadPart stores one part. A later part of the same number replaces it.
func (s *Service) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	algorithm, value, err := given(in)
	if err != nil {
		return nil, err
	}
	u, err := s.upload(ctx, *in.Bucket, *in.Key, *in.UploadId, *in.PartNumber)
	if err != nil {
		return nil, err
	}
	if algorithm == "" {
		algorithm = u.Object.Algorithm
	}
	p, d, err := s.receive(in.Body, algorithm, in.ContentMD5, value)
	if err != nil {
		return nil, err
	}
	p.Number, p.ETag, p.Checksum, p.Modified = *in.PartNumber, d.etag(), d.checksum(), s.modified()
	if err := s.placePart(ctx, u, p); err != nil {
		return nil, err
	}
	out := &s3.UploadPartOutput{ETag: quoted(p.ETag), ServerSideEncryption: encrypted}
	show(out, algorithm, p.Checksum, "")
	return out, nil
}

func (s *Service) upload(ctx context.Context, bucket, key, id string, number int32) (u *upload, err error) {
	if number < 1 || number > maxPartNumber {
		return nil, invalidArgument.Errorf("Part number must be an integer between 1 and 10000, inclusive")
	}
	err = s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		u, err = getUpload(ctx, tx, bucket, key, id)
		return err
	})
	return u, err
}

func (s *Service) placePart(ctx context.Context, u *upload, p part) error {
	doc, err := json.Marshal(p)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *stdsql.Tx) error {
		if _, err := getUpload(ctx, tx, u.Bucket, u.Key, u.ID); err != nil {
			return err
		}
		var old string
		switch err := tx.QueryRowContext(ctx, `SELECT doc FROM s3_parts WHERE upload = ? AND number = ?`, u.ID, p.Number).Scan(&old); {
		case err == nil:
			var replaced part
			if err := json.Unmarshal([]byte(old), &replaced); err != nil {
				return err
			}
			if err := discard(ctx, tx, []string{replaced.File}); err != nil {
				return err
			}
		case !errors.Is(err, stdsql.ErrNoRows):
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO s3_parts VALUES (?, ?, ?) ON CONFLICT (upload, number) DO UPDATE SET doc = excluded.doc`, u.ID, p.Number, string(doc))
		return err
	})
	if err != nil {
		if rerr := s.files.remove(p.File); rerr != nil {
			s.Log.Warn("remove a refused part", "error", rerr)
		}
	}
	return err
}

// UploadPartCopy stores a part out of an object.
func (s *Service) UploadPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (*s3.UploadPartCopyOutput, error) {
	u, err := s.upload(ctx, *in.Bucket, *in.Key, *in.UploadId, *in.PartNumber)
	if err != nil {
		return nil, err
	}
	_, from, release, err := s.openSource(ctx, *in.CopySource, conditions{in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	defer release()
	sp, err := want(from, in.CopySourceRange, nil)
	if err != nil {
		return nil, err
	}
	body := s.read(from, sp.from, sp.length, func() {})
	defer body.Close()
	p, d, err := s.receive(body, u.Object.Algorithm, nil, "")
	if err != nil {
		return nil, err
	}
	p.Number, p.ETag, p.Checksum, p.Modified = *in.PartNumber, d.etag(), d.checksum(), s.modified()
	if err := s.placePart(ctx, u, p); err != nil {
		return nil, err
	}
	res := &s3.CopyPartResult{ETag: quoted(p.ETag), LastModified: &p.Modified}
	show(res, u.Object.Algorithm, p.Checksum, "")
	return &s3.UploadPartCopyOutput{CopyPartResult: res, ServerSideEncryption: encrypted}, nil
}

// CompleteMultipartUpload makes an object of the parts; no byte is copied.
func (s *Service) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (*s3.CompleteMultipartUploadOutput, error) {
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
		return nil, malformedXML.Errorf("The XML you provided was not well-formed or did not validate against our published schema")
	}
	_, value, err := given(in)
	if err != nil {
		return nil, err
	}
	var u *upload
	var have []part
	err = s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		if u, err = getUpload(ctx, tx, *in.Bucket, *in.Key, *in.UploadId); err != nil {
			return err
		}
		have, err = getParts(ctx, tx, u.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	o := &u.Object
	if o.Parts, err = choose(have, in.MultipartUpload.Parts); err != nil {
		return nil, err
	}
	if err := s.sum(o, value); err != nil {
		return nil, err
	}
	o.Modified = s.modified()
	if err := s.complete(ctx, u, o, in); err != nil {
		return nil, err
	}
	out := &s3.CompleteMultipartUploadOutput{
		Bucket: in.Bucket, Key: in.Key, Location: new("http://" + wire.FromContext(ctx).Host + "/" + *in.Bucket + "/" + *in.Key),
		ETag: quoted(o.ETag), VersionId: shownVersion(o), ServerSideEncryption: encrypted,
	}
	show(out, o.Algorithm, o.Checksum, o.SumType)
	return out, nil
}

func errPart() error {
	return invalidPart.Errorf("One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
}

// choose takes the parts that the caller lists, in ascending order.
func choose(have []part, listed []s3.CompletedPart) ([]part, error) {
	byNumber := map[int32]part{}
	for _, p := range have {
		byNumber[p.Number] = p
	}
	var chosen []part
	last := int32(0)
	for i, l := range listed {
		if l.PartNumber == nil || l.ETag == nil {
			return nil, malformedXML.Errorf("The XML you provided was not well-formed or did not validate against our published schema")
		}
		if *l.PartNumber <= last {
			return nil, invalidPartOrder.Errorf("The list of parts was not in ascending order. Parts must be ordered by part number.")
		}
		last = *l.PartNumber
		p, ok := byNumber[last]
		if !ok || !matches(*l.ETag, p.ETag) {
			return nil, errPart()
		}
		if p.Size < minPart && i < len(listed)-1 {
			e := entityTooSmall.Errorf("Your proposed upload is smaller than the minimum allowed size")
			e.Fields = map[string]any{"PartNumber": last, "ProposedSize": p.Size, "MinSizeAllowed": minPart}
			return nil, e
		}
		chosen = append(chosen, p)
	}
	return chosen, nil
}

// sum gives the object its size, ETag (the MD5 of the parts' MD5s and their number) and checksum.
func (s *Service) sum(o *object, promised string) error {
	tags := md5.New()
	for _, p := range o.Parts {
		raw, err := hex.DecodeString(p.ETag)
		if err != nil {
			return err
		}
		tags.Write(raw)
		o.Size += p.Size
	}
	o.ETag = fmt.Sprintf("%x-%d", tags.Sum(nil), len(o.Parts))
	make := algorithms[o.Algorithm]
	if make == nil {
		return nil
	}
	h := make()
	if o.SumType == fullObject {
		body := s.read(o, 0, o.Size, func() {})
		defer body.Close()
		if _, err := io.Copy(h, body); err != nil {
			return err
		}
		o.Checksum = base64.StdEncoding.EncodeToString(h.Sum(nil))
	} else {
		for _, p := range o.Parts {
			raw, err := base64.StdEncoding.DecodeString(p.Checksum)
			if err != nil {
				return err
			}
			h.Write(raw)
		}
		o.Checksum = fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(h.Sum(nil)), len(o.Parts))
	}
	if promised != "" && promised != o.Checksum {
		return badDigest.Errorf("The %s you specified did not match the calculated checksum.", o.Algorithm)
	}
	return nil
}

// complete puts o in the place of its upload. A part may have been sent again since o was summed, so that its file is
// another one: the files are those that the transaction sees, and their content must be what was summed.
func (s *Service) complete(ctx context.Context, u *upload, o *object, in *s3.CompleteMultipartUploadInput) error {
	return s.write(ctx, func(tx *stdsql.Tx) error {
		if _, err := getUpload(ctx, tx, u.Bucket, u.Key, u.ID); err != nil {
			return err
		}
		b, err := getBucket(ctx, tx, u.Bucket)
		if err != nil {
			return err
		}
		old, err := findObject(ctx, tx, u.Bucket, u.Key, nil)
		if err != nil {
			return err
		}
		if err := putConditions(old, in.IfMatch, in.IfNoneMatch); err != nil {
			return err
		}
		have, err := getParts(ctx, tx, u.ID)
		if err != nil {
			return err
		}
		chosen, err := choose(have, in.MultipartUpload.Parts)
		if err != nil {
			return err
		}
		same := func(a, b part) bool { return a.ETag == b.ETag && a.Size == b.Size && a.Checksum == b.Checksum }
		if !slices.EqualFunc(chosen, o.Parts, same) {
			return errPart()
		}
		o.Parts = chosen
		if err := discard(ctx, tx, unused(have, chosen)); err != nil {
			return err
		}
		if err := s.insertObject(ctx, tx, b, u.Key, o); err != nil {
			return err
		}
		return dropUpload(ctx, tx, u.ID)
	})
}

// unused are the files of parts that were not chosen.
func unused(have, chosen []part) []string {
	used := map[string]bool{}
	for _, p := range chosen {
		used[p.File] = true
	}
	var names []string
	for _, p := range have {
		if !used[p.File] {
			names = append(names, p.File)
		}
	}
	return names
}

// dropUploads drops all uploads of a bucket with their parts.
func dropUploads(ctx context.Context, tx *stdsql.Tx, bucket string) error {
	rows, err := tx.QueryContext(ctx, `SELECT id FROM s3_uploads WHERE bucket = ?`, bucket)
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, id := range ids {
		parts, err := getParts(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := discard(ctx, tx, unused(parts, nil)); err != nil {
			return err
		}
		if err := dropUpload(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

func dropUpload(ctx context.Context, tx *stdsql.Tx, id string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM s3_parts WHERE upload = ?`, id); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM s3_uploads WHERE id = ?`, id)
	return err
}

// AbortMultipartUpload drops an upload with its parts.
func (s *Service) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) (*s3.AbortMultipartUploadOutput, error) {
	return &s3.AbortMultipartUploadOutput{}, s.write(ctx, func(tx *stdsql.Tx) error {
		u, err := getUpload(ctx, tx, *in.Bucket, *in.Key, *in.UploadId)
		if err != nil {
			return err
		}
		parts, err := getParts(ctx, tx, u.ID)
		if err != nil {
			return err
		}
		if err := discard(ctx, tx, (&object{Parts: parts}).fileNames()); err != nil {
			return err
		}
		return dropUpload(ctx, tx, u.ID)
	})
}
