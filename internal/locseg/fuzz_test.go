package locseg

import (
	"strings"
	"testing"
)

// FuzzParse: no text makes Parse panic. Spans do not overlap and lie in the text,
// objects are within bounds, and the text outside all spans holds no token.
func FuzzParse(f *testing.F) {
	for _, c := range parses {
		f.Add(c.text)
	}
	f.Add(box + "\xff" + codes + "\u00a0x\u0085;")
	f.Add(box + ";\u00a0\xa0" + box)
	f.Add("<loc\u0661\u0662\u0663\u0664>" + box)
	f.Fuzz(func(t *testing.T, text string) {
		objects, problems := Parse(text)
		var spans []Span
		for _, o := range objects {
			spans = append(spans, o.Span)
			if again, _ := Parse(text[o.First:o.Last]); len(again) != 1 || again[0].Loc != o.Loc || again[0].Label != o.Label {
				t.Errorf("the text of %+v is %+v", o, again)
			}
			if o.Loc[0] >= o.Loc[2] || o.Loc[1] >= o.Loc[3] || o.Loc[2] >= Locs || o.Loc[3] >= Locs || strings.ContainsAny(o.Label, ";<>") {
				t.Errorf("%+v, want corners that grow, below %d, and a label without ; < >", o, Locs)
			}
			if c := o.Corners(); strings.Count(text[c.First:c.Last], "<loc") != 4 {
				t.Errorf("corners of %+v are %q", o, text[c.First:c.Last])
			}
			if o.Codes == nil {
				continue
			}
			for _, c := range o.Codes {
				if c < 0 || c >= Segs {
					t.Errorf("code %d", c)
				}
			}
		}
		for _, p := range problems {
			spans = append(spans, p.Span)
		}
		rest := []byte(text)
		for _, s := range spans {
			if s.First < 0 || s.First >= s.Last || s.Last > len(text) {
				t.Fatalf("span %+v in %d bytes", s, len(text))
			}
			for i := s.First; i < s.Last; i++ {
				if rest[i] == 0 && text[i] != 0 {
					t.Fatalf("spans %+v overlap", spans)
				}
				rest[i] = 0
			}
		}
		// Each gap by itself: bytes of two gaps together may be a space.
		for _, gap := range strings.FieldsFunc(string(rest), func(r rune) bool { return r == 0 || r == ';' }) {
			if len(spans) > 0 && strings.TrimSpace(gap) != "" {
				t.Errorf("%q is in no span of %+v", gap, spans)
			}
		}
	})
}
