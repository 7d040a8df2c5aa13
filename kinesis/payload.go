package kinesis

import (
	"encoding/binary"
	"errors"
	"slices"

	model "drey/model/kinesis"
	"drey/store/seglog"
)

// A record lies in the log as: flags u8 | length of the partition key u16 | partition key | data.
const (
	payloadHeader = 3
	flagKMS       = 1
)

var errPayload = errors.New("not a record of a stream")

func appendPayload(b []byte, partitionKey string, data []byte, encryption model.EncryptionType) []byte {
	b = slices.Grow(b, payloadHeader+len(partitionKey)+len(data))
	flags := byte(0)
	if encryption == model.EncryptionTypeKMS {
		flags = flagKMS
	}
	b = append(b, flags)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(partitionKey)))
	b = append(b, partitionKey...)
	return append(b, data...)
}

func decodePayload(b []byte) (partitionKey string, data []byte, encryption model.EncryptionType, err error) {
	if len(b) < payloadHeader || b[0]&^flagKMS != 0 {
		return "", nil, "", errPayload
	}
	n := payloadHeader + int(binary.LittleEndian.Uint16(b[1:]))
	if len(b) < n {
		return "", nil, "", errPayload
	}
	if b[0]&flagKMS != 0 {
		encryption = model.EncryptionTypeKMS
	}
	return string(b[payloadHeader:n]), b[n:], encryption, nil
}

// recordSize is how large a record is for the limits: its partition key and its data.
func recordSize(r seglog.Record) int { return len(r.Data) - payloadHeader }

// records turns what was read into what clients see.
func (l *lane) records(in []seglog.Record) ([]model.Record, error) {
	out := make([]model.Record, len(in))
	for i, r := range in {
		partitionKey, data, encryption, err := decodePayload(r.Data)
		if err != nil {
			return nil, err
		}
		out[i] = model.Record{
			SequenceNumber:              new(l.number(r.Ordinal, r.Time).String()),
			ApproximateArrivalTimestamp: new(r.Time),
			Data:                        data,
			PartitionKey:                orNil(partitionKey),
			EncryptionType:              encryption,
		}
	}
	return out, nil
}
