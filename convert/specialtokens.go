package convert

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/pgcli/paligemma/internal/spm"
)

// addNamed appends the special tokens that tokenizer_config.json or
// special_tokens_map.json only names: each gets the next id, as in transformers.
func addNamed(tokens []spm.AddedToken, pieces []string, dir string) ([]spm.AddedToken, error) {
	next := len(pieces)
	for _, t := range tokens {
		next = max(next, t.ID+1)
	}
	for _, name := range []string{tokenizerConfig, specialTokens} {
		named, err := specialsOf(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		for _, t := range named {
			if t.Content != "" && t.Content != spm.ImagePiece && indexOf(tokens, t.Content) < 0 && !slices.Contains(pieces, t.Content) {
				t.ID, t.Special = next, true
				tokens, next = append(tokens, t), next+1
			}
		}
	}
	return tokens, nil
}

// roles are the keys of special tokens, in the order in which transformers adds them.
var roles = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
	"additional_special_tokens", "extra_special_tokens"}

// specialsOf reads the special tokens that a file names: strings or objects, one for
// a role, a list of them, or a map of more roles.
func specialsOf(path string) (tokens []spm.AddedToken, err error) {
	if !exists(path) {
		return nil, nil
	}
	var file map[string]json.RawMessage
	if err := readJSON(path, &file); err != nil {
		return nil, err
	}
	for _, role := range roles {
		var list []json.RawMessage
		raw := file[role]
		switch {
		case raw == nil:
			continue
		case json.Unmarshal(raw, &list) == nil:
		case role == "extra_special_tokens" && raw[0] == '{':
			all, err := members(raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", path, role, err)
			}
			for _, m := range all { // whose tokens get ids in this order
				list = append(list, m.value)
			}
		default:
			list = []json.RawMessage{raw}
		}
		for _, item := range list {
			var t spm.AddedToken
			if json.Unmarshal(item, &t.Content) != nil && json.Unmarshal(item, &t) != nil {
				return nil, fmt.Errorf("%s: %s: %.80s is no token, want a string or an object with content", path, role, item)
			}
			tokens = append(tokens, t)
		}
	}
	return tokens, nil
}
