package convert

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readAdapter reads an adapter_config.json of the given keys.
func readAdapter(t *testing.T, keys string) (adapterConfig, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(`{"peft_type":"LORA"`+keys+`}`), 0o666); err != nil {
		t.Fatal(err)
	}
	return readAdapterConfig(dir)
}

// TestKeysOfAdapters refuses every key that asks for more than a merge of
// products, and takes those that ask for nothing.
func TestKeysOfAdapters(t *testing.T) {
	for keys, want := range map[string]string{
		``: "",
		`,"layer_replication":null,"use_qalora":false,"megatron_config":{},"alora_invocation_tokens":[]`: "",
		`,"layer_replication":[[0,2]]`:                "layer_replication repeats layers",
		`,"alora_invocation_tokens":[5]`:              "alora_invocation_tokens applies the adapter to a part",
		`,"use_qalora":true`:                          "use_qalora pools",
		`,"arrow_config":{"top_k":2}`:                 "arrow_config chooses among adapters",
		`,"monteclora_config":{"num_samples":8}`:      "monteclora_config draws",
		`,"use_bdlora":{"nblocks":2}`:                 "use_bdlora stores matrices as blocks",
		`,"kasa_config":{"beta":0.1}`:                 "kasa_config changes the base weights",
		`,"megatron_config":{"tp":2}`:                 "megatron_config is for the layers of Megatron",
		`,"use_velocity":true`:                        "use_velocity is true, a key that PEFT 0.21 does not have",
		`,"init_lora_weights":true`:                   "",
		`,"init_lora_weights":"gaussian"`:             "",
		`,"init_lora_weights":"eva"`:                  "",
		`,"init_lora_weights":"pissa_niter_16"`:       `init_lora_weights is "pissa_niter_16", which changes the base weights`,
		`,"init_lora_weights":"corda"`:                `"corda", which changes the base weights`,
		`,"init_lora_weights":"OLoRA"`:                `"OLoRA", which changes the base weights`,
		`,"init_lora_weights":"lora_ga"`:              `"lora_ga", which changes the base weights`,
		`,"init_lora_weights":"loftq"`:                `"loftq", which quantizes the base weights`,
		`,"init_lora_weights":"news"`:                 `"news", which PEFT 0.21 does not have`,
		`,"bias":"lora_only"`:                         "",
		`,"bias":"q"`:                                 `bias is "q", want one of`,
		`,"lora_alpha":0`:                             "lora_alpha is 0",
		`,"r":0`:                                      "r is 0, want 1 or more",
		`,"trainable_token_indices":"five"`:           `trainable_token_indices is "five", want a list`,
		`,"peft_type":"PROMPT_TUNING"`:                `peft_type is "PROMPT_TUNING", want "LORA"`,
		`,"fan_in_fan_out":true,"runtime_config":{}`:  "",
		`,"lora_dropout":0.1,"peft_version":"0.21.2"`: "",
	} {
		_, err := readAdapter(t, keys)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", keys, err, want)
		}
	}
}

// TestModulesToSave compares the ends of names, as PEFT does, of a module and of
// those that contain it.
func TestModulesToSave(t *testing.T) {
	c, err := readAdapter(t, `,"modules_to_save":["embed_tokens","tower"],"trainable_token_indices":{"lm_head":[3],"embed_tokens":[1,2]}`)
	if err != nil {
		t.Fatal(err)
	}
	for module, want := range map[string]bool{
		"model.language_model.embed_tokens": true, "lm_head": false, "model.vision_tower.encoder.layers.0.mlp.fc1": true, "embed_tokens.x": true, "my_embed_tokens": true, "tokens": false,
	} {
		if got := c.saves(module); got != want {
			t.Errorf("%s is saved: %v, want %v", module, got, want)
		}
	}
	if got := c.Tokens.of("model.language_model.embed_tokens"); len(got) != 2 {
		t.Errorf("the embedding's tokens are %v, want 2", got)
	}
	if scale, rank := c.scale("x"), c.rank("x"); scale != 1 || rank != 8 {
		t.Errorf("scale %v and rank %d without keys, want PEFT's 8/8 and 8", scale, rank)
	}
}
