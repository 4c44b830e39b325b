package server

import (
	"fmt"
	"strconv"
	"strings"
)

// Objects of OpenAI's API: content has an element for each token of the answer, in order.
// Logarithms are natural. ollama has the same elements, without the outer object.
type (
	logProbs struct {
		Content []tokenLogProb `json:"content"`
		Refusal *string        `json:"refusal"`
	}
	tokenLogProb struct {
		tokenSpelling
		Top []tokenSpelling `json:"top_logprobs"`
	}
	tokenSpelling struct {
		Token   string  `json:"token"`
		LogProb float64 `json:"logprob"` // before temperature
		Bytes   []int   `json:"bytes"`
	}
)

// logProbs returns the log-probabilities of tokens, with those of the likeliest at their
// places if they were asked for. Lists are empty and not null, which clients cannot read.
func (s *Server) logProbs(tokens []scored) *logProbs {
	l := &logProbs{Content: []tokenLogProb{}}
	for _, t := range tokens {
		p := tokenLogProb{s.spell(t.ID, float64(t.LogProb)), []tokenSpelling{}}
		for _, other := range t.top {
			p.Top = append(p.Top, s.spell(other.id, other.logProb))
		}
		l.Content = append(l.Content, p)
	}
	return l
}

// spell spells a token: its text, or "bytes:\xe2" for a byte of a character, as OpenAI
// has it. The bytes of an answer's tokens make its text.
func (s *Server) spell(id int32, logProb float64) tokenSpelling {
	piece := s.model.Piece(id)
	text := strings.ReplaceAll(piece, "▁", " ")
	token := text
	if hex, ok := strings.CutPrefix(piece, "<0x"); ok && len(hex) == 3 && hex[2] == '>' {
		if b, err := strconv.ParseUint(hex[:2], 16, 8); err == nil {
			text = string([]byte{byte(b)})
			token = fmt.Sprintf(`bytes:\x%02x`, b)
		}
	}
	spelling := tokenSpelling{Token: token, LogProb: logProb, Bytes: []int{}}
	for _, b := range []byte(text) {
		spelling.Bytes = append(spelling.Bytes, int(b))
	}
	return spelling
}
