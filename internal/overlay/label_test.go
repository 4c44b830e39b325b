package overlay

import (
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestLabelsDoNotOverlap places the labels of nested boxes that share a corner.
func TestLabelsDoNotOverlap(t *testing.T) {
	for _, side := range []int{200, 600, 3000} {
		var objects []Object
		for i := range 8 {
			objects = append(objects, Object{Label: fmt.Sprintf("thing %d", i), Score: 0.5, Box: image.Rect(0, 0, side/2+i, side/2+i)})
		}
		marks := marksOf(t, image.Pt(side, side), objects...)
		for i, a := range marks {
			for _, b := range marks[:i] {
				if a.chip.box.Overlaps(b.chip.box) {
					t.Errorf("side %d: labels %q at %v and %q at %v overlap", side, a.chip.text, a.chip.box, b.chip.text, b.chip.box)
				}
			}
		}
	}
}

// TestLongLabelIsCut: the score goes first, then the end of the label.
func TestLongLabelIsCut(t *testing.T) {
	for _, side := range []int{64, 300, 4000} {
		m := marksOf(t, image.Pt(side, side), Object{Label: strings.Repeat("wörd ", 40), Score: 0.5, Box: image.Rect(3, 3, side-5, side-5)})[0]
		if !strings.HasSuffix(m.chip.text, "…") || !strings.HasPrefix(m.chip.text, "wörd") {
			t.Errorf("side %d: label is %q, want its start and …", side, m.chip.text)
		}
		if !utf8.ValidString(m.chip.text) || m.chip.box.Dx() > side {
			t.Errorf("side %d: label %q is %d pixels wide", side, m.chip.text, m.chip.box.Dx())
		}
	}
	m := marksOf(t, image.Pt(64, 64), Object{Label: "a red circle", Score: 0.97, Box: image.Rect(3, 3, 9, 9)})[0]
	if m.chip.text != "a red circle" {
		t.Errorf("label is %q, want it without its score", m.chip.text)
	}
}

// TestMissingGlyphsAreBoxes: Missing names the characters without a glyph, and Draw
// shows a box for each.
func TestMissingGlyphsAreBoxes(t *testing.T) {
	missing, err := Missing(nil, "кот 猫 ça γάτα 猫\n犬")
	if err != nil || string(missing) != "猫犬" {
		t.Errorf("missing are %q, %v, want 猫犬", string(missing), err)
	}
	box := image.Rect(50, 100, 150, 150)
	cat := draws(t, canvas(200, 200), Object{Label: "猫", Box: box})
	dog := draws(t, canvas(200, 200), Object{Label: "犬", Box: box})
	none := draws(t, canvas(200, 200), Object{Label: " ", Box: box})
	if !slices.Equal(cat.Pix, dog.Pix) {
		t.Error("two characters without glyphs look different")
	}
	if slices.Equal(cat.Pix, none.Pix) {
		t.Error("a character without a glyph shows nothing")
	}
}
