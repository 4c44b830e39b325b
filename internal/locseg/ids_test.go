package locseg

import (
	"fmt"
	"strings"
	"testing"
)

// pieces maps each piece of Gemma's layout to its id; loc and seg are the first
// ids of their kinds.
func pieces(loc, seg int32) map[string]int32 {
	m := map[string]int32{"<pad>": 0, "<eos>": 1}
	for i := range int32(Locs) {
		m[fmt.Sprintf("<loc%04d>", i)] = loc + i
	}
	for i := range int32(Segs) {
		m[fmt.Sprintf("<seg%03d>", i)] = seg + i
	}
	return m
}

func lookUp(m map[string]int32) func(string) (int32, bool) {
	return func(piece string) (int32, bool) { id, ok := m[piece]; return id, ok }
}

func TestFindIDsRefusesGaps(t *testing.T) {
	got, err := FindIDs(lookUp(pieces(256000, 257024)))
	if want := (IDs{256000, 257024}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for name, test := range map[string]struct {
		spoil func(map[string]int32)
		want  string
	}{
		"no loc":      {func(m map[string]int32) { delete(m, "<loc0000>") }, "no piece <loc0000>"},
		"last loc":    {func(m map[string]int32) { delete(m, "<loc1023>") }, "no piece <loc1023>"},
		"no seg":      {func(m map[string]int32) { delete(m, "<seg000>") }, "no piece <seg000>"},
		"last seg":    {func(m map[string]int32) { delete(m, "<seg127>") }, "no piece <seg127>"},
		"loc shifted": {func(m map[string]int32) { m["<loc0512>"]++ }, "piece <loc0512> has id 613, want 612"},
		"seg shifted": {func(m map[string]int32) { m["<seg001>"] = 7 }, "piece <seg001> has id 7, want 2001"},
	} {
		m := pieces(100, 2000)
		test.spoil(m)
		if _, err := FindIDs(lookUp(m)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, test.want)
		}
	}
}

func TestIDsOutsideAreNeitherLocNorSeg(t *testing.T) {
	ids := IDs{Loc: 100, Seg: 2000}
	for _, test := range []struct {
		id       int32
		loc, seg int // -1 if the id is of another kind
	}{
		{99, -1, -1}, {100, 0, -1}, {1123, 1023, -1}, {1124, -1, -1},
		{1999, -1, -1}, {2000, -1, 0}, {2127, -1, 127}, {2128, -1, -1}, {-1, -1, -1}, {-1 << 31, -1, -1},
	} {
		if got, ok := ids.LocOf(test.id); ok != (test.loc >= 0) || ok && got != test.loc {
			t.Errorf("loc of %d: %d, %t, want %d", test.id, got, ok, test.loc)
		}
		if got, ok := ids.SegOf(test.id); ok != (test.seg >= 0) || ok && got != test.seg {
			t.Errorf("seg of %d: %d, %t, want %d", test.id, got, ok, test.seg)
		}
	}
}
