package spm

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// wantError fails unless err names every one of the words.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", words)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Vocabulary)
		words  []string
	}{
		{"no pieces", func(v *Vocabulary) { v.Pieces = nil }, []string{"0 pieces"}},
		{"fewer scores", func(v *Vocabulary) { v.Scores = v.Scores[1:] }, []string{"1500 pieces", "1499 scores"}},
		{"fewer types", func(v *Vocabulary) { v.Types = v.Types[2:] }, []string{"1500 pieces", "1498 types"}},
		{"empty piece", func(v *Vocabulary) { v.Pieces[700] = "" }, []string{"id 700", "empty"}},
		{"piece not UTF-8", func(v *Vocabulary) { v.Pieces[700] = "\xff" }, []string{"id 700", `\xff`, "UTF-8"}},
		{"long piece", func(v *Vocabulary) { v.Pieces[700] = strings.Repeat("a", 1<<16+1) }, []string{"id 700", "65537 bytes"}},
		{"duplicate", func(v *Vocabulary) { v.Pieces[700] = v.Pieces[701] }, []string{"two ids", "700", "701"}},
		{"NaN", func(v *Vocabulary) { v.Scores[700] = float32(math.NaN()) }, []string{"id 700", "NaN"}},
		{"infinite", func(v *Vocabulary) { v.Scores[700] = float32(math.Inf(-1)) }, []string{"id 700", "-Inf"}},
		{"type 0", func(v *Vocabulary) { v.Types[700] = 0 }, []string{"id 700", "type 0", "1 to 6"}},
		{"type 7", func(v *Vocabulary) { v.Types[700] = 7 }, []string{"id 700", "type 7"}},
		{"second unknown", func(v *Vocabulary) { v.Types[700] = Unknown }, []string{"id 700", "unknown id is 3"}},
		{"not a byte", func(v *Vocabulary) { v.Types[700] = Byte }, []string{"id 700", "type byte"}},
		{"byte missing", func(v *Vocabulary) { v.Types[slices.Index(v.Pieces, "<0x0A>")] = Normal }, []string{"<0x0A>"}},
		{"lower-case byte", func(v *Vocabulary) { v.Pieces[slices.Index(v.Pieces, "<0x0A>")] = "<0x0a>" }, []string{"<0x0a>"}},
		{"bos outside", func(v *Vocabulary) { v.BOS = 1500 }, []string{"bos id 1500", "1500 pieces"}},
		{"bos negative", func(v *Vocabulary) { v.BOS = -1 }, []string{"bos id -1"}},
		{"eos not control", func(v *Vocabulary) { v.EOS = 700 }, []string{"eos id 700", "type 1", "want type 3"}},
		{"pad below -1", func(v *Vocabulary) { v.PAD = -2 }, []string{"pad id -2"}},
		{"end outside", func(v *Vocabulary) { v.Ends = []int32{700, 1500} }, []string{"end 1 of an answer", "id 1500", "below 1500"}},
		{"ends out of order", func(v *Vocabulary) { v.Ends = []int32{700, 700} }, []string{"end 1 of an answer", "above 700"}},
		{"unknown elsewhere", func(v *Vocabulary) { v.UNK = 700 }, []string{"unknown id is 700"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := smallVocabulary(t, "plain")
			test.change(&v)
			_, err := New(v)
			wantError(t, err, test.words...)
		})
	}
	v := smallVocabulary(t, "plain")
	v.PAD = -1
	if _, err := New(v); err != nil {
		t.Errorf("without pad: %v", err)
	}
}

// override appends a message to a model in which field number of the message
// with number group is value. A later field replaces an earlier one.
func override(model []byte, group, number protowire.Number, value any) []byte {
	var m []byte
	switch value := value.(type) {
	case int:
		m = protowire.AppendVarint(protowire.AppendTag(m, number, protowire.VarintType), uint64(value))
	case string:
		m = protowire.AppendString(protowire.AppendTag(m, number, protowire.BytesType), value)
	}
	return protowire.AppendBytes(protowire.AppendTag(slices.Clone(model), group, protowire.BytesType), m)
}

func TestParseModelRefuses(t *testing.T) {
	model := readFile(t, "testdata/small.model")
	for _, test := range []struct {
		name  string
		data  []byte
		words []string
	}{
		{"empty", nil, []string{"no pieces"}},
		{"not protobuf", []byte("GGUF\x03\x00\x00\x00"), []string{"model, byte 0"}},
		{"unigram", override(model, modelTrainer, trainerModelType, 1), []string{"model_type is 1", "BPE"}},
		{"no bytes", override(model, modelTrainer, trainerByteFallback, 0), []string{"byte_fallback is false"}},
		{"suffix", override(model, modelTrainer, trainerSuffix, 1), []string{"treat_whitespace_as_suffix"}},
		{"surface", override(model, modelTrainer, trainerUnkSurface, "??"), []string{"unk_surface", `"??"`}},
		{"other bos", override(model, modelTrainer, trainerBOS, "<s>"), []string{"bos id -1"}},
		{"dummy prefix", override(model, modelNormalizer, normalizerDummyPrefix, 1), []string{"add_dummy_prefix"}},
		{"extra spaces", override(model, modelNormalizer, normalizerExtraSpaces, 1), []string{"remove_extra_whitespaces"}},
		{"no escape", override(model, modelNormalizer, normalizerEscape, 0), []string{"escape_whitespaces"}},
		{"charsmap", override(model, modelNormalizer, normalizerCharsmap, "xyz"), []string{"identity", "3 bytes"}},
		{"denormalizer", override(model, modelDenormalizer, normalizerCharsmap, "xyz"), []string{"denormalizer", "3 bytes"}},
		{"wrong wire type", override(model, modelTrainer, trainerModelType, "BPE"), []string{"trainer_spec", "field 3", "wire type 2, want 0"}},
		{"huge type", override(model, modelPieces, pieceType, math.MaxInt), []string{"id 1500"}},
		{"truncated", model[:len(model)-1], []string{"byte", "EOF"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseModel(test.data)
			wantError(t, err, test.words...)
		})
	}
}

// TestTruncatedModelIsAnError: a model cut anywhere is an error, since the settings
// follow the pieces.
func TestTruncatedModelIsAnError(t *testing.T) {
	model := readFile(t, "testdata/small.model")
	for n := 0; n < len(model); n += 7 {
		if _, err := ParseModel(model[:n]); err == nil {
			t.Errorf("first %d of %d bytes: no error", n, len(model))
		}
	}
}

func TestParseTokenizerJSONRefuses(t *testing.T) {
	type object = map[string]any
	model := func(file object) object { return file["model"].(object) }
	vocab := func(file object) object { return model(file)["vocab"].(object) }
	added := func(file object, i int) object { return file["added_tokens"].([]any)[i].(object) }
	for _, test := range []struct {
		name   string
		change func(object)
		words  []string
	}{
		{"unigram", func(f object) { model(f)["type"] = "Unigram" }, []string{"model.type", "Unigram"}},
		{"no model", func(f object) { delete(f, "model") }, []string{"model.type"}},
		{"no bytes", func(f object) { model(f)["byte_fallback"] = false }, []string{"byte_fallback"}},
		{"ignore merges", func(f object) { model(f)["ignore_merges"] = true }, []string{"ignore_merges"}},
		{"dropout", func(f object) { model(f)["dropout"] = 0.1 }, []string{"dropout is 0.1"}},
		{"subword prefix", func(f object) { model(f)["continuing_subword_prefix"] = "##" }, []string{"##"}},
		{"word suffix", func(f object) { model(f)["end_of_word_suffix"] = "</w>" }, []string{"</w>"}},
		{"no vocab", func(f object) { delete(model(f), "vocab") }, []string{"vocab is missing"}},
		{"no normalizer", func(f object) { delete(f, "normalizer") }, []string{"normalizer is null"}},
		{"prefix", func(f object) {
			f["normalizer"] = object{"type": "Sequence", "normalizers": []any{object{"type": "Prepend", "prepend": "▁"}, f["normalizer"]}}
		}, []string{"normalizer is", "Prepend"}},
		{"bytes as letters", func(f object) { f["pre_tokenizer"] = object{"type": "ByteLevel"} }, []string{"pre_tokenizer", "ByteLevel"}},
		{"huge id", func(f object) { vocab(f)["zzz"] = 2000000000 }, []string{"zzz", "2000000000", "0 to 1500"}},
		{"negative id", func(f object) { vocab(f)["zzz"] = -1 }, []string{"zzz", "-1"}},
		{"same id", func(f object) { vocab(f)["zzz"] = 700 }, []string{"zzz", "same id 700"}},
		{"added elsewhere", func(f object) { added(f, 0)["id"] = 9 }, []string{"<pad>", "id 9, but 0"}},
		{"eos not special", func(f object) { added(f, 1)["special"] = false }, []string{"eos id 1", "type 4"}},
		{"unknown token", func(f object) { model(f)["unk_token"] = "<oov>" }, []string{"unknown id -1"}},
		{"merge of three", func(f object) { model(f)["merges"] = []any{"a b c"} }, []string{"want two pieces"}},
		{"merge of one", func(f object) { model(f)["merges"] = []any{[]any{"a", ""}} }, []string{"want two pieces"}},
		{"merge of numbers", func(f object) { model(f)["merges"] = []any{3} }, []string{"merge 3", "want two pieces"}},
		{"merge to nothing", func(f object) { model(f)["merges"] = []any{"qq qq"} }, []string{"merge 0", "qqqq", "not in model.vocab"}},
		{"merges out of order", func(f object) {
			m := model(f)["merges"].([]any)
			model(f)["merges"] = append(m, m[len(m)-9])
		}, []string{"with others in between"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var file object
			if err := json.Unmarshal(readFile(t, "testdata/small.tokenizer.json"), &file); err != nil {
				t.Fatal(err)
			}
			test.change(file)
			data, err := json.Marshal(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseTokenizerJSON(data)
			wantError(t, err, test.words...)
		})
	}
	_, err := ParseTokenizerJSON([]byte(`{"model":`))
	wantError(t, err, "tokenizer.json", "unexpected end")
}

func TestExtendRefuses(t *testing.T) {
	full := func() Vocabulary { return smallVocabulary(t, "loc_seg") }
	for _, test := range []struct {
		name   string
		change func(*Vocabulary)
		words  []string
	}{
		{"first missing", func(v *Vocabulary) { v.Pieces[1500] = "x0" }, []string{"<loc0001>", "1501", "<loc0000>"}},
		{"one missing", func(v *Vocabulary) { v.Pieces[1510] = "x0" }, []string{"<loc0000>", "1510", "<loc0010>"}},
		{"cut", func(v *Vocabulary) { *v = cut(*v, 2600) }, []string{"<seg000>", "2600", "<seg076>"}},
		{"wrong type", func(v *Vocabulary) { v.Types[1510] = Control }, []string{"<loc0010>", "type 3, want 4"}},
		{"lengths", func(v *Vocabulary) { v.Types = v.Types[1:] }, []string{"2651 types"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := full()
			test.change(&v)
			_, err := v.Extend(false)
			wantError(t, err, test.words...)
		})
	}
}

// cut keeps the first n pieces.
func cut(v Vocabulary, n int) Vocabulary {
	v.Pieces, v.Scores, v.Types = v.Pieces[:n], v.Scores[:n], v.Types[:n]
	return v
}
