package iam

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Prefixes of unique ids ("IAM identifiers", Unique identifiers).
const (
	userID      = "AIDA"
	roleID      = "AROA"
	policyID    = "ANPA"
	longTermKey = "AKIA"
	sessionKey  = "ASIA"
)

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// newID makes an id of 21 characters, or of 20 for access keys.
func newID(prefix string) string {
	n := 17
	if prefix == longTermKey || prefix == sessionKey {
		n = 16
	}
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] = idAlphabet[b[i]%32]
	}
	return prefix + string(b)
}

// newSecret makes a secret access key of 40 characters.
func newSecret() string {
	b := make([]byte, 30)
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

// newToken makes a session token.
func newToken() string {
	b := make([]byte, 96)
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

// sealer keeps secrets unreadable in the database file. Each sealed text is bound to the name of what it belongs to.
type sealer struct{ aead cipher.AEAD }

// openSealer reads the key file, or makes it with mode 0600. Two processes that start at once agree on one key.
func openSealer(path string) (sealer, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err == nil {
			key, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return sealer{}, fmt.Errorf("key of secrets: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, fmt.Errorf("key of secrets %s: %w", path, err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return sealer{}, fmt.Errorf("key of secrets %s: %w", path, err)
	}
	return sealer{aead}, nil
}

// makeKey writes a complete, synced file aside and links it in place, unless another process was faster.
func makeKey(path string) error {
	key := make([]byte, 32)
	rand.Read(key)
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	_, err = f.Write(key)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (s sealer) close(name, secret string) string {
	nonce := make([]byte, s.aead.NonceSize())
	rand.Read(nonce)
	return base64.StdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, []byte(secret), []byte(name)))
}

func (s sealer) open(name, sealed string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(b) < s.aead.NonceSize() {
		return "", fmt.Errorf("sealed secret of %s is damaged", name)
	}
	secret, err := s.aead.Open(nil, b[:s.aead.NonceSize()], b[s.aead.NonceSize():], []byte(name))
	if err != nil {
		return "", fmt.Errorf("sealed secret of %s does not fit the key file: %w", name, err)
	}
	return string(secret), nil
}
