package parcel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Format is what records are ("How Amazon S3 delivery works" in the developer guide).
type Format string

// Formats, as the API spells them.
const (
	JSON   Format = "JSON"
	Text   Format = "STRING"
	Binary Format = "BYTE_ARRAY"
)

// check tells why a record is none of the format.
func (f Format) check(data []byte) error {
	switch {
	case f == JSON && !jsontext.Value(data).IsValid(jsontext.AllowDuplicateNames(true)):
		return fmt.Errorf("the record is not valid JSON")
	case f == Text && !utf8.Valid(data):
		return fmt.Errorf("the record is not valid UTF-8")
	}
	return nil
}

// Compression is how objects are compressed.
type Compression string

// Compressions, as the API spells them.
const (
	NoCompression Compression = "NONE"
	Gzip          Compression = "GZIP"
	Zstd          Compression = "ZSTD"
)

func (c Compression) extension() string {
	switch c {
	case Gzip:
		return ".gz"
	case Zstd:
		return ".zst"
	default:
		return ""
	}
}

// Compress gives what is stored of the body.
func (c Compression) Compress(body []byte) ([]byte, error) {
	switch c {
	case Gzip:
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(body); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		return b.Bytes(), nil
	case Zstd:
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return w.EncodeAll(body, nil), nil
	default:
		return body, nil
	}
}

// Record is a record on its way into an object.
type Record struct {
	ShardID, SequenceNumber, PartitionKey string
	Arrived                               time.Time
	Data                                  []byte
}

// Contents are the bodies of an object of records and of one of dead letters.
type Contents struct {
	Format    Format
	StreamARN string

	Body, Letters   bytes.Buffer
	Records, Failed int
}

// letter is a dead letter: where the record is, what is wrong with it, and the record.
type letter struct {
	StreamARN        string `json:"streamARN"`
	ShardID          string `json:"shardId"`
	SequenceNumber   string `json:"sequenceNumber"`
	PartitionKey     string `json:"partitionKey"`
	ArrivalTimestamp int64  `json:"arrivalTimestamp"` // milliseconds since the epoch
	ErrorCode        string `json:"errorCode"`
	ErrorMessage     string `json:"errorMessage"`
	RawData          []byte `json:"rawData"`
}

// FormatError is the code of records that are none of the channel's format.
const FormatError = "RecordFormat.Invalid"

// Add appends a record to the body, or to the letters if it cannot be delivered.
func (c *Contents) Add(r Record) error {
	if wrong := c.Format.check(r.Data); wrong != nil {
		c.Failed++
		return json.NewEncoder(&c.Letters).Encode(letter{
			StreamARN: c.StreamARN, ShardID: r.ShardID, SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey,
			ArrivalTimestamp: r.Arrived.UnixMilli(), ErrorCode: FormatError, ErrorMessage: wrong.Error(), RawData: r.Data,
		})
	}
	c.Records++
	c.Body.Write(r.Data)
	if c.Format != Binary && !bytes.HasSuffix(r.Data, []byte("\n")) {
		c.Body.WriteByte('\n')
	}
	return nil
}
