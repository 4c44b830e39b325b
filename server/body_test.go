package server

import (
	"bytes"
	"image"
	"image/gif"
	"strings"
	"testing"
)

// TestPictureWithoutItsType: Python's huggingface_hub sends bytes without a type, and curl
// says that they are a form's.
func TestPictureWithoutItsType(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	var b bytes.Buffer
	must(t, gif.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil))
	for name, test := range map[string]struct {
		kind string
		body []byte
		want int
		text string
	}{
		"none":       {"", file, 200, ""},
		"curl's":     {"application/x-www-form-urlencoded", file, 200, ""},
		"GIF":        {"", b.Bytes(), 200, ""},
		"PNM":        {"text/plain", []byte("P1 1 1\n1\n"), 200, ""},
		"as JSON":    {"application/json", file, 400, "neither a JSON object, nor a form, nor a picture: invalid character"},
		"text":       {"", []byte("hello"), 400, `found text (\"hello\")`},
		"empty":      {"", nil, 400, "neither a JSON object, nor a form, nor a picture: EOF"},
		"empty file": {"image/png", nil, 400, "image is missing"},
		"half":       {"", []byte(`{"image":`), 400, "neither a JSON object, nor a form, nor a picture: unexpected EOF"},
		"null":       {"", []byte("null"), 400, "image is missing"},
		"field":      {"", []byte(`{"language":1}`), 400, `field \"language\" is a JSON number, want a string`},
	} {
		w, body := s.send("POST", "/v1/caption", test.body, "Content-Type", test.kind)
		if w.StatusCode != test.want || !strings.Contains(string(body), test.text) {
			t.Errorf("%s: status %d, want %d, %q: %s", name, w.StatusCode, test.want, test.text, body)
		}
	}
}
