package server

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// TestTextsOfForms: a text of a form or a URL's query is asked as it is written, also where
// Go's own spelling of it is none of JSON's: parts of a flag, and signs that are newer than
// Go's tables.
func TestTextsOfForms(t *testing.T) {
	s, file := serve(t, Options{MaxTokens: 2}), scene(t, "05")
	for _, text := range []string{"🏴\U000e0067\U000e0062\U000e007f?", "\U0001fae9", "a\vb\x7f", `a"b\c`, "\u202eab"} {
		want := "answer en " + text
		sent, kind := form(t, file, "question", text)
		bare, bareKind := form(t, file)
		query := "?question=" + url.QueryEscape(text)
		for from, at := range map[string][3]string{
			"a form": {"", kind, string(sent)}, "the query": {query, "image/jpeg", string(file)}, "the query beside a form": {query, bareKind, string(bare)},
		} {
			w, data := s.send("POST", "/v1/answer"+at[0], []byte(at[2]), "Content-Type", at[1])
			var got taskAnswer
			if err := json.Unmarshal(data, &got); err != nil || w.StatusCode != 200 || string(got.Prompt) != want {
				t.Errorf("%q from %s: status %d, %.200s, want the prompt %q", text, from, w.StatusCode, data, want)
			}
		}
	}
}

// TestQueryIsHeard: a field of a URL's query counts whatever the body is, or is an error:
// no answer may be as if it were not there.
func TestQueryIsHeard(t *testing.T) {
	s, file := serve(t, Options{MaxTokens: 2}), scene(t, "05")
	sent, kind := form(t, file, "labels", "star")
	picture := string(file)
	body := `{"image":"` + dataURI(file) + `","labels":["star"]}`
	for _, c := range []struct {
		query, kind, body string
		want              int
		words             string
	}{
		{"threshold=0.5", kind, string(sent), 200, ""}, {"threshold=0.5", "application/json", body, 200, ""},
		{"threshold=2", kind, string(sent), 400, "threshold is 2"}, {"threshold=2", "application/json", body, 400, "threshold is 2"},
		{"labels=star&threshold=5%", "image/jpeg", picture, 400, "the query of the URL cannot be read"},
		{"labels=star;threshold=0.5", "image/jpeg", picture, 400, "the query of the URL cannot be read"},
		{"nothing=1", kind, string(sent), 400, "no field"}, {"labels=moon", "application/json", body, 400, "in the URL and in the body"},
		{"labels=star&threshold=null", "image/jpeg", picture, 400, "threshold"}, {`labels=star&={"image":"a"}`, "image/jpeg", picture, 400, "no field"},
		{"labels=%ff", "image/jpeg", picture, 400, "UTF-8"}, {"labels=moon", kind, string(sent), 400, "in the URL and in the body"},
	} {
		w, got := s.send("POST", "/v1/detect?"+c.query, []byte(c.body), "Content-Type", c.kind)
		if w.StatusCode != c.want || !strings.Contains(string(got), c.words) {
			t.Errorf("?%s with %s: status %d: %.200s, want %d and %q", c.query, c.kind, w.StatusCode, got, c.want, c.words)
		}
	}
}
