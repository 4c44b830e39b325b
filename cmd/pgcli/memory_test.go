package main

import "testing"

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "4096": 4096, "4G": 4 << 30, "4g": 4 << 30, "1.5M": 3 << 19, "900k": 900 << 10, "2T": 2 << 40} {
		if n, ok := parseSize(text, 1024); !ok || n != want {
			t.Errorf("%q: %d, %v, want %d", text, n, ok, want)
		}
	}
	for _, text := range []string{"", "G", "0", "-1G", "4GB", "4X", "NaN", "inf", "InfG", "1e40", "0.1", "G4", "4GG"} {
		if n, ok := parseSize(text, 1024); ok {
			t.Errorf("%q: %d, want none", text, n)
		}
	}
}
