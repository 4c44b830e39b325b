package spm

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"
)

// A tokenizerJSON is what ParseTokenizerJSON takes from a tokenizer.json.
type tokenizerJSON struct {
	AddedTokens []struct {
		ID      int
		Content string
		Special bool
	} `json:"added_tokens"`
	Normalizer   json.RawMessage
	PreTokenizer json.RawMessage `json:"pre_tokenizer"`
	Model        struct {
		Type         string
		Dropout      *float64
		UnkToken     string  `json:"unk_token"`
		Prefix       *string `json:"continuing_subword_prefix"`
		Suffix       *string `json:"end_of_word_suffix"`
		ByteFallback bool    `json:"byte_fallback"`
		IgnoreMerges bool    `json:"ignore_merges"`
		Vocab        map[string]int
		Merges       []mergeRule
	}
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
		return fmt.Errorf("merge %.100s: want two pieces: %w", data, err)
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
// Text that spells a control piece is where the ids of the two differ: Hugging
// Face finds "<bos>" in text, SentencePiece and this package do not.
func ParseTokenizerJSON(data []byte) (Vocabulary, error) {
	var j tokenizerJSON
	err := json.Unmarshal(data, &j)
	if err == nil {
		err = j.check()
	}
	var v Vocabulary
	if err == nil {
		v, err = j.vocabulary()
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
		return fmt.Errorf("normalizer: %w", err)
	}
	if s.Type == "Sequence" && len(s.Normalizers) == 1 {
		return checkNormalizer(s.Normalizers[0])
	}
	if s.Type != "Replace" || s.Pattern.String != " " || s.Content != string(space) {
		return fmt.Errorf("normalizer is %.200s, want Replace \" \" by \"▁\"", orNull(raw))
	}
	return nil
}

// checkPreTokenizer accepts none, or a split at spaces, of which the normalizer
// has left none.
func checkPreTokenizer(raw json.RawMessage) error {
	var s step
	if err := json.Unmarshal(orNull(raw), &s); err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	if s.Type == "" || s.Type == "Split" && s.Pattern.String == " " && !s.Invert {
		return nil
	}
	return fmt.Errorf("pre_tokenizer is %.200s, want none", raw)
}

// orNull is raw, or JSON's null in place of an absent value.
func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// vocabulary joins model.vocab, merges and added tokens.
func (j *tokenizerJSON) vocabulary() (Vocabulary, error) {
	v := Vocabulary{BOS: -1, EOS: -1, PAD: -1, UNK: -1}
	var err error
	if v.Pieces, err = j.pieces(); err != nil {
		return v, err
	}
	v.Types = j.types(v.Pieces)
	for id, piece := range v.Pieces { // checked by their types later
		switch piece {
		case "<bos>":
			v.BOS = int32(id)
		case "<eos>":
			v.EOS = int32(id)
		case "<pad>":
			v.PAD = int32(id)
		case j.Model.UnkToken: // special in some files only
			v.UNK, v.Types[id] = int32(id), Unknown
		}
	}
	v.Scores, err = j.scores(v.Pieces, v.Types)
	return v, err
}

// pieces orders the vocabulary by id. Every id from 0 on must have one piece.
func (j *tokenizerJSON) pieces() ([]string, error) {
	ids := maps.Clone(j.Model.Vocab)
	if ids == nil {
		return nil, errors.New("model.vocab is missing")
	}
	for _, t := range j.AddedTokens {
		if id, found := ids[t.Content]; found && id != t.ID {
			return nil, fmt.Errorf("added token %.100q has id %d, but %d in model.vocab", t.Content, t.ID, id)
		}
		ids[t.Content] = t.ID
	}
	pieces := make([]string, len(ids))
	for piece, id := range ids {
		if id < 0 || id >= len(ids) {
			return nil, fmt.Errorf("piece %.100q has id %d, want 0 to %d", piece, id, len(ids)-1)
		}
		if pieces[id] != "" {
			return nil, fmt.Errorf("pieces %.100q and %.100q have the same id %d", min(piece, pieces[id]), max(piece, pieces[id]), id)
		}
		pieces[id] = piece
	}
	for b := range 256 { // Gemma's files show byte piece <0x09> as the tab itself
		if _, found := ids[bytePiece(byte(b))]; found || b >= utf8.RuneSelf {
			continue
		}
		if id, found := ids[string(rune(b))]; found {
			pieces[id] = bytePiece(byte(b))
		}
	}
	return pieces, nil
}

// types restores what kind each piece was in the SentencePiece model. Added
// tokens are control pieces if special, else user-defined. Files of the first
// Gemma release list only four added tokens, so two more kinds count as
// user-defined: a piece of several characters that no merge makes, since
// nothing else could reach it, and a run of newlines, tabs or spaces.
func (j *tokenizerJSON) types(pieces []string) []Type {
	made := make(map[string]bool)
	for _, rule := range j.Model.Merges {
		made[rule.left+rule.right] = true
	}
	types := make([]Type, len(pieces))
	for id, piece := range pieces {
		_, isByte := byteValue(piece)
		switch {
		case isByte:
			types[id] = Byte
		case isRun(piece), !made[piece] && utf8.RuneCountInString(piece) > 1:
			types[id] = UserDefined
		default:
			types[id] = Normal
		}
	}
	for _, t := range j.AddedTokens {
		if types[t.ID] = UserDefined; t.Special {
			types[t.ID] = Control
		}
	}
	return types
}

// scores numbers the normal pieces in the order in which merges make them, 0, -1
// and so on, as SentencePiece's trainer does. All rules that make one piece stand
// together in a file made from a SentencePiece model, since they were sorted by
// its score; otherwise no score can express the order. Characters are made by no
// rule and come last. Pieces of other types are not merged and have score 0.
func (j *tokenizerJSON) scores(pieces []string, types []Type) ([]float32, error) {
	ids := make(map[string]int, len(pieces))
	for id, piece := range pieces {
		ids[piece] = id
	}
	scores := make([]float32, len(pieces))
	ranked := make([]bool, len(pieces))
	last, count := -1, float32(0)
	for i, rule := range j.Model.Merges {
		id, found := ids[rule.left+rule.right]
		switch {
		case !found:
			return nil, fmt.Errorf("merge %d makes %.100q, which is not in model.vocab", i, rule.left+rule.right)
		case types[id] != Normal || id == last:
			continue
		case ranked[id]:
			return nil, fmt.Errorf("merge %d makes %.100q, as an earlier one did, with others in between", i, pieces[id])
		}
		last, ranked[id], scores[id] = id, true, -count
		count++
	}
	for id, t := range types {
		if t == Normal && !ranked[id] {
			scores[id] = -count
		}
	}
	return scores, nil
}

// isRun reports a run of one kind of white space as Gemma defines them: from
// one newline, from two spaces or tabs.
func isRun(piece string) bool {
	return strings.Trim(piece, "\n") == "" ||
		len(piece) > 1 && strings.Trim(piece, "\t") == "" ||
		len(piece) > len(string(space)) && strings.Trim(piece, string(space)) == ""
}
