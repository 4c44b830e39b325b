package spm

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// vocabulary joins model.vocab, merges and added tokens, up to the last of
// PaliGemma's pieces. Behind these are tokens that a fine-tuning added.
func (j *tokenizerJSON) vocabulary() (Vocabulary, error) {
	v := Vocabulary{BOS: -1, EOS: -1, PAD: -1, UNK: -1}
	var err error
	if v.Pieces, err = j.pieces(); err != nil {
		return v, err
	}
	for _, last := range []string{ImagePiece, fmt.Sprintf("<seg%03d>", segs-1)} {
		if i := slices.Index(v.Pieces, last); i >= 0 {
			v.Pieces = v.Pieces[:i+1]
			break
		}
	}
	v.Types = j.types(v.Pieces)
	for id, piece := range v.Pieces { // Vocabulary.check compares their types later
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

// ids returns the ids of all pieces.
func (j *tokenizerJSON) ids() map[string]int {
	ids := maps.Clone(j.Model.Vocab)
	for _, t := range j.AddedTokens {
		ids[t.Content] = t.ID
	}
	return ids
}

// pieces orders the vocabulary by id. Every id from 0 on must have one piece.
func (j *tokenizerJSON) pieces() ([]string, error) {
	if j.Model.Vocab == nil {
		return nil, errors.New("model.vocab is missing")
	}
	for _, t := range j.AddedTokens {
		if id, found := j.Model.Vocab[t.Content]; found && id != t.ID {
			return nil, fmt.Errorf("added token %.100q has id %d, but %d in model.vocab", t.Content, t.ID, id)
		}
	}
	ids := j.ids()
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
		_, known := j.Model.Vocab[t.Content]
		switch {
		case t.ID >= len(types): // of a fine-tuning
		case known && types[t.ID] == Normal && (t.Special || t.flags() != 0): // a word that a fine-tuning added
		case t.Special:
			types[t.ID] = Control
		default:
			types[t.ID] = UserDefined
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

// isRun reports whether a piece is a run of white space that Gemma has as a
// user-defined piece: one or more newlines, or two or more spaces or tabs.
func isRun(piece string) bool {
	return strings.Trim(piece, "\n") == "" ||
		len(piece) > 1 && strings.Trim(piece, "\t") == "" ||
		len(piece) > len(string(space)) && strings.Trim(piece, string(space)) == ""
}
