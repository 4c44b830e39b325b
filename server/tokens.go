package server

import (
	"net/http"

	"github.com/pgcli/paligemma"
)

// mostText is the longest text in bytes that /tokenize cuts, longer than any prompt that
// fits in a context: it takes a second, nothing ends it, and no queue admits it.
const mostText = 1 << 20

// A tokenizing is a request to /tokenize, in llama-server's form.
type tokenizing struct {
	Content      string `json:"content"`
	AddSpecial   bool   `json:"add_special"`   // <bos> first, and the newline that ends a prompt
	ParseSpecial *bool  `json:"parse_special"` // <loc0000> and the like are always tokens
	WithPieces   bool   `json:"with_pieces"`
}

// A tokenPiece is a token with its text.
type tokenPiece struct {
	ID    int32  `json:"id"`
	Piece string `json:"piece"`
}

// tokenize answers /tokenize: the ids of a text, as the model reads it, and with
// with_pieces the text of each. add_special makes a prompt of it, as it stands behind the
// soft tokens of a picture; a text that can be no prompt is an error then.
func (s *Server) tokenize(w http.ResponseWriter, r *http.Request) error {
	var t tokenizing
	if err := s.readJSON(w, r, &t); err != nil {
		return err
	}
	if t.ParseSpecial != nil && !*t.ParseSpecial {
		return wrong("parse_special", "parse_special is false, and only true is supported: prompts are always cut so")
	}
	if len(t.Content) > mostText {
		return wrong("content", "content has %d bytes, want at most %d", len(t.Content), mostText)
	}
	var ids []int32
	if t.AddSpecial {
		if _, err := paligemma.Prompt(t.Content).Read(); err != nil {
			return err
		}
		ids = s.model.PromptIDs(paligemma.Prompt(t.Content))
	} else {
		ids = s.model.Tokenize(t.Content)
	}
	if !t.WithPieces {
		return writeJSON(w, http.StatusOK, map[string][]int32{"tokens": append([]int32{}, ids...)})
	}
	pieces := []tokenPiece{}
	for _, id := range ids {
		pieces = append(pieces, tokenPiece{id, s.model.Piece(id)})
	}
	return writeJSON(w, http.StatusOK, map[string][]tokenPiece{"tokens": pieces})
}

// detokenize answers /detokenize: the text of ids.
func (s *Server) detokenize(w http.ResponseWriter, r *http.Request) error {
	var t struct {
		Tokens []int32 `json:"tokens"`
	}
	if err := s.readJSON(w, r, &t); err != nil {
		return err
	}
	most := s.model.Config().Vocabulary - 1
	for i, id := range t.Tokens {
		if id < 0 || int(id) > most {
			return wrong("tokens", "token %d is %d, want 0 to %d", i, id, most)
		}
	}
	return writeJSON(w, http.StatusOK, map[string]string{"content": s.model.Detokenize(t.Tokens)})
}
