package convert

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/internal/spm"
)

// generationName is the file with what transformers' generate does by default.
const generationName = "generation_config.json"

// A generation holds the settings of generate that choose other tokens than the
// likeliest, or end an answer elsewhere than at <eos>.
type generation struct {
	Ends option[tokenIDs] `json:"eos_token_id"`

	Samples       option[bool]    `json:"do_sample"`
	Beams         option[int]     `json:"num_beams"`
	Penalty       option[float64] `json:"repetition_penalty"`
	NoRepeat      option[int]     `json:"no_repeat_ngram_size"`
	Least         option[int]     `json:"min_length"`
	LeastNew      option[int]     `json:"min_new_tokens"`
	Guidance      option[float64] `json:"guidance_scale"`
	Contrast      option[float64] `json:"penalty_alpha"`
	Suppressed    option[any]     `json:"suppress_tokens"`
	SuppressedNow option[any]     `json:"begin_suppress_tokens"`
	Bad           option[any]     `json:"bad_words_ids"`
	Bias          option[any]     `json:"sequence_bias"`
	First         option[any]     `json:"forced_bos_token_id"`
	Last          option[any]     `json:"forced_eos_token_id"`
	Stops         option[any]     `json:"stop_strings"`
}

// tokenIDs are ids of tokens: a number, or a list.
type tokenIDs []int

func (t *tokenIDs) UnmarshalJSON(data []byte) (err error) {
	*t, err = oneOrMore[int](data, "eos_token_id", "an id or a list of ids")
	return err
}

// readGeneration returns the ids at which generate ends an answer besides <eos>,
// ascending, and a note about settings that are not followed. As in transformers,
// config.json has the ids of a folder without a generation_config.json.
func readGeneration(dir string, v spm.Vocabulary) (ends []int32, notes []string, err error) {
	var g generation
	path := filepath.Join(dir, generationName)
	if exists(path) {
		if err := readJSON(path, &g); err != nil {
			return nil, nil, err
		}
	} else if path = filepath.Join(dir, "config.json"); exists(path) {
		var config struct {
			Ends option[tokenIDs] `json:"eos_token_id"`
			Text struct {
				Ends option[tokenIDs] `json:"eos_token_id"`
			} `json:"text_config"`
		}
		if err := readJSON(path, &config); err != nil {
			return nil, nil, err
		}
		if g.Ends = config.Ends; len(g.Ends.value) == 0 {
			g.Ends = config.Text.Ends
		}
	}
	for _, id := range g.Ends.value {
		if id < 0 || id >= len(v.Pieces) {
			return nil, nil, fmt.Errorf("%s: eos_token_id has %d, but the tokenizer %d pieces", path, id, len(v.Pieces))
		}
		if int32(id) != v.EOS {
			ends = append(ends, int32(id))
		}
	}
	slices.Sort(ends)
	if left := g.left(); len(left) > 0 {
		notes = append(notes, fmt.Sprintf("%s: %s: transformers' generate follows that by default, this program takes the likeliest tokens unless a call says otherwise", path, strings.Join(left, ", ")))
	}
	return slices.Compact(ends), notes, nil
}

// left lists the settings that are not followed, as "key is value".
func (g generation) left() (list []string) {
	add := func(key string, set bool, value any) {
		if set {
			list = append(list, fmt.Sprintf("%s is %.60s", key, fmt.Sprint(value)))
		}
	}
	add("do_sample", g.Samples.value, true)
	add("num_beams", g.Beams.or(1) > 1, g.Beams.value)
	add("repetition_penalty", g.Penalty.or(1) != 1, g.Penalty.value)
	add("no_repeat_ngram_size", g.NoRepeat.value > 0, g.NoRepeat.value)
	add("min_length", g.Least.value > 0, g.Least.value)
	add("min_new_tokens", g.LeastNew.value > 0, g.LeastNew.value)
	add("guidance_scale", g.Guidance.or(1) != 1, g.Guidance.value)
	add("penalty_alpha", g.Contrast.value > 0, g.Contrast.value)
	for _, x := range []struct {
		key string
		o   option[any]
	}{
		{"suppress_tokens", g.Suppressed}, {"begin_suppress_tokens", g.SuppressedNow}, {"bad_words_ids", g.Bad}, {"sequence_bias", g.Bias},
		{"forced_bos_token_id", g.First}, {"forced_eos_token_id", g.Last}, {"stop_strings", g.Stops},
	} {
		add(x.key, isSet(x.o.value), x.o.value)
	}
	return list
}
