package server

import (
	"strings"

	"github.com/pgcli/paligemma"
)

// A stopper holds back the end of an answer while it may be the start of a text that
// ends the answer.
type stopper struct {
	texts  []string
	held   string
	tokens []placed // of which no byte is certain yet
	sent   int      // bytes of the answer that are certain
	end    int      // bytes of the answer so far
}

// A placed token starts at a byte of the answer.
type placed struct {
	scored
	start int
}

// push takes the next token and returns the piece that is certain. found says that
// the answer ended before this token's end.
func (s *stopper) push(t scored) (p piece, found bool) {
	if t.ID != paligemma.NoID {
		s.tokens = append(s.tokens, placed{t, s.end})
	}
	s.held += t.Text
	s.end += len(t.Text)
	cut := len(s.held)
	for _, text := range s.texts {
		if i := strings.Index(s.held, text); i >= 0 && i < cut {
			cut, found = i, true
		}
	}
	if !found {
		cut -= s.started()
	}
	return s.release(cut, found), found
}

// started returns the length of the longest end of the held text that starts a text
// to stop at.
func (s *stopper) started() int {
	for n := len(s.held); n > 0; n-- {
		end := s.held[len(s.held)-n:]
		for _, text := range s.texts {
			if strings.HasPrefix(text, end) {
				return n
			}
		}
	}
	return 0
}

// release returns the first bytes of the held text, with the tokens that spell them.
// A token without text, of a character that is incomplete, goes with the text before,
// unless the answer ends there.
func (s *stopper) release(n int, last bool) piece {
	p := piece{text: s.held[:n]}
	s.held = s.held[n:]
	s.sent += n
	i := 0
	for i < len(s.tokens) && (s.tokens[i].start < s.sent || s.tokens[i].start == s.sent && s.tokens[i].Text == "" && !last) {
		p.tokens = append(p.tokens, s.tokens[i].scored)
		i++
	}
	s.tokens = s.tokens[i:]
	return p
}

// rest returns what is held at the end of an answer.
func (s *stopper) rest() piece { return s.release(len(s.held), false) }
