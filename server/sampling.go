package server

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/pgcli/paligemma"
)

// A choosing says how tokens are chosen, in requests of any protocol.
type choosing struct {
	Temperature *float32 `json:"temperature"`
	TopK        *int     `json:"top_k"`
	TopP        *float32 `json:"top_p"`
	MinP        *float32 `json:"min_p"`
	Seed        *int64   `json:"seed"`
	MaxTokens   *int     `json:"max_tokens"`
}

// sampling returns the sampling of a request, greedy unless it has a temperature: OpenAI
// defaults to 1, but the models were made to be read greedily, and boxes at random are no
// use. A request without a seed gets a new one each time. Errors are 400.
func (s *Server) sampling(c choosing) (paligemma.Sampling, error) {
	sm := paligemma.Sampling{MaxTokens: s.opts.MaxTokens, Seed: rand.Uint64()}
	set(&sm.Temperature, c.Temperature)
	set(&sm.TopK, c.TopK)
	set(&sm.TopP, c.TopP)
	if c.TopP != nil && sm.TopP == 0 { // of any token to paligemma, and of the likeliest alone to other servers
		sm.TopP = math.SmallestNonzeroFloat32
	}
	set(&sm.MinP, c.MinP)
	if c.Seed != nil {
		sm.Seed = uint64(*c.Seed)
	}
	if n := c.MaxTokens; n != nil {
		if *n < 1 {
			return sm, wrong("max_tokens", "max_tokens is %d, want 1 or more; the server answers with at most %d", *n, s.opts.MaxTokens)
		}
		sm.MaxTokens = min(*n, s.opts.MaxTokens)
	}
	if err := sm.Check(); err != nil {
		return sm, wrong("", "%w", err)
	}
	return sm, nil
}

// set sets a value that a request has.
func set[T any](value *T, given *T) {
	if given != nil {
		*value = *given
	}
}

// checkStops refuses texts that cannot end an answer. They are bounded because each token
// is compared with all of them.
func checkStops(stops []string) error {
	if len(stops) > mostStops {
		return wrong("stop", "stop has %d texts, want at most %d", len(stops), mostStops)
	}
	for _, text := range stops {
		if text == "" || len(text) > 1<<10 {
			return wrong("stop", "stop has a text of %d bytes, want 1 to %d", len(text), 1<<10)
		}
	}
	return nil
}

// forbidden returns the ids with a bias of -100, which bans a token; other biases
// than 0 are not supported.
func (s *Server) forbidden(bias map[string]any) (ids []int32, err error) {
	for key, value := range bias {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil || id < 0 || int(id) >= s.model.Config().Vocabulary {
			return nil, wrong("logit_bias", "logit_bias has the token %.40q, want an id from 0 to %d", key, s.model.Config().Vocabulary-1)
		}
		v, ok := value.(float64)
		switch {
		case !ok || math.IsNaN(v) || v != 0 && v != -100:
			return nil, wrong("logit_bias", "logit_bias of token %d is %.40q, and only -100, which bans it, and 0 are supported", id, fmt.Sprint(value))
		case v != 0:
			ids = append(ids, int32(id))
		}
	}
	return ids, nil
}
