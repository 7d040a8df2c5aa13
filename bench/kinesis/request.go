package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/fxamacker/cbor/v2"
)

// format is a protocol in which both sides speak: the Content-Type and how a body is written.
type format struct {
	contentType string
	marshal     func(any) ([]byte, error)
}

var (
	asJSON = format{"application/x-amz-json-1.1", json.Marshal}
	asCBOR = format{"application/x-amz-cbor-1.1", cbor.Marshal} // what the Java SDK speaks
)

var signer = v4.NewSigner()

// request gives the bytes of a signed request, good for the fifteen minutes of a signature.
func (s *server) request(f format, op string, in any) ([]byte, error) {
	body, err := f.marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+s.address+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", f.contentType)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+op)
	r.Header.Set("User-Agent", "bench")
	sum := sha256.Sum256(body)
	if err := signer.SignHTTP(context.Background(), s.keys, r, hex.EncodeToString(sum[:]), "kinesis", s.region, time.Now()); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(len(body) + 1024)
	err = r.Write(&out)
	return out.Bytes(), err
}
