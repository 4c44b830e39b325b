package convert

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pgcli/paligemma/internal/spm"
)

// adapterTokenizer returns the tokenizer of the folder of an adapter, where trainers
// save it, if that is v with more tokens: a fine-tuning added them. notes say which
// tokenizer is taken, or passed over.
func adapterTokenizer(v spm.Vocabulary, adapters []Adapter) (_ spm.Vocabulary, notes []string) {
	for _, a := range adapters {
		if !slices.ContainsFunc(tokenizerNames, func(name string) bool { return exists(filepath.Join(a.Dir, name)) }) {
			continue
		}
		own, passed, err := readTokenizer("", a.Dir)
		n := min(len(own.Pieces), len(v.Pieces))
		switch {
		case err != nil:
			notes = append(notes, fmt.Sprintf("the tokenizer of the adapter is passed over: %v", err))
		case !slices.Equal(own.Pieces[:n], v.Pieces[:n]):
			notes = append(notes, fmt.Sprintf("%s: the tokenizer of the adapter has other pieces than the model's, and is passed over", a.Dir))
		case len(own.Pieces) > len(v.Pieces) || len(own.Added) > len(v.Added):
			v = own
			notes = append(append(notes, passed...), fmt.Sprintf("%s: the tokenizer is the adapter's, which has %d added tokens", a.Dir, len(own.Added)))
		}
	}
	return v, notes
}

// checkAdapterDir refuses a path that is no folder of an adapter, and names one that is.
func checkAdapterDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is a file, want the folder of an adapter: %s", dir, filepath.Dir(dir))
	case !exists(filepath.Join(dir, adapterName)):
		return fmt.Errorf("%s: no %s, so it is no adapter of PEFT%s", dir, adapterName, quoted("; its folders have some:", sourceDir{path: dir}.match("*/"+adapterName)))
	}
	return nil
}

// checkGrown refuses a vocabulary of more pieces than the embedding, or an output head
// of its own, has rows. With adapters resolve lets that pass: PEFT saves both matrices
// whole if the vocabulary has grown.
func (m *model) checkGrown() error {
	for _, t := range []*tensor{m.embedding(), m.head} {
		if t != nil && rows(t.from.shape) < rows(t.inner) {
			return fmt.Errorf("%s has %d rows, but the tokenizer %d pieces, and no adapter has the matrix with the rows of added tokens: train with modules_to_save=[\"embed_tokens\", \"lm_head\"], or %s",
				t.from.name, rows(t.from.shape), rows(t.inner), mergeFirst)
		}
	}
	return nil
}
