package ggml

import (
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/door"
)

// TestRegistered finds this package at the door, with its pin.
func TestRegistered(t *testing.T) {
	b, ok := door.Registered()
	if !ok {
		t.Fatal("importing the package does not register it")
	}
	if b.Version != Version || !strings.Contains(b.Name, Commit) || !strings.Contains(b.Name, Module+" "+Version) {
		t.Errorf("registered as %q, version %q", b.Name, b.Version)
	}
	if got, want := len(b.Symbols()), len(Symbols()); got != want {
		t.Errorf("%d symbols are registered, want %d", got, want)
	}
}
