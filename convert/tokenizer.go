package convert

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/pgcli/paligemma/internal/spm"
)

// tokenizerNames are the files looked for beside the weights, in this order: a
// SentencePiece model has the scores that tokenizer.json only implies.
var tokenizerNames = []string{"tokenizer.model", "paligemma_tokenizer.model", "gemma_tokenizer.model", tokenizerJSON}

// Files of transformers beside the weights that have tokens of a fine-tuning.
const (
	tokenizerJSON   = "tokenizer.json"
	tokenizerConfig = "tokenizer_config.json"
	addedTokens     = "added_tokens.json"
	specialTokens   = "special_tokens_map.json"
)

// readTokenizer reads the tokenizer file at path, or in dir if path is "", with the
// tokens that the files beside it in dir add. The result has PaliGemma's location
// and segmentation pieces. notes say which files are passed over.
func readTokenizer(path, dir string) (v spm.Vocabulary, notes []string, err error) {
	beside := path == ""
	if beside {
		for _, name := range tokenizerNames {
			if candidate := filepath.Join(dir, name); exists(candidate) {
				path = candidate
				break
			}
		}
	}
	if path == "" {
		return v, nil, fmt.Errorf("no tokenizer: none of %q in %s; name one", tokenizerNames, dir)
	}
	v, image, err := parseTokenizer(path)
	if err != nil {
		return v, nil, err
	}
	whole, passed, err := addTokens(v, image, path, dir)
	switch {
	case beside && err != nil:
		return v, nil, err
	case beside:
		v, notes = whole, passed
	default: // the file was named: those beside it may only add to it
		n := len(v.Pieces)
		more, _, failed := addTokens(v, image, path, filepath.Dir(path))
		if failed == nil && len(more.Pieces) > n && slices.Equal(more.Pieces[:n], v.Pieces) {
			v, notes = more, append(notes, fmt.Sprintf("the tokenizer is %s with the %d tokens that files beside it add", path, len(more.Pieces)-n))
		}
		if err == nil && len(whole.Pieces) != len(v.Pieces) {
			notes = append(notes, fmt.Sprintf("the tokenizer is that of %s, with %d pieces; the files in %s, with %d, are passed over", path, len(v.Pieces), dir, len(whole.Pieces)))
		}
	}
	if _, err := spm.New(v); err != nil { // the file would not open
		return v, nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, notes, nil
}

// parseTokenizer reads either format and completes the vocabulary. image says that
// the file has <image> behind it, which is left out.
func parseTokenizer(path string) (v spm.Vocabulary, image bool, err error) {
	data, err := readSmall(path)
	if err != nil {
		return v, false, err
	}
	parse := spm.ParseModel
	if len(data) > 0 && data[0] == '{' { // no protobuf starts so: it would be field 15 of a group type
		parse = spm.ParseTokenizerJSON
	}
	if v, err = parse(data); err == nil {
		v, err = v.Extend(false)
	}
	if err != nil {
		return v, false, fmt.Errorf("%s: %w", path, err)
	}
	whole := len(v.Pieces)
	v = withoutImage(v)
	return v, len(v.Pieces) < whole, nil
}

// withoutImage leaves out the piece <image>, which Hugging Face puts last: image
// tokens come from the tower, never from the embedding. Tokens of a fine-tuning
// come after it, and keep it in place.
func withoutImage(v spm.Vocabulary) spm.Vocabulary {
	if last := len(v.Pieces) - 1; v.Pieces[last] == spm.ImagePiece {
		v.Pieces, v.Scores, v.Types = v.Pieces[:last], v.Scores[:last], v.Types[:last]
	}
	return v
}

// addTokens adds the tokens that files of dir name to the vocabulary v of the file
// at path, which has <image> behind it if image is set. As in transformers, the flags of tokenizer_config.json count before those
// of tokenizer.json; added_tokens.json counts where neither is. Special tokens that
// are only named come last.
func addTokens(v spm.Vocabulary, image bool, path, dir string) (spm.Vocabulary, []string, error) {
	var tokens []spm.AddedToken
	if name := filepath.Join(dir, tokenizerJSON); exists(name) {
		whole, _, err := parseTokenizer(name)
		if err != nil {
			return v, nil, err
		}
		common := min(len(v.Pieces), len(whole.Pieces))
		if !slices.Equal(v.Pieces[:common], whole.Pieces[:common]) || common < len(v.Pieces) {
			note := fmt.Sprintf("%s: the tokenizer is that of %s, as transformers reads it; %s, which has other pieces, is passed over", dir, tokenizerJSON, filepath.Base(path))
			return whole, []string{note}, nil
		}
		var file struct {
			Tokens []spm.AddedToken `json:"added_tokens"`
		}
		if err := readJSON(name, &file); err != nil {
			return v, nil, err
		}
		tokens = file.Tokens
	}
	more, err := configTokens(dir)
	if err != nil {
		return v, nil, err
	}
	if len(more) == 0 && len(tokens) == 0 && filepath.Base(path) != tokenizerJSON {
		if more, err = listedTokens(dir); err != nil {
			return v, nil, err
		}
	}
	for _, t := range more {
		if i := indexOf(tokens, t.Content); i >= 0 {
			tokens[i] = t
		} else {
			tokens = append(tokens, t)
		}
	}
	if tokens, err = addNamed(tokens, v.Pieces, dir); err != nil {
		return v, nil, err
	}
	if len(tokens) == 0 {
		return v, nil, nil
	}
	if id := len(v.Pieces); image { // <image> has this id already
		if i := indexOf(tokens, spm.ImagePiece); i < 0 {
			tokens = append([]spm.AddedToken{{ID: id, Content: spm.ImagePiece, Special: true}}, tokens...)
		} else if tokens[i].ID != id {
			return v, nil, fmt.Errorf("%s: %s has id %d, but %d in %s", dir, spm.ImagePiece, tokens[i].ID, id, path)
		}
	}
	if v, err = v.Add(tokens); err != nil {
		return v, nil, fmt.Errorf("%s: %w", dir, err)
	}
	return withoutImage(v), nil, nil
}

// indexOf returns the place of a token by its text; -1 if it is not in the list.
func indexOf(tokens []spm.AddedToken, text string) int {
	return slices.IndexFunc(tokens, func(t spm.AddedToken) bool { return t.Content == text })
}

// configTokens reads the list of tokenizer_config.json, which transformers 4 wrote.
func configTokens(dir string) ([]spm.AddedToken, error) {
	path := filepath.Join(dir, tokenizerConfig)
	var config struct {
		Tokens map[string]spm.AddedToken `json:"added_tokens_decoder"`
	}
	if !exists(path) {
		return nil, nil
	}
	if err := readJSON(path, &config); err != nil {
		return nil, err
	}
	var list []spm.AddedToken
	for key, t := range config.Tokens {
		id, err := strconv.Atoi(key)
		if err != nil {
			return nil, fmt.Errorf("%s: added_tokens_decoder: %q is not an id", path, key)
		}
		t.ID = id
		list = append(list, t)
	}
	return list, nil
}

// listedTokens reads added_tokens.json, which has no flags: transformers takes the
// tokens as normalized, and as special if special_tokens_map.json names them.
func listedTokens(dir string) ([]spm.AddedToken, error) {
	path := filepath.Join(dir, addedTokens)
	if !exists(path) {
		return nil, nil
	}
	var ids map[string]int
	if err := readJSON(path, &ids); err != nil {
		return nil, err
	}
	special, err := specialsOf(filepath.Join(dir, specialTokens))
	if err != nil {
		return nil, err
	}
	var list []spm.AddedToken
	for text, id := range ids {
		s := indexOf(special, text) >= 0
		list = append(list, spm.AddedToken{ID: id, Content: text, Special: s, Normalized: !s})
	}
	return list, nil
}
