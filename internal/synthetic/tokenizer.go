package synthetic

import (
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// appended is the number of pieces that convert adds to a Gemma tokenizer:
// locations and codewords.
const appended = 1024 + 128

// minPieces is the smallest tokenizer that has all special pieces, newlines and
// bytes at Gemma's ids.
const minPieces = firstByte + 256

const (
	firstNewline = 108 // runs of 1 to 31
	firstSpace   = 139 // runs of 2 to 31
	firstByte    = 217
)

// tokenizerModel returns a SentencePiece model of n pieces. Special pieces, runs
// of newlines and spaces, and bytes have the ids of Gemma; all others are words
// that no text contains.
func tokenizerModel(n int) []byte {
	const normal, unknown, control, userDefined, byteType = 1, 2, 3, 4, 6
	special := []string{"<pad>", "<eos>", "<bos>", "<unk>", "<mask>"}
	var model []byte
	for id := range n {
		text, kind := fmt.Sprintf("<unused%d>", id), control
		switch {
		case id == 3:
			text, kind = special[id], unknown
		case id == 4:
			text, kind = special[id], userDefined
		case id < len(special):
			text = special[id]
		case id >= firstNewline && id < firstSpace:
			text, kind = strings.Repeat("\n", id-firstNewline+1), userDefined
		case id >= firstSpace && id < firstSpace+30:
			text, kind = strings.Repeat("▁", id-firstSpace+2), userDefined
		case id >= firstByte && id < minPieces:
			text, kind = fmt.Sprintf("<0x%02X>", id-firstByte), byteType
		case id >= minPieces:
			text, kind = fmt.Sprintf("▁synthetic%d", id), normal
		}
		var piece []byte
		piece = protowire.AppendTag(piece, 1, protowire.BytesType)
		piece = protowire.AppendString(piece, text)
		piece = protowire.AppendTag(piece, 2, protowire.Fixed32Type)
		piece = protowire.AppendFixed32(piece, math.Float32bits(-float32(id)))
		piece = protowire.AppendTag(piece, 3, protowire.VarintType)
		piece = protowire.AppendVarint(piece, uint64(kind))
		model = appendMessage(model, 1, piece)
	}
	model = appendMessage(model, 2, trainerSpec(special))
	normalizer := appendNumbers(nil, []field{{3, 0}, {4, 0}, {5, 1}}) // no dummy prefix, keep spaces, escape them
	normalizer = protowire.AppendTag(normalizer, 1, protowire.BytesType)
	normalizer = protowire.AppendString(normalizer, "identity")
	return appendMessage(model, 3, normalizer)
}

// trainerSpec makes the message that asks for BPE with byte fallback.
func trainerSpec(special []string) []byte {
	// model_type, byte_fallback, ids of unk, bos, eos and pad
	spec := appendNumbers(nil, []field{{3, 2}, {35, 1}, {40, 3}, {41, 2}, {42, 1}, {43, 0}})
	for i, number := range []protowire.Number{48, 47, 46, 45} { // pad, eos, bos, unk
		spec = protowire.AppendTag(spec, number, protowire.BytesType)
		spec = protowire.AppendString(spec, special[i])
	}
	return spec
}

type field struct {
	number protowire.Number
	value  uint64
}

func appendNumbers(b []byte, fields []field) []byte {
	for _, f := range fields {
		b = protowire.AppendTag(b, f.number, protowire.VarintType)
		b = protowire.AppendVarint(b, f.value)
	}
	return b
}

func appendMessage(b []byte, field protowire.Number, message []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, message)
}
