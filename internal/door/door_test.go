package door

import (
	"strings"
	"testing"
)

func TestRegister(t *testing.T) {
	if b, ok := Registered(); ok {
		t.Fatalf("%s is registered, though nothing here imports it", b.Name)
	}
	called := false
	Register(BuiltIn{Name: "first", Version: "v1", Symbols: func() map[string]uintptr { called = true; return nil }})
	if b, ok := Registered(); !ok || b.Name != "first" || b.Version != "v1" || b.Symbols == nil {
		t.Errorf("registered: %t %q %q", ok, b.Name, b.Version)
	}
	if called {
		t.Error("registering calls the built-in ggml")
	}

	defer func() {
		text, _ := recover().(string)
		if !strings.Contains(text, "first") || !strings.Contains(text, "second") {
			t.Errorf("a second ggml panics with %q, want both names", text)
		}
		if b, _ := Registered(); b.Name != "first" {
			t.Errorf("%q is registered after the second was refused", b.Name)
		}
	}()
	Register(BuiltIn{Name: "second"})
}
