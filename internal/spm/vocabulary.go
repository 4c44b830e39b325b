package spm

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// A Type is the kind of a piece, numbered as in SentencePiece and in the GGUF array
// tokenizer.ggml.token_type.
type Type = int32

// The types of pieces.
const (
	Normal      Type = 1 // reached by merging
	Unknown     Type = 2 // the one piece for text that no other piece spells
	Control     Type = 3 // <bos>, <eos>, <pad>, <image>: never in text, no text of its own
	UserDefined Type = 4 // matched in text before all merging
	Unused      Type = 5 // merged like a normal piece, then split again
	Byte        Type = 6 // "<0x00>" to "<0xFF>", one raw byte
)

const (
	locs = 1024 // <loc0000> to <loc1023>, coordinates
	segs = 128  // <seg000> to <seg127>, codes of masks

	// ImagePiece stands for a picture in Hugging Face's prompts.
	ImagePiece = "<image>"

	// maxPieces bounds a vocabulary. The largest known SentencePiece
	// vocabularies have 262144 pieces.
	maxPieces = 1 << 22

	// maxPieceBytes bounds a piece. Gemma's longest has 93 bytes.
	maxPieceBytes = 1 << 16
)

// A Vocabulary lists the pieces of a tokenizer; the index of a piece is its id.
// The three slices have the same length. Pieces, Scores and Types are the GGUF
// arrays tokenizer.ggml.tokens, .scores and .token_type.
type Vocabulary struct {
	Pieces []string
	Scores []float32 // merge priority, higher first
	Types  []Type

	BOS, EOS int32 // ids of control pieces
	UNK      int32 // id of the piece of type Unknown
	PAD      int32 // id of a control piece, or -1

	// Added are the ids, ascending, of tokens that a fine-tuning added, and
	// AddedFlags says how each is found in a text; see Add. A control piece among
	// them is found in text, unlike Gemma's own.
	Added, AddedFlags []int32

	// Ends are the ids, ascending, of pieces that end an answer as EOS does, such as
	// the <end_of_turn> of a fine-tuning. Most vocabularies have none.
	Ends []int32
}

// Extend returns a copy of v in which PaliGemma's pieces follow the others:
// <loc0000> to <loc1023> and <seg000> to <seg127>, user-defined with score 0,
// and, if image is set, the control piece <image>. A group that v already has is
// kept where it is. It is an error if v has only a part of a group, or not in a
// row, or has one of these pieces as another type, because the rest of a model
// relies on their ids.
func (v Vocabulary) Extend(image bool) (Vocabulary, error) {
	v.Pieces = slices.Clone(v.Pieces)
	v.Scores = slices.Clone(v.Scores)
	v.Types = slices.Clone(v.Types)
	if len(v.Scores) != len(v.Pieces) || len(v.Types) != len(v.Pieces) {
		return v, fmt.Errorf("spm: %d pieces have %d scores and %d types", len(v.Pieces), len(v.Scores), len(v.Types))
	}
	groups := [][]string{numbered("<loc%04d>", locs), numbered("<seg%03d>", segs)}
	types := []Type{UserDefined, UserDefined}
	if image {
		groups, types = append(groups, []string{ImagePiece}), append(types, Control)
	}
	for i, group := range groups {
		if err := v.extend(group, types[i]); err != nil {
			return v, err
		}
	}
	return v, nil
}

// extend appends group, or checks it if its first piece is there already.
func (v *Vocabulary) extend(group []string, t Type) error {
	first := slices.Index(v.Pieces, group[0])
	if first < 0 {
		for _, piece := range group[1:] {
			if i := slices.Index(v.Pieces, piece); i >= 0 {
				return fmt.Errorf("spm: piece %q (id %d) is there without %q", piece, i, group[0])
			}
		}
		for _, piece := range group {
			v.Pieces, v.Scores, v.Types = append(v.Pieces, piece), append(v.Scores, 0), append(v.Types, t)
		}
		return nil
	}
	for i, piece := range group {
		id := first + i
		if id >= len(v.Pieces) || v.Pieces[id] != piece {
			return fmt.Errorf("spm: %q has id %d, but id %d is not %q", group[0], first, id, piece)
		}
		if v.Types[id] != t {
			hint := ""
			if v.Types[id] == Control {
				hint = ": the file marks it as special, so that transformers leaves it out of the text of answers; mark it as an ordinary added token"
			}
			return fmt.Errorf("spm: piece %q (id %d) has type %d, want %d%s", piece, id, v.Types[id], t, hint)
		}
	}
	return nil
}

// numbered returns the pieces that format makes of 0 to n-1.
func numbered(format string, n int) []string {
	pieces := make([]string, n)
	for i := range pieces {
		pieces[i] = fmt.Sprintf(format, i)
	}
	return pieces
}

// check reports the first thing in v that no SentencePiece model with byte
// fallback has. Duplicates are left to New, which builds the index.
func (v *Vocabulary) check() error {
	n := len(v.Pieces)
	if n == 0 || n > maxPieces {
		return fmt.Errorf("spm: %d pieces, want 1 to %d", n, maxPieces)
	}
	if len(v.Scores) != n || len(v.Types) != n {
		return fmt.Errorf("spm: %d pieces have %d scores and %d types", n, len(v.Scores), len(v.Types))
	}
	var bytes [256]bool
	for id, piece := range v.Pieces {
		if piece == "" || !utf8.ValidString(piece) {
			return fmt.Errorf("spm: piece %q (id %d) is empty or not UTF-8", piece, id)
		}
		if len(piece) > maxPieceBytes {
			return fmt.Errorf("spm: piece %.20q... (id %d) has %d bytes, want at most %d", piece, id, len(piece), maxPieceBytes)
		}
		if s := float64(v.Scores[id]); math.IsNaN(s) || math.IsInf(s, 0) {
			return fmt.Errorf("spm: piece %q (id %d) has score %v", piece, id, s)
		}
		switch t := v.Types[id]; t {
		case Normal, Control, UserDefined, Unused:
		case Unknown:
			if id != int(v.UNK) {
				return fmt.Errorf("spm: piece %q (id %d) has type unknown, but the unknown id is %d", piece, id, v.UNK)
			}
		case Byte:
			b, ok := byteValue(piece)
			if !ok {
				return fmt.Errorf("spm: piece %q (id %d) has type byte, want <0x00> to <0xFF>", piece, id)
			}
			bytes[b] = true
		default:
			return fmt.Errorf("spm: piece %q (id %d) has type %d, want 1 to 6", piece, id, t)
		}
	}
	for b, found := range bytes {
		if !found {
			return fmt.Errorf("spm: no byte piece <0x%02X>; text without it cannot fall back to bytes", b)
		}
	}
	if err := v.checkAdded(); err != nil {
		return err
	}
	if err := v.checkEnds(); err != nil {
		return err
	}
	return v.checkSpecial()
}

// checkSpecial reports a special id that is out of range or of a wrong type.
func (v *Vocabulary) checkSpecial() error {
	for _, s := range []struct {
		name     string
		id       int32
		t        Type
		optional bool
	}{
		{"bos", v.BOS, Control, false},
		{"eos", v.EOS, Control, false},
		{"pad", v.PAD, Control, true},
		{"unknown", v.UNK, Unknown, false},
	} {
		if s.optional && s.id == -1 {
			continue
		}
		if s.id < 0 || int(s.id) >= len(v.Types) {
			return fmt.Errorf("spm: %s id %d is outside the %d pieces", s.name, s.id, len(v.Types))
		}
		if t := v.Types[s.id]; t != s.t {
			return fmt.Errorf("spm: %s id %d is %q of type %d, want type %d", s.name, s.id, v.Pieces[s.id], t, s.t)
		}
	}
	return nil
}

// checkEnds reports the first entry of v.Ends that cannot be.
func (v *Vocabulary) checkEnds() error {
	last := int32(-1)
	for i, id := range v.Ends {
		if id <= last || int(id) >= len(v.Pieces) {
			return fmt.Errorf("spm: end %d of an answer has id %d, want one above %d and below %d", i, id, last, len(v.Pieces))
		}
		last = id
	}
	return nil
}

// byteValue returns the byte that a byte piece such as "<0x0A>" stands for.
func byteValue(piece string) (byte, bool) {
	if len(piece) != len("<0x00>") || piece[:3] != "<0x" || piece[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(piece[3:5], 16, 8)
	return byte(b), err == nil && piece == bytePiece(byte(b))
}

// bytePiece returns the byte piece of b.
func bytePiece(b byte) string { return fmt.Sprintf("<0x%02X>", b) }
