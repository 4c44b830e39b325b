package spm

import (
	"errors"
	"fmt"
	"math"
)

// Field numbers of sentencepiece_model.proto. A field that is absent has the
// default of that file, which the zero modelProto below does not have.
const (
	modelPieces       = 1
	modelTrainer      = 2
	modelNormalizer   = 3
	modelDenormalizer = 5

	pieceText  = 1
	pieceScore = 2
	pieceType  = 3

	trainerModelType    = 3
	trainerSuffix       = 24
	trainerByteFallback = 35
	trainerUnkSurface   = 44
	trainerBOS          = 46
	trainerEOS          = 47
	trainerPAD          = 48

	normalizerName        = 1
	normalizerCharsmap    = 2
	normalizerDummyPrefix = 3
	normalizerExtraSpaces = 4
	normalizerEscape      = 5
)

// modelTypeBPE is TrainerSpec.ModelType's BPE; unigram is 1, word 3, char 4.
const modelTypeBPE = 2

// A modelProto holds the fields of a ModelProto that ParseModel reads.
type modelProto struct {
	vocab Vocabulary

	modelType                uint64
	byteFallback, suffix     bool
	unkSurface               string
	bos, eos, pad            string
	normalizer               string
	charsmap, denormalizer   int // lengths in bytes
	dummyPrefix, extraSpaces bool
	escape                   bool
}

// ParseModel reads a SentencePiece model file (tokenizer.model). It refuses a
// model that is not BPE with byte fallback and an identity normalizer, since
// this package would encode text differently from it.
func ParseModel(data []byte) (Vocabulary, error) {
	m := modelProto{
		modelType: 1, unkSurface: unknownText, bos: "<s>", eos: "</s>", pad: "<pad>",
		dummyPrefix: true, extraSpaces: true, escape: true,
	}
	if err := m.parse(data); err != nil {
		return Vocabulary{}, fmt.Errorf("spm: SentencePiece model: %w", err)
	}
	if err := m.check(); err != nil {
		return Vocabulary{}, fmt.Errorf("spm: SentencePiece model: %w", err)
	}
	m.setSpecial()
	if err := m.vocab.check(); err != nil {
		return Vocabulary{}, err
	}
	return m.vocab, nil
}

func (m *modelProto) parse(data []byte) error {
	return eachField(data, "model", func(f field) error {
		switch f.number {
		case modelPieces:
			if len(m.vocab.Pieces) == maxPieces {
				return fmt.Errorf("more than %d pieces", maxPieces)
			}
			return f.message("piece", m.piece())
		case modelTrainer:
			return f.message("trainer_spec", m.trainerField)
		case modelNormalizer:
			return f.message("normalizer_spec", m.normalizerField)
		case modelDenormalizer:
			return f.message("denormalizer_spec", func(f field) error {
				if f.number == normalizerCharsmap {
					return f.length(&m.denormalizer)
				}
				return nil
			})
		}
		return nil
	})
}

// piece appends an empty piece and returns the function that fills in its fields.
func (m *modelProto) piece() func(field) error {
	v := &m.vocab
	id := len(v.Pieces)
	v.Pieces = append(v.Pieces, "")
	v.Scores = append(v.Scores, 0)
	v.Types = append(v.Types, Normal)
	return func(f field) error {
		switch f.number {
		case pieceText:
			return f.text(&v.Pieces[id])
		case pieceScore:
			return f.float(&v.Scores[id])
		case pieceType:
			var t uint64
			if err := f.varint(&t); err != nil {
				return err
			}
			v.Types[id] = Type(min(t, math.MaxInt32)) // Vocabulary.check refuses a bad one
		}
		return nil
	}
}

func (m *modelProto) trainerField(f field) error {
	switch f.number {
	case trainerModelType:
		return f.varint(&m.modelType)
	case trainerSuffix:
		return f.flag(&m.suffix)
	case trainerByteFallback:
		return f.flag(&m.byteFallback)
	case trainerUnkSurface:
		return f.text(&m.unkSurface)
	case trainerBOS:
		return f.text(&m.bos)
	case trainerEOS:
		return f.text(&m.eos)
	case trainerPAD:
		return f.text(&m.pad)
	}
	return nil
}

func (m *modelProto) normalizerField(f field) error {
	switch f.number {
	case normalizerName:
		return f.text(&m.normalizer)
	case normalizerCharsmap:
		return f.length(&m.charsmap)
	case normalizerDummyPrefix:
		return f.flag(&m.dummyPrefix)
	case normalizerExtraSpaces:
		return f.flag(&m.extraSpaces)
	case normalizerEscape:
		return f.flag(&m.escape)
	}
	return nil
}

// check reports the first setting in which the model is unlike Gemma's.
func (m *modelProto) check() error {
	switch {
	case len(m.vocab.Pieces) == 0:
		return errors.New("it has no pieces")
	case m.modelType != modelTypeBPE:
		return fmt.Errorf("model_type is %d, want %d (BPE)", m.modelType, modelTypeBPE)
	case !m.byteFallback:
		return errors.New("byte_fallback is false, want true")
	case m.charsmap != 0:
		return fmt.Errorf("normalizer %q has rules (%d bytes), want identity", m.normalizer, m.charsmap)
	case m.denormalizer != 0:
		return fmt.Errorf("the denormalizer has rules (%d bytes), want none", m.denormalizer)
	case m.dummyPrefix:
		return errors.New("add_dummy_prefix is true, want false")
	case m.extraSpaces:
		return errors.New("remove_extra_whitespaces is true, want false")
	case !m.escape:
		return errors.New("escape_whitespaces is false, want true")
	case m.suffix:
		return errors.New("treat_whitespace_as_suffix is true, want false")
	case m.unkSurface != unknownText:
		return fmt.Errorf("unk_surface is %q, want %q", m.unkSurface, unknownText)
	}
	return nil
}

// setSpecial looks up the special ids. As in SentencePiece the trainer's names
// count, not its ids, and the unknown piece is known by its type.
func (m *modelProto) setSpecial() {
	v := &m.vocab
	v.BOS, v.EOS, v.PAD, v.UNK = -1, -1, -1, -1
	for i, piece := range v.Pieces {
		id := int32(i)
		switch v.Types[i] {
		case Unknown:
			v.UNK = id
		case Control:
			switch piece {
			case m.bos:
				v.BOS = id
			case m.eos:
				v.EOS = id
			case m.pad:
				v.PAD = id
			}
		}
	}
}
