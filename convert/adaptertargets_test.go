package convert

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTargetsEqualPEFT compares the choice of modules with PEFT's; see
// scripts/convert/targets.py. An expression that Go lacks, or reads otherwise, is refused by
// name.
func TestTargetsEqualPEFT(t *testing.T) {
	data, err := os.ReadFile("testdata/targets.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Modules []string
		Cases   []struct {
			Config  json.RawMessage
			Changed []string
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, want := range golden.Cases {
		var keys map[string]any
		path := filepath.Join(t.TempDir(), "adapter_config.json")
		if err := json.Unmarshal(want.Config, &keys); err != nil {
			t.Fatal(err)
		}
		keys["peft_type"] = "LORA"
		text, err := json.Marshal(keys)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := readAdapterConfig(filepath.Dir(path))
		if expr, ok := keys["target_modules"].(string); ok && slices.ContainsFunc([]string{"(?!", "{,", "[[", `\Z`}, func(s string) bool { return strings.Contains(expr, s) }) {
			refused++
			if err == nil || !strings.Contains(err.Error(), "regular expression ") || !strings.Contains(err.Error(), "merge_and_unload") {
				t.Errorf("%s: error %v", want.Config, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", want.Config, err)
			continue
		}
		changed := []string{}
		for _, module := range golden.Modules {
			if c.changes(module) {
				changed = append(changed, module)
			}
		}
		if !slices.Equal(changed, want.Changed) {
			t.Errorf("%s: changes %q, want %q", want.Config, changed, want.Changed)
		}
	}
	if refused != 4 || len(golden.Cases) < 15 {
		t.Errorf("%d of %d cases are refused", refused, len(golden.Cases))
	}
}
