package convert

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/pgcli/paligemma/internal/spm"
)

// tokenizerNames are the files looked for beside the weights, in this order: a
// SentencePiece model has the scores that tokenizer.json only implies.
var tokenizerNames = []string{"tokenizer.model", "paligemma_tokenizer.model", "gemma_tokenizer.model", "tokenizer.json"}

// readTokenizer reads the tokenizer file at path, or in dir if path is "". The result has PaliGemma's location and segmentation pieces.
func readTokenizer(path, dir string) (spm.Vocabulary, error) {
	if path == "" {
		for _, name := range tokenizerNames {
			if candidate := filepath.Join(dir, name); exists(candidate) {
				path = candidate
				break
			}
		}
	}
	if path == "" {
		return spm.Vocabulary{}, fmt.Errorf("no tokenizer: none of %q in %s; name one", tokenizerNames, dir)
	}
	data, err := readSmall(path)
	if err != nil {
		return spm.Vocabulary{}, err
	}
	v, err := parseTokenizer(data)
	if err != nil {
		return spm.Vocabulary{}, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// parseTokenizer reads either format and completes the vocabulary. The piece
// <image>, which Hugging Face puts last, is left out: image tokens come from
// the tower, never from the embedding.
func parseTokenizer(data []byte) (spm.Vocabulary, error) {
	parse := spm.ParseModel
	if len(data) > 0 && data[0] == '{' { // no protobuf starts so: it would be field 15 of a group type
		parse = spm.ParseTokenizerJSON
	}
	v, err := parse(data)
	if err != nil {
		return v, err
	}
	if i := slices.Index(v.Pieces, "<image>"); i >= 0 {
		if i != len(v.Pieces)-1 {
			return v, fmt.Errorf("pieces such as %q follow <image> (id %d); added tokens are not supported", v.Pieces[i+1], i)
		}
		v.Pieces, v.Scores, v.Types = v.Pieces[:i], v.Scores[:i], v.Types[:i]
	}
	return v.Extend(false)
}

// readSmall reads a whole file, but no more than maxJSON bytes.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(data) > maxJSON {
		return nil, fmt.Errorf("%s: more than %d bytes", path, maxJSON)
	}
	return data, nil
}
