package convert

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/allocation"
	"github.com/pgcli/paligemma/internal/spm"
)

// fuzzFile tries variants of a file of a checkpoint, which is the only one in its
// folder: read may not allocate more than the file is worth, and its error names the
// file, or the folder where several say the same.
func fuzzFile(f *testing.F, name string, seeds []string, read func(t *testing.T, path string) error) {
	for _, text := range seeds {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), name)
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		allocation.Bound(t, len(data), func() { err = read(t, path) })
		if err != nil && !strings.Contains(err.Error(), filepath.Dir(path)) {
			t.Errorf("error %q names neither %s nor its folder", err, path)
		}
	})
}

// FuzzNPY reads headers of arrays: an accepted one describes an array whose size is
// known.
func FuzzNPY(f *testing.F) {
	f.Add(npy(`{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, 24))
	f.Add(npy(`{'descr': '|V2', 'fortran_order': False, 'shape': (), }`, 2))
	f.Add(npy(`{"shape": (7,), "descr": "<f2", "fortran_order": True}`, 14))
	f.Fuzz(func(t *testing.T, data []byte) {
		allocation.Bound(t, len(data), func() {
			typ, shape, size, err := readNPYHeader(bytes.NewReader(data))
			if err != nil {
				return
			}
			if _, err := byteSize(typ, shape); err != nil || size < 0 || size > int64(len(data)) {
				t.Errorf("header of %d bytes of %d, %v %v: %v", size, len(data), typ, shape, err)
			}
		})
	})
}

// FuzzConfig reads config.json, and compares it with the sizes of a model.
func FuzzConfig(f *testing.F) {
	d := Dims{}
	fuzzFile(f, "config.json", []string{
		`{"model_type":"paligemma","projection_dim":2048,"text_config":{"model_type":"gemma2","hidden_size":64,"num_attention_heads":8,"head_dim":256,"rope_theta":NaN},"vision_config":{"hidden_size":32,"image_size":224,"patch_size":14}}`,
		`{"text_config":{"rms_norm_eps":1e-6,"hidden_activation":"gelu","attn_logit_softcapping":50.0,"query_pre_attn_scalar":256},"tie_word_embeddings":null}`,
		`{"text_config":{"rope_parameters":{"rope_type":"linear"},"max_position_embeddings":Infinity}}`,
		`{"quantization_config":{"load_in_4bit":true,"quant_method":"awq"}}`,
	}, func(t *testing.T, path string) error {
		c, err := readHFConfig(filepath.Dir(path))
		if err != nil {
			return err
		}
		config := defaults(d, HuggingFace)
		config.apply(c)
		if err := c.checkDims(d); err != nil {
			return err
		}
		return refuseQuantized(filepath.Dir(path))
	})
}

// FuzzProcessor reads preprocessor_config.json: settings that are accepted make three
// finite channels.
func FuzzProcessor(f *testing.F) {
	fuzzFile(f, imageProcessorName, []string{
		`{"do_resize":true,"size":{"height":224,"width":224},"resample":3,"do_rescale":true,"rescale_factor":0.00392156862745098,"image_mean":[0.5,0.5,0.5],"image_std":0.5,"do_normalize":true}`,
		`{"image_processor":{"size":448,"image_mean":NaN,"do_convert_rgb":null}}`,
	}, func(t *testing.T, path string) error {
		c := defaults(Dims{}, HuggingFace)
		_, err := c.applyProcessor(filepath.Dir(path))
		return err
	})
}

// FuzzGeneration reads generation_config.json: ends that are accepted make a vocabulary
// that opens.
func FuzzGeneration(f *testing.F) {
	v, _, err := parseTokenizer(filepath.Join("..", "testdata", "oracle", "pg1-a", "tokenizer.model"))
	if err != nil {
		f.Fatal(err)
	}
	fuzzFile(f, generationName, []string{
		`{"eos_token_id":[1,107,9,107],"do_sample":true,"repetition_penalty":1.1,"suppress_tokens":[5]}`,
		`{"eos_token_id":-1,"num_beams":4,"bad_words_ids":[[1]],"forced_eos_token_id":2,"guidance_scale":NaN}`,
	}, func(t *testing.T, path string) (err error) {
		own := v
		own.Ends, _, err = readGeneration(filepath.Dir(path), v)
		if err == nil {
			if _, err := spm.New(own); err != nil {
				t.Errorf("accepted ends %v do not open: %v", own.Ends, err)
			}
		}
		return err
	})
}

// FuzzTokenizerConfig adds the tokens of tokenizer_config.json to a vocabulary: ids are
// those of the file, and a vocabulary that is accepted opens.
func FuzzTokenizerConfig(f *testing.F) { fuzzTokens(f, tokenizerConfig) }

// FuzzAddedTokens does so with added_tokens.json.
func FuzzAddedTokens(f *testing.F) { fuzzTokens(f, addedTokens) }

// FuzzSpecialTokens does so with special_tokens_map.json.
func FuzzSpecialTokens(f *testing.F) { fuzzTokens(f, specialTokens) }

func fuzzTokens(f *testing.F, name string) {
	v, image, err := parseTokenizer(filepath.Join("..", "testdata", "oracle", "pg1-a", "tokenizer.model"))
	if err != nil {
		f.Fatal(err)
	}
	fuzzFile(f, name, []string{
		`{"added_tokens_decoder":{"1":{"content":"<eos>","special":true},"99999":{"content":"<x>","lstrip":true,"normalized":false}}}`,
		`{"<image>":5,"<y>":-1,"<z>":4294967296}`,
		`{"eos_token":"<eos>","bos_token":{"content":"<b>"},"additional_special_tokens":["<image>",{"content":"<q>","rstrip":true}]}`,
	}, func(t *testing.T, path string) error {
		whole, _, err := addTokens(v, image, "tokenizer.model", filepath.Dir(path))
		if err != nil {
			return err
		}
		if len(whole.Pieces) < len(v.Pieces) || !slices.Equal(whole.Pieces[:len(v.Pieces)], v.Pieces) {
			t.Errorf("%d pieces became %d others", len(v.Pieces), len(whole.Pieces))
		}
		spm.New(whole) // or an error: the caller names the file
		return nil
	})
}

// FuzzAdapterConfig reads adapter_config.json, and asks it about modules.
func FuzzAdapterConfig(f *testing.F) {
	fuzzFile(f, adapterName, []string{
		`{"peft_type":"LORA","r":8,"lora_alpha":16,"use_rslora":true,"rank_pattern":{"q_proj":4,"^a.*(b|c)$":2},"alpha_pattern":{"k":1.5},"modules_to_save":["lm_head"],"trainable_token_indices":{"embed_tokens":[1,2]}}`,
		`{"peft_type":"LORA","r":1,"bias":"all","trainable_token_indices":[0],"init_lora_weights":"pissa","target_modules":"all-linear"}`,
		`{"peft_type":"LOHA"}`,
	}, func(t *testing.T, path string) error {
		c, err := readAdapterConfig(filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, module := range []string{"", "a", "language_model.model.layers.0.self_attn.q_proj", strings.Repeat("a.", 200) + "b"} {
			c.rank(module)
			c.scale(module)
			c.saves(module)
			c.Tokens.of(module)
		}
		return nil
	})
}

// FuzzIndex reads an index of safetensors: no file outside its folder is named.
func FuzzIndex(f *testing.F) {
	fuzzFile(f, indexName, []string{
		`{"metadata":{"total_size":8},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`,
		`{"weight_map":{"a":"../a","b":"C:b","c":"."}}`,
		`{"weight_map":null}`,
	}, func(t *testing.T, path string) error {
		files, owner, err := readIndex(path)
		if err != nil {
			return err
		}
		for _, name := range files {
			if filepath.Dir(filepath.Join(filepath.Dir(path), name)) != filepath.Dir(path) {
				t.Errorf("%q is not beside the index", name)
			}
		}
		if len(owner) < len(files) {
			t.Errorf("%d files for %d tensors", len(files), len(owner))
		}
		return nil
	})
}

// FuzzConstants quotes Python's constants: valid JSON stays the same JSON.
func FuzzConstants(f *testing.F) {
	for _, text := range []string{`{"a":NaN,"b":[-Infinity,Infinity],"NaN":"-Infinity"}`, `"\"NaN\""`, `NaNNaN`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		allocation.Bound(t, len(data), func() {
			if out := quoteConstants(data); json.Valid(data) && !bytes.Equal(out, data) {
				t.Errorf("valid %q becomes %q", data, out)
			}
		})
	})
}
