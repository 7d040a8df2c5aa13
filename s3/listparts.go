package s3

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"strings"

	s3 "drey/model/s3"
)

// ListParts lists the parts of an upload.
func (s *Service) ListParts(ctx context.Context, in *s3.ListPartsInput) (*s3.ListPartsOutput, error) {
	limit, after := maxKeys, int32(0)
	if in.MaxParts != nil {
		limit = min(int(*in.MaxParts), maxKeys)
	}
	if in.PartNumberMarker != nil {
		after = *in.PartNumberMarker
	}
	out := &s3.ListPartsOutput{
		Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId, MaxParts: new(int32(limit)), PartNumberMarker: &after,
		IsTruncated: new(false), StorageClass: s3.StorageClassSTANDARD,
	}
	return out, s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		u, err := getUpload(ctx, tx, *in.Bucket, *in.Key, *in.UploadId)
		if err != nil {
			return err
		}
		parts, err := getParts(ctx, tx, u.ID)
		if err != nil {
			return err
		}
		out.Owner, out.Initiator = owner(u.Account), &s3.Initiator{ID: &u.Account, DisplayName: &u.Account}
		out.ChecksumAlgorithm, out.ChecksumType = s3.ChecksumAlgorithm(u.Object.Algorithm), s3.ChecksumType(u.Object.SumType)
		for _, p := range parts {
			if p.Number <= after {
				continue
			}
			if len(out.Parts) == limit {
				out.IsTruncated = new(true)
				break
			}
			e := s3.Part{PartNumber: &p.Number, ETag: quoted(p.ETag), Size: &p.Size, LastModified: &p.Modified}
			show(&e, u.Object.Algorithm, p.Checksum, "")
			out.Parts, out.NextPartNumberMarker = append(out.Parts, e), &p.Number
		}
		return nil
	})
}

// ListMultipartUploads lists the uploads under way by key.
func (s *Service) ListMultipartUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (*s3.ListMultipartUploadsOutput, error) {
	limit, enc := maxKeys, encoder(in.EncodingType)
	if in.MaxUploads != nil {
		limit = min(int(*in.MaxUploads), maxKeys)
	}
	prefix, delimiter, keyMarker, idMarker := text(in.Prefix), text(in.Delimiter), text(in.KeyMarker), text(in.UploadIdMarker)
	out := &s3.ListMultipartUploadsOutput{
		Bucket: in.Bucket, Prefix: new(enc(prefix)), Delimiter: encoded(in.Delimiter, enc), KeyMarker: new(enc(keyMarker)), UploadIdMarker: &idMarker,
		MaxUploads: new(int32(limit)), IsTruncated: new(false), EncodingType: in.EncodingType,
	}
	return out, s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		if _, err := getBucket(ctx, tx, *in.Bucket); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT doc FROM s3_uploads WHERE bucket = ? AND key >= ? ORDER BY key, id`, *in.Bucket, []byte(max(prefix, keyMarker)))
		if err != nil {
			return err
		}
		defer rows.Close()
		seen := map[string]bool{}
		for rows.Next() {
			var doc string
			var u upload
			if err := rows.Scan(&doc); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(doc), &u); err != nil {
				return err
			}
			if u.Key == keyMarker && u.ID <= idMarker || u.Key == keyMarker && idMarker == "" {
				continue
			}
			if !strings.HasPrefix(u.Key, prefix) {
				break
			}
			if len(out.Uploads)+len(out.CommonPrefixes) == limit {
				out.IsTruncated = new(true)
				break
			}
			out.NextKeyMarker, out.NextUploadIdMarker = new(enc(u.Key)), &u.ID
			if common, ok := commonPrefix(u.Key, prefix, delimiter); ok {
				if !seen[common] {
					seen[common] = true
					out.CommonPrefixes = append(out.CommonPrefixes, s3.CommonPrefix{Prefix: new(enc(common))})
				}
				continue
			}
			out.Uploads = append(out.Uploads, s3.MultipartUpload{
				UploadId: &u.ID, Key: new(enc(u.Key)), Initiated: &u.Initiated, StorageClass: s3.StorageClassSTANDARD,
				Owner: owner(u.Account), Initiator: &s3.Initiator{ID: &u.Account, DisplayName: &u.Account},
			})
		}
		return rows.Err()
	})
}

func commonPrefix(key, prefix, delimiter string) (string, bool) {
	if delimiter == "" {
		return "", false
	}
	i := strings.Index(key[len(prefix):], delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(prefix)+i+len(delimiter)], true
}
