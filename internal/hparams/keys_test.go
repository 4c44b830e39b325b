package hparams

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestKeys pins the names, types and order of the keys. Because reading and
// writing share the table, no other test finds a name that changed, and with it
// every file made before is refused.
func TestKeys(t *testing.T) {
	const text = `context_length uint32
vocab_size uint32
embedding_length uint32
block_count uint32
feed_forward_length uint32
attention.head_count uint32
attention.head_count_kv uint32
attention.key_length uint32
attention.value_length uint32
attention.layer_norm_rms_epsilon float32
rope.freq_base float32
rope.dimension_count uint32
`
	const caps = `attn_logit_softcapping float32
final_logit_softcapping float32
`
	const own = `vision.feed_forward_length_padded uint32
vision.resampling string
`
	const vision = `vision.image_size uint32
vision.patch_size uint32
vision.embedding_length uint32
vision.block_count uint32
vision.feed_forward_length uint32
vision.projection_dim uint32
vision.attention.head_count uint32
vision.attention.layer_norm_epsilon float32
vision.image_mean []float32
vision.image_std []float32
`
	const scales = `family string
image_token_count uint32
embedding_scale float32
attention.scale float32
`
	const clip = `has_vision_encoder bool
projector_type string
use_gelu bool
`
	first, second := example(Gemma), example(Gemma2)
	second.MaskWidth = 512
	general, tokenizer := General{}, Tokenizer{}
	added, ends := Tokenizer{Added: []int32{7}, AddedFlags: []int32{1}}, Tokenizer{Ends: []int32{7}}
	for _, c := range []struct {
		name, prefix string
		fields       []Field
		want         string
	}{
		{"one file", "paligemma.", first.OneFile(), scales + caps + own + text + vision},
		{"one file with masks", "paligemma.", second.OneFile(), scales + caps + own + text + vision + "mask.embedding_length uint32\n"},
		{"text half of Gemma", "gemma.", first.TextFile(), text},
		{"text half of Gemma 2", "gemma2.", second.TextFile(), text + caps + "attention.sliding_window uint32\n"},
		{"projector", "clip.", second.ProjectorFile(), clip + own + vision},
		{"general", "general.", general.Fields(), `architecture string
type string
name string
file_type uint32
quantization_version uint32
alignment uint32
`},
		{"tokenizer", "tokenizer.ggml.", tokenizer.Fields(), `model string
pre string
tokens []string
scores []float32
token_type []int32
bos_token_id uint32
eos_token_id uint32
unknown_token_id uint32
add_bos_token bool
add_eos_token bool
add_space_prefix bool
padding_token_id uint32
`},
		{"added tokens", "tokenizer.paligemma.added.", added.Fields()[12:14], "ids []int32\nflags []int32\n"},
		{"ends", "tokenizer.paligemma.", ends.Fields()[14:], "end_ids []int32\n"},
	} {
		var got strings.Builder
		for _, f := range c.fields {
			if v := f.Value(); v != nil {
				fmt.Fprintf(&got, "%s %T\n", f.Key, v)
			}
		}
		if want := prefixed(c.prefix, c.want); got.String() != want {
			t.Errorf("%s has the keys\n%swant\n%s", c.name, got.String(), want)
		}
	}
}

// prefixed puts a prefix before each line.
func prefixed(prefix, lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString(prefix + line)
	}
	return b.String()
}

// TestFixed pins the values that are written for other programs.
func TestFixed(t *testing.T) {
	m := example(Gemma2)
	all := slices.Concat(m.OneFile(), m.TextFile(), m.ProjectorFile(), new(General).Fields(), new(Tokenizer).Fields())
	values := entries(all)
	for key, want := range map[string]any{
		"paligemma.image_token_count":      uint32(16), // (56/14)^2
		"paligemma.attention.value_length": uint32(32),
		"paligemma.rope.dimension_count":   uint32(32),
		"gemma2.attention.value_length":    uint32(32),
		"gemma2.rope.dimension_count":      uint32(32),
		"gemma2.attention.sliding_window":  uint32(4096),
		"clip.has_vision_encoder":          true,
		"clip.projector_type":              "paligemma2",
		"clip.use_gelu":                    true,
		"general.quantization_version":     uint32(2),
		"general.alignment":                uint32(32),
		"tokenizer.ggml.model":             "llama",
		"tokenizer.ggml.pre":               "default",
		"tokenizer.ggml.add_bos_token":     true,
		"tokenizer.ggml.add_eos_token":     false,
		"tokenizer.ggml.add_space_prefix":  false,
	} {
		if values[key] != want {
			t.Errorf("%s is %v, want %v", key, values[key], want)
		}
	}
	if got := ProjectorType(Gemma); got != "paligemma" {
		t.Errorf("the projector of gemma is of type %q", got)
	}
}

// TestReadTokenizer writes and reads a vocabulary, then damages it.
func TestReadTokenizer(t *testing.T) {
	want := Tokenizer{Pieces: []string{"a", "b"}, Scores: []float32{0, -1}, Types: []int32{3, 1}, BOS: 1, EOS: 2, UNK: 3, PAD: 4, Added: []int32{1}, AddedFlags: []int32{6}, Ends: []int32{1}}
	same := func(a, b Tokenizer) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
	values := entries(want.Fields())
	if got, err := ReadTokenizer(file(t, values), 2); err != nil || !same(got, want) {
		t.Errorf("read %v, %v, want %v", got, err, want)
	}
	if _, err := ReadTokenizer(file(t, values), 3); err == nil || err.Error() != "tokenizer.ggml.tokens has 2 pieces for an embedding of 3 rows" {
		t.Errorf("too few pieces give %v", err)
	}
	without := want
	without.PAD, without.Added, without.AddedFlags, without.Ends = -1, nil, nil, nil
	if got, err := ReadTokenizer(file(t, entries(without.Fields())), 2); err != nil || !same(got, without) {
		t.Errorf("without padding, added tokens and ends: read %v, %v, want %v", got, err, without)
	}
	for _, f := range want.Fields() {
		if isFixed(f) {
			continue
		}
		old := values[f.Key]
		if _, isID := f.value.(token); isID {
			values[f.Key] = uint32(math.MaxInt32 + 1)
			if _, err := ReadTokenizer(file(t, values), 2); err == nil || !strings.Contains(err.Error(), f.Key+" is 2147483648, want an id") {
				t.Errorf("%s = 1<<31 gives %v", f.Key, err)
			}
		}
		values[f.Key] = int8(1)
		if _, err := ReadTokenizer(file(t, values), 2); err == nil || !strings.Contains(err.Error(), f.Key) {
			t.Errorf("an int8 %s gives %v", f.Key, err)
		}
		delete(values, f.Key)
		_, err := ReadTokenizer(file(t, values), 2)
		if _, may := f.value.(optional); may != (err == nil) || err != nil && !strings.Contains(err.Error(), f.Key) {
			t.Errorf("without %s: %v", f.Key, err)
		}
		values[f.Key] = old
	}
}
