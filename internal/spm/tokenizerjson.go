package spm

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pgcli/paligemma/internal/jsonerr"
)

// A tokenizerJSON holds the fields of a tokenizer.json that ParseTokenizerJSON reads.
type tokenizerJSON struct {
	AddedTokens  []AddedToken    `json:"added_tokens"`
	Normalizer   json.RawMessage `json:"normalizer"`
	PreTokenizer json.RawMessage `json:"pre_tokenizer"`
	Model        struct {
		Type         string         `json:"type"`
		Dropout      *float64       `json:"dropout"`
		UnkToken     string         `json:"unk_token"`
		Prefix       *string        `json:"continuing_subword_prefix"`
		Suffix       *string        `json:"end_of_word_suffix"`
		ByteFallback bool           `json:"byte_fallback"`
		IgnoreMerges bool           `json:"ignore_merges"`
		Vocab        map[string]int `json:"vocab"`
		Merges       []mergeRule    `json:"merges"`
	} `json:"model"`
}

// A mergeRule is two pieces that may be merged: ["a", "b"], or "a b" in files
// written before 2024-11.
type mergeRule struct{ left, right string }

func (r *mergeRule) UnmarshalJSON(data []byte) error {
	var both []string
	if data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		both = strings.Split(s, " ")
	} else if err := json.Unmarshal(data, &both); err != nil {
		return fmt.Errorf("merge %.100s: want two pieces", data)
	}
	if len(both) != 2 || both[0] == "" || both[1] == "" {
		return fmt.Errorf("merge %.100q: want two pieces", both)
	}
	r.left, r.right = both[0], both[1]
	return nil
}

// ParseTokenizerJSON reads a Hugging Face tokenizer.json that was made from a
// SentencePiece BPE model, and restores that model's vocabulary: pieces without
// scores but with a list of merges become pieces with scores in the order of
// the merges.
//
// The ids of the two differ for text that spells a control piece: Hugging Face
// finds "<bos>" in text, SentencePiece and this package do not.
func ParseTokenizerJSON(data []byte) (Vocabulary, error) {
	var j tokenizerJSON
	err := jsonerr.Explain(data, json.Unmarshal(data, &j))
	if err == nil {
		err = j.check()
	}
	var v Vocabulary
	if err == nil {
		v, err = j.vocabulary()
	}
	if err == nil {
		v, err = v.Add(j.AddedTokens)
	}
	if err == nil && len(v.Pieces) != len(j.ids()) {
		err = fmt.Errorf("%d pieces follow %s without being added tokens", len(j.ids())-len(v.Pieces), ImagePiece)
	}
	if err != nil {
		return Vocabulary{}, fmt.Errorf("spm: tokenizer.json: %w", err)
	}
	if err := v.check(); err != nil {
		return Vocabulary{}, err
	}
	return v, nil
}

// check reports the first setting in which the tokenizer is unlike Gemma's.
func (j *tokenizerJSON) check() error {
	m := &j.Model
	switch {
	case m.Type != "BPE":
		return fmt.Errorf("model.type is %.100q, want \"BPE\"", m.Type)
	case !m.ByteFallback:
		return errors.New("model.byte_fallback is false, want true")
	case m.IgnoreMerges:
		return errors.New("model.ignore_merges is true, want false")
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("model.dropout is %v, want none", *m.Dropout)
	case m.Prefix != nil && *m.Prefix != "":
		return fmt.Errorf("model.continuing_subword_prefix is %.100q, want none", *m.Prefix)
	case m.Suffix != nil && *m.Suffix != "":
		return fmt.Errorf("model.end_of_word_suffix is %.100q, want none", *m.Suffix)
	}
	if err := checkNormalizer(j.Normalizer); err != nil {
		return err
	}
	return checkPreTokenizer(j.PreTokenizer)
}

// A step is a normalizer or a pre-tokenizer.
type step struct {
	Type        string
	Normalizers []json.RawMessage // of a Sequence
	Pattern     struct{ String string }
	Content     string
	Behavior    string
	Invert      bool
}

// checkNormalizer accepts only the replacement of " " by "▁", alone or as the
// only step of a sequence. Llama's puts a "▁" in front of the text first.
func checkNormalizer(raw json.RawMessage) error {
	var s step
	if err := json.Unmarshal(orNull(raw), &s); err != nil {
		return fmt.Errorf("normalizer: %w", jsonerr.Explain(raw, err))
	}
	if s.Type == "Sequence" && len(s.Normalizers) == 1 {
		return checkNormalizer(s.Normalizers[0])
	}
	if s.Type != "Replace" || s.Pattern.String != " " || s.Content != string(space) {
		return fmt.Errorf("normalizer is %.200s, want Replace \" \" by \"▁\"", orNull(raw))
	}
	return nil
}

// checkPreTokenizer accepts an absent pre-tokenizer, or a split at spaces, since
// the normalizer leaves no spaces.
func checkPreTokenizer(raw json.RawMessage) error {
	var s step
	if err := json.Unmarshal(orNull(raw), &s); err != nil {
		return fmt.Errorf("pre_tokenizer: %w", jsonerr.Explain(raw, err))
	}
	if s.Type == "" || s.Type == "Split" && s.Pattern.String == " " && !s.Invert {
		return nil
	}
	return fmt.Errorf("pre_tokenizer is %.200s, want none", raw)
}

// orNull returns raw, or JSON's null for an absent value.
func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}
