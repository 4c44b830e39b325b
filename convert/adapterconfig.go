package convert

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// An adapterConfig holds the keys of PEFT's adapter_config.json that say how the
// adapter's arrays change the model. adapterkeys.go has the other keys.
type adapterConfig struct {
	path         string
	Type         string            `json:"peft_type"`
	Rank         option[int]       `json:"r"`
	Alpha        option[float64]   `json:"lora_alpha"`
	RankStable   bool              `json:"use_rslora"`
	DoRA         bool              `json:"use_dora"`
	Bias         string            `json:"bias"`
	Init         any               `json:"init_lora_weights"`
	RankPattern  patterns[int]     `json:"rank_pattern"`
	AlphaPattern patterns[float64] `json:"alpha_pattern"`
	Saved        []string          `json:"modules_to_save"`
	Tokens       tokenIndices      `json:"trainable_token_indices"`

	Targets       moduleList    `json:"target_modules"`
	Excluded      moduleList    `json:"exclude_modules"`
	Parameters    []string      `json:"target_parameters"`
	Layers        layerNumbers  `json:"layers_to_transform"`
	LayersPattern layerPatterns `json:"layers_pattern"`
}

// PEFT's defaults, for files that leave the keys out.
const (
	defaultRank  = 8
	defaultAlpha = 8
)

// mergeFirst is the way out for an adapter that cannot be merged here.
const mergeFirst = "merge it with PEFT (merge_and_unload, then save_pretrained) if PEFT can, and convert the result"

func readAdapterConfig(dir string) (adapterConfig, error) {
	c := adapterConfig{path: filepath.Join(dir, "adapter_config.json")}
	if err := readJSON(c.path, &c); err != nil {
		return c, err
	}
	var all map[string]any
	if err := readJSON(c.path, &all); err != nil {
		return c, err
	}
	switch {
	case c.Type != "LORA":
		return c, fmt.Errorf("%s: peft_type is %q, want \"LORA\"; %s", c.path, c.Type, mergeFirst)
	case c.Alpha.or(defaultAlpha) == 0:
		return c, fmt.Errorf("%s: lora_alpha is 0, so that the adapter changes nothing", c.path)
	case !slices.Contains(biases, c.Bias):
		return c, fmt.Errorf("%s: bias is %.40q, want one of %q", c.path, c.Bias, biases[1:])
	case c.Rank.or(defaultRank) < 1:
		return c, fmt.Errorf("%s: r is %d, want 1 or more", c.path, c.Rank.value)
	}
	if err := c.checkInit(); err != nil {
		return c, err
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := checkAdapterKey(key, all[key]); err != nil {
			return c, fmt.Errorf("%s: %w", c.path, err)
		}
	}
	return c, nil
}

// rank returns the rank of a module, such as
// "language_model.model.layers.0.self_attn.q_proj".
func (c adapterConfig) rank(module string) int {
	return c.RankPattern.find(module, c.Rank.or(defaultRank))
}

// scale returns the factor of a module's product of matrices.
func (c adapterConfig) scale(module string) float64 {
	rank := float64(c.rank(module))
	if c.RankStable {
		rank = math.Sqrt(rank)
	}
	return c.AlphaPattern.find(module, c.Alpha.or(defaultAlpha)) / rank
}

// saves reports whether modules_to_save names the module or one that contains it.
// PEFT compares the ends of names.
func (c adapterConfig) saves(module string) bool {
	for name := module; name != ""; {
		for _, end := range c.Saved {
			if strings.HasSuffix(name, end) {
				return true
			}
		}
		name = name[:max(0, strings.LastIndexByte(name, '.'))]
	}
	return false
}

// tokenIndices are the ids of the tokens whose rows an adapter trains: by the end
// of a module's name, or "" for the input embedding.
type tokenIndices map[string][]int

func (t *tokenIndices) UnmarshalJSON(data []byte) error {
	*t = nil
	var list []int
	if json.Unmarshal(data, &list) == nil {
		*t = tokenIndices{"": list} // of nothing for null
		return nil
	}
	if err := json.Unmarshal(data, (*map[string][]int)(t)); err != nil {
		return fmt.Errorf("trainable_token_indices is %.40s, want a list of ids, or an object of such lists", data)
	}
	return nil
}

// of returns the ids of a module.
func (t tokenIndices) of(module string) []int {
	for _, end := range slices.Sorted(maps.Keys(t)) {
		if end != "" && strings.HasSuffix(module, end) {
			return t[end]
		}
	}
	return t[""]
}
