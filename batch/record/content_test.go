package record

import (
	"strings"
	"testing"
)

// TestWhichRecordStays: an answer goes before a failure, and a record about other bytes
// before one about those that the picture had.
func TestWhichRecordStays(t *testing.T) {
	a, b := ContentOf(strings.Repeat("1", 64)), ContentOf(strings.Repeat("2", 64))
	for _, c := range []struct {
		had, now        Outcome
		mends, replaces bool
	}{
		{Outcome{a, false}, Outcome{a, false}, false, false},
		{Outcome{a, false}, Outcome{b, false}, false, true},
		{Outcome{a, false}, Outcome{b, true}, false, true}, // it cannot be decoded now
		{Outcome{a, false}, Outcome{Unread, true}, false, false},
		{Outcome{a, true}, Outcome{a, false}, true, true},
		{Outcome{Unread, true}, Outcome{a, false}, true, true},
		{Outcome{Unread, true}, Outcome{a, true}, false, false},
		{Outcome{a, true}, Outcome{b, true}, false, true},
		{Outcome{Unread, true}, Outcome{Unread, true}, false, false},
	} {
		if m, r := c.now.Mends(c.had), c.now.Replaces(c.had); m != c.mends || r != c.replaces {
			t.Errorf("%+v after %+v: mends %v, replaces %v, want %v, %v", c.now, c.had, m, r, c.mends, c.replaces)
		}
	}
	for _, text := range []string{"", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("g", 32)} {
		if k, ok := ParseKey(text); ok {
			t.Errorf("%q is key %s", text, k)
		}
	}
	if k := KeyOf([]byte("a")); k.String() != "ca978112ca1bbdcafac231b39a23dc4d" {
		t.Errorf("key %s", k)
	} else if again, ok := ParseKey(k.String()); !ok || again != k {
		t.Errorf("key %s is read as %s", k, again)
	}
}
