package convert

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/infile"
)

const (
	embeddingName = "token_embd.weight"
	headName      = hparams.HeadName // of a model whose head is not the embedding
)

// A model holds the tensors of a conversion while adapters change them.
type model struct {
	tensors []*tensor
	targets map[string]*tensor // by Hugging Face's names, in every layout
	head    *tensor            // an output head that may differ from the embedding; nil if the embedding is the head
	notes   []string           // for people: readings that may surprise
}

func newModel(tensors []*tensor) *model {
	m := &model{tensors: tensors, targets: map[string]*tensor{}}
	for _, t := range tensors {
		for _, prefix := range hfPrefixes[t.part] {
			m.targets[prefix+t.module] = t
		}
	}
	return m
}

// embedding returns the tensor that the registry has first.
func (m *model) embedding() *tensor { return m.tensors[0] }

func (m *model) note(format string, args ...any) {
	m.notes = append(m.notes, fmt.Sprintf(format, args...))
}

func (m *model) isHead(name string) bool { return slices.Contains(hfHeads, name) }

// target returns the tensor of Hugging Face's name, nil if there is none. The name
// of the output head belongs to the embedding while the two are one.
func (m *model) target(name string) *tensor {
	switch {
	case !m.isHead(name):
		return m.targets[name]
	case m.head != nil:
		return m.head
	}
	return m.embedding()
}

// splitHead makes the output head a tensor of its own, with the embedding's values
// so far.
func (m *model) splitHead() *tensor {
	h := *m.embedding()
	h.name, h.edits = headName, slices.Clone(h.edits)
	m.head = &h
	return m.head
}

// takeHead lets a checkpoint's array of the output head be the model's head. Where
// it differs from the embedding, transformers 5 computes with both, whatever
// tie_word_embeddings says; transformers 4 mostly drops the head then.
func (m *model) takeHead(inv inventory, d Dims) error {
	a, err := inv.head()
	if err != nil || a.name == "" {
		return err
	}
	if problem := inv.misfit(d, a, "V D"); problem != "" {
		return fmt.Errorf("output head: %s", problem)
	}
	m.splitHead().from = a
	return nil
}

// settleHead leaves out a head whose rows are the embedding's, and else puts it
// behind the text half's last norm, where llama.cpp has it.
func (m *model) settleHead(ctx context.Context) error {
	if m.head == nil {
		return nil
	}
	same, err := sameValues(ctx, m.head, m.embedding())
	if err != nil || same {
		m.head = nil
		return err
	}
	m.note("%s differs from the embedding: the file has an output head of its own, as transformers 5 reads it", m.head.from.name)
	at := slices.IndexFunc(m.tensors, func(t *tensor) bool { return t.name == "output_norm.weight" })
	m.tensors = slices.Insert(m.tensors, at+1, m.head)
	return nil
}

// sameValues compares the tokens' rows of two sources. Rows beyond the tokenizer's
// pieces are never read.
func sameValues(ctx context.Context, a, b *tensor) (bool, error) {
	switch {
	case len(a.edits) > 0 || len(b.edits) > 0:
		return false, nil
	case a.ck == b.ck && a.from.name == b.from.name:
		return true, nil
	case a.remote() || b.remote():
		return false, fmt.Errorf("%s is compared with the embedding before anything is written: %w", a.from.name, ErrWhole)
	}
	left, err := a.ck.open(a.from.name)
	if err != nil {
		return false, err
	}
	defer left.Close()
	right, err := b.ck.open(b.from.name)
	if err != nil {
		return false, err
	}
	defer right.Close()
	width := cols(a.inner)
	step := max(1, chunkElems/width)
	x, y := make([]float32, step*width), make([]float32, step*width)
	var raw []byte
	for first := 0; first < rows(a.inner); first += step {
		n := min(step, rows(a.inner)-first) * width
		for _, side := range []struct {
			t      *tensor
			r      io.Reader
			values []float32
		}{{a, infile.Checked(ctx, left), x}, {b, infile.Checked(ctx, right), y}} {
			raw = grow(raw, n*side.t.from.typ.BlockBytes())
			if _, err := io.ReadFull(side.r, raw); err != nil {
				return false, fmt.Errorf("%s: %s: %w", side.t.from.where, side.t.from.name, noEOF(err))
			}
			decode(side.values[:n], raw, side.t.from.typ)
		}
		if !slices.Equal(x[:n], y[:n]) {
			return false, nil
		}
	}
	return true, nil
}

// remote reports whether the tensor's source arrives over a network.
func (t *tensor) remote() bool {
	s, ok := t.ck.(*shards)
	return ok && s.index[t.from.name].arrival != nil
}

// head returns the array of the output head, one without a name if the checkpoint
// has none beside the embedding.
func (inv inventory) head() (array, error) {
	var found []array
	for _, name := range hfHeads {
		if a, there := inv.arrays[name]; there && inv.format == HuggingFace {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return array{}, nil
	case 1:
		return found[0], nil
	}
	return array{}, fmt.Errorf("the output head is there twice, as %s and %s", found[0].name, found[1].name)
}

// shareHead takes the embedding from under the output head's name, where
// safetensors.torch.save_model keeps the matrix that the two share.
func (inv *inventory) shareHead() error {
	if inv.format != HuggingFace || len(inv.has(Text)) > 0 {
		return nil
	}
	a, err := inv.head()
	if err != nil || a.name == "" {
		return err
	}
	for _, prefix := range hfPrefixes[Text] {
		if _, there := inv.arrays[prefix+"norm.weight"]; there {
			delete(inv.arrays, a.name)
			inv.arrays[prefix+hfAnchors[Text]] = a
			inv.shared = a.name
			return nil
		}
	}
	return nil
}

// checkTied refuses a checkpoint that lacks one of two matrices that its config
// says are two. transformers fills the missing one with random numbers.
func (inv inventory) checkTied(h hfConfig) error {
	head, err := inv.head()
	switch {
	case err != nil:
		return err
	case inv.shared != "" && !h.Tied.or(true):
		return fmt.Errorf("%s: tie_word_embeddings is false, but the checkpoint has no embed_tokens.weight, only %s", h.path, inv.shared)
	case inv.shared == "" && head.name == "" && !h.Tied.or(true) && !h.Text.Tied.or(true):
		return fmt.Errorf("%s: tie_word_embeddings is false, but the checkpoint has no lm_head.weight; set it to true if the embedding is the output head", h.path)
	}
	return nil
}
