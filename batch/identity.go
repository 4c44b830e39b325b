package batch

import (
	"encoding/json"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
)

// An Identity is what the answers of a run depend on, besides pictures and prompts.
type Identity struct {
	Model    string    // digest of the model's files
	Settings []Setting // options that change answers, always in the same order
}

// A Setting is an option with its value.
type Setting struct{ Name, Value string }

// Key returns the key of a record: the first 32 hexadecimal digits of the SHA-256 of the
// JSON list of the picture's name, the prompt, the model's digest, and the settings. It
// is known before the picture is read, and also of one that cannot be read.
func (id *Identity) Key(image string, p paligemma.Prompt) string { return id.key(image, p).String() }

func (id *Identity) key(image string, p paligemma.Prompt) record.Key {
	data, err := json.Marshal([]any{image, string(p), id.Model, id.Settings})
	if err != nil {
		panic(err) // texts only
	}
	return record.KeyOf(data)
}
