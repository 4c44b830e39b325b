package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestTableIsUpToDate(t *testing.T) {
	src, err := os.ReadFile("../../../bindings/symbols.go")
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../symbols.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, Table(string(src))) {
		t.Error("ggml/symbols.go is not made from bindings/symbols.go: run go generate ./ggml")
	}
}

func TestTable(t *testing.T) {
	out := string(Table(`return []symbol{{"ggml_add", &f.add}, {"ggml_log_set", &f.logSet}, {"other", nil}}`))
	for _, want := range []string{
		"extern char ggml_add[];\n", `{"ggml_log_set", ggml_log_set},`, "symbolCount = 2", "DO NOT EDIT", "//go:build cgo",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the table lacks %q", want)
		}
	}
}
