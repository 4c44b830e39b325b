package hparams

import (
	"fmt"

	"github.com/pgcli/paligemma/gguf"
)

// A Tokenizer holds the pieces of a SentencePiece tokenizer, under llama.cpp's
// keys. It has the fields of spm.Vocabulary, to which it converts.
type Tokenizer struct {
	Pieces []string
	Scores []float32
	Types  []int32

	BOS, EOS int32
	UNK      int32
	PAD      int32 // -1 in a vocabulary without the piece

	// Tokens that a fine-tuning added: their ids and flags. Both are empty in most
	// files.
	Added, AddedFlags []int32

	Ends []int32 // ids of pieces that end an answer, besides EOS; empty in most files
}

// TokenizerPrefix starts the keys of a tokenizer.
const TokenizerPrefix = "tokenizer."

const piecesKey = TokenizerPrefix + "ggml.tokens"

// Fields lists the keys in the order of a file. No space is put before a text;
// a caller asks for <bos>, which comes after the image.
func (t *Tokenizer) Fields() []Field {
	const (
		ggml  = TokenizerPrefix + "ggml."
		added = TokenizerPrefix + "paligemma.added." // llama.cpp goes by the type alone
		ends  = TokenizerPrefix + "paligemma.end_ids"
	)
	return []Field{
		{ggml + "model", fixed{"llama"}},
		{ggml + "pre", fixed{"default"}},
		{piecesKey, entry[[]string]{&t.Pieces}},
		{ggml + "scores", entry[[]float32]{&t.Scores}},
		{ggml + "token_type", entry[[]int32]{&t.Types}},
		{ggml + "bos_token_id", token{&t.BOS}},
		{ggml + "eos_token_id", token{&t.EOS}},
		{ggml + "unknown_token_id", token{&t.UNK}},
		{ggml + "add_bos_token", fixed{true}},
		{ggml + "add_eos_token", fixed{false}},
		{ggml + "add_space_prefix", fixed{false}},
		{ggml + "padding_token_id", optional{token{&t.PAD}, t.PAD >= 0}},
		{added + "ids", optional{entry[[]int32]{&t.Added}, len(t.Added) > 0}},
		{added + "flags", optional{entry[[]int32]{&t.AddedFlags}, len(t.Added) > 0}},
		{ends, optional{entry[[]int32]{&t.Ends}, len(t.Ends) > 0}},
	}
}

// ReadTokenizer reads the pieces of a file, one for each of vocab rows of the
// embedding. Package spm checks whether they make a tokenizer.
func ReadTokenizer(f *gguf.File, vocab int) (Tokenizer, error) {
	t := Tokenizer{PAD: -1}
	if err := read(f, t.Fields()); err != nil {
		return t, err
	}
	if len(t.Pieces) != vocab {
		return t, fmt.Errorf("%s has %d pieces for an embedding of %d rows", piecesKey, len(t.Pieces), vocab)
	}
	return t, nil
}
