package convert

import (
	"slices"
	"strings"
	"testing"
)

// TestEndsOfAnswers: generate of transformers ends an answer at any id of
// generation_config.json's eos_token_id, else of config.json's.
func TestEndsOfAnswers(t *testing.T) {
	model := readText(t, tinyModel)
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []int32
	}{
		{"nothing", nil, nil},
		{"<eos>", map[string]string{generationName: `{"eos_token_id": 1}`}, nil},
		{"another", map[string]string{generationName: `{"eos_token_id": 107}`}, []int32{107}},
		{"several", map[string]string{generationName: `{"eos_token_id": [1, 107, 9, 107]}`}, []int32{9, 107}},
		{"null", map[string]string{generationName: `{"eos_token_id": null}`, "config.json": `{"eos_token_id": 7}`}, nil},
		{"only the config", map[string]string{"config.json": `{"eos_token_id": [1, 7]}`}, []int32{7}},
		{"the config of the text half", map[string]string{"config.json": `{"text_config": {"eos_token_id": 7}}`}, []int32{7}},
		{"the file before the config", map[string]string{generationName: `{}`, "config.json": `{"eos_token_id": 7}`}, nil},
	} {
		dir := folder(t, c.files)
		v, _, err := readTokenizer(tinyModel, dir)
		if err != nil {
			t.Fatal(err)
		}
		got, notes, err := readGeneration(dir, v)
		if err != nil || len(notes) > 0 || !slices.Equal(got, c.want) {
			t.Errorf("%s: ends %v, notes %q, error %v, want %v", c.name, got, notes, err, c.want)
		}
	}
	for text, want := range map[string]string{
		`{"eos_token_id": 1792}`:  "eos_token_id has 1792, but the tokenizer 1792 pieces",
		`{"eos_token_id": [-1]}`:  "eos_token_id has -1",
		`{"eos_token_id": "eos"}`: `eos_token_id is "eos", want an id or a list of ids`,
	} {
		dir := folder(t, map[string]string{"tokenizer.model": model, generationName: text})
		v, _, err := readTokenizer("", dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := readGeneration(dir, v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

// TestGenerationThatIsNotFollowed: settings by which generate would choose other tokens
// are named.
func TestGenerationThatIsNotFollowed(t *testing.T) {
	for text, want := range map[string][]string{
		`{"_from_model_config": true, "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0, "cache_implementation": "hybrid"}`:                            nil,
		`{"do_sample": false, "num_beams": 1, "repetition_penalty": 1.0, "temperature": 0.7, "suppress_tokens": null, "bad_words_ids": [], "min_length": 0}`: nil,
		`{"do_sample": true, "temperature": 0.7}`:                                  {"do_sample is true"},
		`{"num_beams": 4, "no_repeat_ngram_size": 3}`:                              {"num_beams is 4", "no_repeat_ngram_size is 3"},
		`{"repetition_penalty": 1.1, "suppress_tokens": [5, 7], "min_length": 20}`: {"repetition_penalty is 1.1", "suppress_tokens is [5 7]", "min_length is 20"},
		`{"forced_eos_token_id": 0, "penalty_alpha": 0.6, "stop_strings": ["."]}`:  {"forced_eos_token_id is 0", "penalty_alpha is 0.6", "stop_strings is [.]"},
	} {
		dir := folder(t, map[string]string{"tokenizer.model": readText(t, tinyModel), generationName: text})
		v, _, err := readTokenizer("", dir)
		if err != nil {
			t.Fatal(err)
		}
		_, notes, err := readGeneration(dir, v)
		if err != nil || len(notes) > 0 != (len(want) > 0) {
			t.Errorf("%s: notes %q, error %v, want %q", text, notes, err, want)
			continue
		}
		for _, w := range want {
			if !strings.Contains(notes[0], w) {
				t.Errorf("%s: the note is %q, want %q in it", text, notes[0], w)
			}
		}
	}
}
