package main

import (
	"bytes"
	"html/template"
	"image"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/overlay"
)

// hostileTexts try to leave their place in HTML, an attribute, a style, a comment or
// XML.
var hostileTexts = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'/><svg onload=alert(1)>`, `</text></svg></style><script>x</script>`,
	`--><b>`, `]]><b>`, `&lt;b&gt;<b>`, "a\x00<b>\x1b[31m", "\xff<b>\xc0", `javascript:alert(1)`, `{{.}}<b>`, `</title><b>`, "\u2028<b>",
}

// tag matches the start of an element or of its end, and a quote, which ends a value of
// an attribute: escaped text has neither.
var tag = regexp.MustCompile(`</?[a-zA-Z][^\s/>]*|"`)

// page returns a demo page on which a text stands in every place that a user, a file or
// a model fills.
func page(t *testing.T, text string) string {
	t.Helper()
	objects := []overlay.Object{{Label: text, Score: 0.5, Box: image.Rect(2, 2, 30, 20)}}
	drawn, err := svg(t.Context(), image.Pt(40, 30), objects, overlay.Style{Palette: &overlay.Palette{}})
	must(t, err)
	g := &gallery{Model: text, Version: text, Answers: 1, Cards: []card{{
		ID: "u1", Name: text, Picture: template.URL("data:image/png;base64,AA=="), Width: 40, Height: 30, Encode: "1 ms",
		Answers: []answered{{ID: "u2", Task: text, Rest: text, Text: text, Expected: text, Took: "1 ms", Overlay: drawn, Shown: true,
			Objects: []paligemma.Object{{Label: text}}, Colors: []string{"#ff0000"}}},
	}}}
	var b bytes.Buffer
	must(t, g.write(&b))
	return b.String()
}

// TestPageEscapesEverything: no name, prompt, answer or label adds an element or a
// handler to the page of pgcli demo.
func TestPageEscapesEverything(t *testing.T) {
	plain := page(t, "cat")
	want := tag.FindAllString(plain, -1)
	if n := strings.Count(plain, "cat"); n < 9 {
		t.Errorf("the text stands in %d places, want all of them", n)
	}
	for _, text := range hostileTexts {
		if got := tag.FindAllString(page(t, text), -1); !slices.Equal(got, want) {
			t.Errorf("%q changes the page: %d tags, want %d", text, len(got), len(want))
		}
	}
}
