package convert_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/testrace"
)

// paths lists the keys of a JSON value: each as the keys on the way to it.
func paths(v any) (all [][]string) {
	object, _ := v.(map[string]any)
	for key, value := range object {
		all = append(all, []string{key})
		for _, rest := range paths(value) {
			all = append(all, append([]string{key}, rest...))
		}
	}
	return all
}

// with returns a JSON object with another value at a path.
func with(t *testing.T, text string, path []string, value string) string {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	if len(path) == 1 {
		object[path[0]] = json.RawMessage(value)
	} else {
		object[path[0]] = json.RawMessage(with(t, string(object[path[0]]), path[1:], value))
	}
	out, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestWrongTypesAreNamedInWords puts a value of each kind at every key of the files
// around the weights: no error speaks of Go's types or packages, and each names the
// file. A value that is accepted is one that the file's reader passes over.
func TestWrongTypesAreNamedInWords(t *testing.T) {
	const adapter = `{"peft_type":"LORA","r":4,"lora_alpha":8,"use_rslora":false,"use_dora":false,"bias":"none","init_lora_weights":true,
		"rank_pattern":{"x":4},"alpha_pattern":{"x":4},"modules_to_save":null,"trainable_token_indices":null,"target_modules":["q_proj"],"layer_replication":null}`
	const token = `{"id":300,"content":"<x>","special":true,"normalized":false,"lstrip":false,"rstrip":false,"single_word":false}`
	src := write(t, hf)
	lora := t.TempDir()
	for _, file := range []struct{ path, text string }{
		{filepath.Join(src, "config.json"), `{"model_type":"paligemma","projection_dim":256,"tie_word_embeddings":true,"transformers_weights":"model.safetensors",
			"quantization_config":{"quant_method":"x","load_in_4bit":true,"load_in_8bit":false},
			"text_config":{"model_type":"gemma","hidden_size":256,"intermediate_size":512,"num_hidden_layers":2,"num_attention_heads":2,"num_key_value_heads":1,
				"head_dim":128,"num_image_tokens":16,"rms_norm_eps":1e-6,"rope_theta":10000,"rope_parameters":{"rope_theta":1,"rope_type":"default"},"rope_scaling":null,
				"max_position_embeddings":8192,"hidden_activation":"gelu_pytorch_tanh","hidden_act":"gelu","attention_bias":false,"query_pre_attn_scalar":256,
				"attn_logit_softcapping":50,"final_logit_softcapping":30,"sliding_window":4096,"vocab_size":1000},
			"vision_config":{"model_type":"siglip_vision_model","hidden_size":64,"intermediate_size":64,"num_hidden_layers":2,"num_attention_heads":2,
				"patch_size":14,"image_size":56,"layer_norm_eps":1e-6,"hidden_act":"gelu_pytorch_tanh","num_channels":3}}`},
		{filepath.Join(src, "preprocessor_config.json"), `{"image_processor_type":"SiglipImageProcessor","do_resize":true,"do_rescale":true,"do_normalize":true,"rescale_factor":0.00392156862745098,
			"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],"resample":3,"size":{"height":56,"width":56},"image_seq_length":16,"do_center_crop":false,"do_pad":false,"offset":false}`},
		{filepath.Join(src, "processor_config.json"), `{"image_processor":{"resample":3,"do_resize":true,"size":{"height":56,"width":56}}}`},
		{filepath.Join(src, "model.safetensors.index.json"), `{"metadata":{},"weight_map":{"x":"model.safetensors"}}`},
		{filepath.Join(src, "tokenizer_config.json"), `{"added_tokens_decoder":{"300":` + token + `},"bos_token":"<bos>","additional_special_tokens":["<x>"],"extra_special_tokens":{"x":"<x>"}}`},
		{filepath.Join(src, "special_tokens_map.json"), `{"bos_token":` + token + `,"additional_special_tokens":["<x>"]}`},
		{filepath.Join(src, "added_tokens.json"), `{"<x>":300}`},
		{filepath.Join(src, "tokenizer.json"), `{"added_tokens":[` + token + `],"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"▁"},"pre_tokenizer":null,
			"model":{"type":"BPE","dropout":null,"unk_token":"<unk>","byte_fallback":true,"ignore_merges":false,"vocab":{"a":0},"merges":["a b"]}}`},
		{filepath.Join(lora, "adapter_config.json"), adapter},
	} {
		var v any
		if err := json.Unmarshal([]byte(file.text), &v); err != nil {
			t.Fatal(err)
		}
		o := convert.Options{Type: "f32"}
		if filepath.Dir(file.path) == lora {
			o.Adapters = []convert.Adapter{{Dir: lora, Scale: 1}}
		}
		moved := filepath.Join(src, "model.safetensors")
		if strings.HasSuffix(file.path, "index.json") { // the index is read only without the single file
			if err := os.Rename(moved, moved+".away"); err != nil {
				t.Fatal(err)
			}
		}
		texts := []string{`[]`, `"8"`, `7`, `null`, `{`, ``, "\ufeff" + file.text, "\xff\xfe{\x00"}
		for _, path := range paths(v) {
			for _, value := range []string{`"8"`, `[]`, `[1]`, `{}`, `{"x":"y"}`, `true`, `1.5`, `-1`, `1e999`, `99999999999999999999`} {
				texts = append(texts, with(t, file.text, path, value))
			}
		}
		failed := 0
		for i, text := range texts {
			if !testrace.Chosen(i) {
				continue
			}
			if err := os.WriteFile(file.path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := convert.MakePlan(t.Context(), src, "x.gguf", o)
			if err == nil {
				continue
			}
			failed++
			for _, bad := range []string{" Go ", " json: ", "struct field", "strconv.", "reflect", "float64", "[]string", "convert: convert"} {
				if strings.Contains(err.Error(), bad) {
					t.Errorf("%s with %.200s: the error has %q: %v", filepath.Base(file.path), text, bad, err)
				}
			}
		}
		if failed*testrace.Alike() < 4 {
			t.Errorf("%s: only %d of %d texts are refused: is it read?", filepath.Base(file.path), failed, len(texts))
		}
		if err := os.Remove(file.path); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(moved); err != nil {
			if err := os.Rename(moved+".away", moved); err != nil {
				t.Fatal(err)
			}
		}
	}
}
