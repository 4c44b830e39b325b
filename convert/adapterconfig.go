package convert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
)

// An adapterConfig holds the keys of PEFT's adapter_config.json that matter here.
type adapterConfig struct {
	path         string
	Type         string            `json:"peft_type"`
	Rank         int               `json:"r"`
	Alpha        float64           `json:"lora_alpha"`
	RankStable   bool              `json:"use_rslora"`
	DoRA         bool              `json:"use_dora"`
	Transposed   bool              `json:"fan_in_fan_out"`
	RankPattern  patterns[int]     `json:"rank_pattern"`
	AlphaPattern patterns[float64] `json:"alpha_pattern"`
}

func readAdapterConfig(dir string) (adapterConfig, error) {
	c := adapterConfig{path: filepath.Join(dir, "adapter_config.json")}
	if err := readJSON(c.path, &c); err != nil {
		return c, err
	}
	switch {
	case c.Type != "LORA":
		return c, fmt.Errorf("%s: peft_type is %q, want \"LORA\"", c.path, c.Type)
	case c.DoRA:
		return c, fmt.Errorf("%s: use_dora is true; DoRA scales whole weights and is not supported, merge it with PEFT", c.path)
	case c.Transposed:
		return c, fmt.Errorf("%s: fan_in_fan_out is true, which no layer of PaliGemma needs", c.path)
	case c.Alpha == 0:
		return c, fmt.Errorf("%s: lora_alpha is missing or 0", c.path)
	case c.Rank < 1:
		return c, fmt.Errorf("%s: r is %d, want 1 or more", c.path, c.Rank)
	}
	return c, nil
}

// rank returns the rank of a module, such as
// "language_model.model.layers.0.self_attn.q_proj".
func (c adapterConfig) rank(module string) int { return c.RankPattern.find(module, c.Rank) }

// scale returns the factor of a module's product of matrices.
func (c adapterConfig) scale(module string) float64 {
	rank := float64(c.rank(module))
	if c.RankStable {
		rank = math.Sqrt(rank)
	}
	return c.AlphaPattern.find(module, c.Alpha) / rank
}

// patterns are the entries of a JSON object whose keys are regular expressions
// over the ends of module names. The first that matches decides, so that the
// order of the file matters.
type patterns[T any] []pattern[T]

type pattern[T any] struct {
	expr  *regexp.Regexp
	value T
}

func (p *patterns[T]) UnmarshalJSON(data []byte) error {
	*p = nil
	if string(data) == "null" {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("pattern list is %.40q, want an object", data)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		// PEFT's own expression, see get_pattern_key.
		expr, err := regexp.Compile(`^(.*\.)?(` + key.(string) + `)$`)
		if err != nil {
			return fmt.Errorf("pattern %q: %w", key, err)
		}
		var value T
		if err := dec.Decode(&value); err != nil {
			return fmt.Errorf("pattern %q: %w", key, err)
		}
		*p = append(*p, pattern[T]{expr, value})
	}
	return nil
}

func (p patterns[T]) find(module string, fallback T) T {
	for _, entry := range p {
		if entry.expr.MatchString(module) {
			return entry.value
		}
	}
	return fallback
}
