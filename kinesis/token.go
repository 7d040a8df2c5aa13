package kinesis

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	model "drey/model/kinesis"
)

// token is what shard iterators, page tokens and receipt handles hold. They are sealed with a key that only this server has: clients can
// neither read nor make them, and one kind does not pass for another.
type token struct {
	Kind    tokenKind `json:"k"`
	ID      string    `json:"i"` // of the stream, or of the queue
	Stream  key       `json:"s,omitzero"`
	Shard   int       `json:"n,omitempty"`
	Ordinal uint64    `json:"o,omitempty"`
	After   string    `json:"a,omitempty"` // name of the last thing on the page before
	Receipt uint64    `json:"r,omitempty"` // of the delivery of a record

	Filter *model.ShardFilter `json:"f,omitempty"`

	Issued time.Time `json:"t,omitzero"`
}

type tokenKind string

const (
	iteratorToken  tokenKind = "iterator"
	shardsToken    tokenKind = "shards"
	consumersToken tokenKind = "consumers"
	streamsToken   tokenKind = "streams"
	queuesToken    tokenKind = "queues"
	channelsToken  tokenKind = "channels"

	receiptToken     tokenKind = "receipt"
	deadReceiptToken tokenKind = "dead"

	tokenLife = 5 * time.Minute
)

// sealer seals tokens.
type sealer struct{ aead cipher.AEAD }

func newSealer(secret []byte) (sealer, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return sealer{}, fmt.Errorf("token key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, fmt.Errorf("token key: %w", err)
	}
	return sealer{aead}, nil
}

func newSecret() []byte {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return b
}

func (s sealer) seal(t token) string {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings, numbers and a time
	}
	return base64.StdEncoding.EncodeToString(s.aead.Seal(nil, nil, b, []byte(t.Kind)))
}

func (s sealer) open(kind tokenKind, text string) (token, bool) {
	sealed, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return token{}, false
	}
	b, err := s.aead.Open(nil, nil, sealed, []byte(kind))
	if err != nil {
		return token{}, false
	}
	var t token
	if err := json.Unmarshal(b, &t); err != nil || t.Kind != kind {
		return token{}, false
	}
	return t, true
}
