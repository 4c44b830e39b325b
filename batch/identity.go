package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/pgcli/paligemma"
)

// An Identity is what the answers of a run depend on, besides pictures and prompts.
type Identity struct {
	Model    string    // digest of the model's files
	Settings []Setting // options that change answers, always in the same order
}

// A Setting is an option with its value.
type Setting struct{ Name, Value string }

// A key identifies a question: 16 bytes of a SHA-256.
type key [16]byte

func (k key) String() string { return hex.EncodeToString(k[:]) }

// Key returns the key of a record: the first 32 hexadecimal digits of the SHA-256 of the
// JSON list of the picture's name, the prompt, the model's digest, and the settings. It
// is known before the picture is read, and also of one that cannot be read.
func (id *Identity) Key(image string, p paligemma.Prompt) string { return id.key(image, p).String() }

func (id *Identity) key(image string, p paligemma.Prompt) (k key) {
	data, err := json.Marshal([]any{image, string(p), id.Model, id.Settings})
	if err != nil {
		panic(err) // texts only
	}
	sum := sha256.Sum256(data)
	copy(k[:], sum[:])
	return k
}

// parseKey reads a key.
func parseKey(text string) (k key, ok bool) {
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != len(k) {
		return k, false
	}
	copy(k[:], data)
	return k, true
}
