package record

import (
	"crypto/sha256"
	"encoding/hex"
)

// A Key is Record.Key as 16 bytes.
type Key [16]byte

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// KeyOf returns the first bytes of the SHA-256 of data.
func KeyOf(data []byte) (k Key) {
	sum := sha256.Sum256(data)
	copy(k[:], sum[:])
	return k
}

// ParseKey reads a key; ok is false for a text that is not a key.
func ParseKey(text string) (k Key, ok bool) {
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != len(k) {
		return k, false
	}
	return Key(data), true
}
