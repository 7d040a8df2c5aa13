package s3

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"reflect"
	"strings"
)

// nvme is the polynomial of CRC64NVME, reversed.
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// algorithms are the checksums that are computed (S3 user guide, "Checking object integrity").
var algorithms = map[string]func() hash.Hash{
	"CRC32":     func() hash.Hash { return crc32.NewIEEE() },
	"CRC32C":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"CRC64NVME": func() hash.Hash { return crc64.New(nvme) },
	"SHA1":      sha1.New,
	"SHA256":    sha256.New,
	"SHA512":    sha512.New,
	"MD5":       md5.New,
}

const checksumPrefix = "Checksum"

// given reads the checksum members of an input: the one algorithm that the caller names, and its value if it came as a
// header.
func given(in any) (algorithm, value string, err error) {
	sv := reflect.ValueOf(in).Elem()
	for i := range sv.NumField() {
		name, ok := strings.CutPrefix(sv.Type().Field(i).Name, checksumPrefix)
		f := sv.Field(i)
		switch {
		case !ok || f.Kind() == reflect.Pointer && f.IsNil() || f.Kind() == reflect.String && f.Len() == 0:
		case name == "Algorithm":
			if algorithm == "" {
				algorithm = f.String()
			}
		case name == "Type" || name == "Mode":
		case f.Kind() == reflect.Pointer:
			algorithm, value = name, f.Elem().String()
		}
	}
	if algorithm != "" && algorithms[algorithm] == nil {
		return "", "", notImplemented.Errorf("The checksum algorithm %s is not supported; use one of CRC32, CRC32C, CRC64NVME, SHA1, SHA256", algorithm)
	}
	return algorithm, value, nil
}

// show sets the checksum members of an output.
func show(out any, algorithm, value, kind string) {
	if value == "" {
		return
	}
	sv := reflect.ValueOf(out).Elem()
	if f := sv.FieldByName(checksumPrefix + algorithm); f.IsValid() {
		f.Set(reflect.ValueOf(&value))
	}
	if f := sv.FieldByName("ChecksumType"); f.IsValid() && kind != "" {
		f.SetString(kind)
	}
}

// The types of a checksum.
const (
	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
)

// digest reads a body through MD5 and one checksum.
type digest struct {
	body      io.Reader
	md5       hash.Hash
	algorithm string
	sum       hash.Hash
}

func newDigest(body io.Reader, algorithm string) *digest {
	d := &digest{md5: md5.New(), algorithm: algorithm}
	to := []io.Writer{d.md5}
	if make := algorithms[algorithm]; make != nil {
		d.sum = make()
		to = append(to, d.sum)
	}
	d.body = io.TeeReader(body, io.MultiWriter(to...))
	return d
}

func (d *digest) Read(p []byte) (int, error) { return d.body.Read(p) }

func (d *digest) etag() string { return fmt.Sprintf("%x", d.md5.Sum(nil)) }

func (d *digest) checksum() string {
	if d.sum == nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(d.sum.Sum(nil))
}

// check compares with what the caller promised in headers, or after the body in trailers.
func (d *digest) check(body io.Reader, contentMD5 *string, value string) error {
	if contentMD5 != nil && *contentMD5 != base64.StdEncoding.EncodeToString(d.md5.Sum(nil)) {
		return badDigest.Errorf("The Content-MD5 you specified did not match what we received.")
	}
	if t, ok := body.(interface{ Trailer() map[string]string }); ok && value == "" {
		value = t.Trailer()["x-amz-checksum-"+strings.ToLower(d.algorithm)]
	}
	if value != "" && d.sum != nil && value != d.checksum() {
		return badDigest.Errorf("The %s you specified did not match the calculated checksum.", d.algorithm)
	}
	return nil
}
