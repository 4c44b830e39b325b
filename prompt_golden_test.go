package paligemma

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
)

// TestPromptsAsTheReference compares prompts with transformers' processor, as
// scripts/prompts/golden.py asked it: the same ids, or refused where the ids of the
// reference have tokens that are not text, or another number of pictures. Only
// prompts whose Reading is Changed may have other ids.
func TestPromptsAsTheReference(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	data, err := os.ReadFile("testdata/prompts.json")
	must(t, err)
	var rows []struct {
		Prompt   Prompt  `json:"prompt"`
		Pictures int     `json:"pictures"`
		Places   float64 `json:"places"` // of pictures, in the reference's ids
		First    bool    `json:"first"`  // whether they come first
		IDs      []int32 `json:"ids"`    // after them
	}
	must(t, json.Unmarshal(data, &rows))
	var same, refused, changed int
	for _, r := range rows {
		control := slices.ContainsFunc(r.IDs[1:], func(id int32) bool { return id < 4 }) // <pad>, <eos>, <bos>, <unk>
		bad := !r.First || control || r.Places != float64(r.Pictures)
		err := m.check(r.Prompt, r.Pictures)
		reading, _ := r.Prompt.Read()
		switch ids := m.PromptIDs(r.Prompt); {
		case bad != errors.Is(err, ErrPrompt):
			t.Errorf("%q about %d pictures: error %v, the reference has %g places, first: %v, and %v", r.Prompt, r.Pictures, err, r.Places, r.First, r.IDs)
		case bad:
			refused++
		case reading.Changed:
			changed++
			if slices.Equal(ids, r.IDs) {
				t.Errorf("%q is said to be changed, yet the reference reads it alike", r.Prompt)
			}
		case !slices.Equal(ids, r.IDs):
			t.Errorf("%q has ids %v, want %v", r.Prompt, ids, r.IDs)
		default:
			same++
		}
	}
	if same < 20 || refused < 15 || changed < 6 {
		t.Errorf("%d prompts alike, %d refused, %d changed: the golden is not whole", same, refused, changed)
	}
}
