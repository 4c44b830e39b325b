package convert

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigJSONOfAllAges reads the forms that values have had over time.
func TestConfigJSONOfAllAges(t *testing.T) {
	var c textConfig
	text := `{"rope_parameters":{"rope_theta":5000,"rope_type":"default"},"final_logit_softcapping":null,"attn_logit_softcapping":20.5}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if c.Rope.Theta.or(0) != 5000 || capping(c.FinalSoftcap, 30) != 0 || capping(c.AttnSoftcap, 50) != 20.5 || capping(option[float64]{}, 30) != 30 {
		t.Errorf("read as %+v", c)
	}
}

// TestConfigsThatOpenWouldRefuse guards against a conversion of hours whose file
// then does not open: each number must be refused beforehand, by the file it is in.
func TestConfigsThatOpenWouldRefuse(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"config.json", `{"text_config":{"rope_theta":0.5}}`, "paligemma.rope.freq_base is 0.5, want a finite number of 1 or more"},
		{"config.json", `{"text_config":{"rms_norm_eps":1e-50}}`, "paligemma.attention.layer_norm_rms_epsilon is 0, want a finite number above 0"},
		{"config.json", `{"text_config":{"rms_norm_eps":-1}}`, "paligemma.attention.layer_norm_rms_epsilon is -1"},
		{"config.json", `{"text_config":{"max_position_embeddings":0}}`, "paligemma.context_length is 0, want 1 to"},
		{"config.json", `{"text_config":{"max_position_embeddings":1099511627776}}`, "paligemma.context_length is 1099511627776"},
		{"config.json", `{"text_config":{"query_pre_attn_scalar":0}}`, "paligemma.attention.scale is +Inf"},
		{"config.json", `{"text_config":{"query_pre_attn_scalar":-1}}`, "paligemma.attention.scale is NaN"},
		{"config.json", `{"text_config":{"attn_logit_softcapping":-1}}`, "paligemma.attn_logit_softcapping is -1, want 0 for no cap, or a number from 1e-09 to 1e+09"},
		{"config.json", `{"text_config":{"final_logit_softcapping":1e300}}`, "paligemma.final_logit_softcapping is +Inf"},
		{"config.json", `{"vision_config":{"layer_norm_eps":0}}`, "paligemma.vision.attention.layer_norm_epsilon is 0"},
		{"preprocessor_config.json", `{"image_mean":[0.5,0.5,0.4]}`, "paligemma.vision.image_mean is [0.5 0.5 0.4], want 0.5 three times"},
		{"preprocessor_config.json", `{"image_std":[0.5,0,0.5]}`, "paligemma.vision.image_std is [0.5 0 0.5], want 0.5 three times"},
		{"preprocessor_config.json", `{"image_std":[0.5]}`, "image_std has 1 numbers, want 3"},
		{"preprocessor_config.json", `{"resample":1}`, "resample is 1, want 3 (bicubic) or 2 (bilinear)"},
		{"preprocessor_config.json", `{"size":{"height":448,"width":448}}`, "size is 448 x 448"},
		{"preprocessor_config.json", `{"resample":2}`, ""},
		{"preprocessor_config.json", `{"resample":null}`, "resample is null"},
		{"preprocessor_config.json", `{"image_mean":0.4}`, "paligemma.vision.image_mean is [0.4 0.4 0.4]"},
		{"preprocessor_config.json", `{"image_mean":"x"}`, `image_mean is "x", want 3 numbers`},
		{"preprocessor_config.json", `{"image_mean":[NaN,0.5,0.5]}`, `image_mean is ["NaN",0.5,0.5], want 3 numbers`},
		{"preprocessor_config.json", `{"size":{"shortest_edge":224}}`, "want a height and a width"},
		{"preprocessor_config.json", `{"size":224}`, "want a height and a width"},
		{"preprocessor_config.json", `{"image_seq_length":1024}`, "image_seq_length is 1024, but the position embeddings are for 256"},
		{"preprocessor_config.json", `{"do_resize":false}`, "do_resize is false, want true"},
		{"preprocessor_config.json", `{"do_rescale":null}`, "do_rescale is false, want true"},
		{"preprocessor_config.json", `{"do_normalize":false}`, "do_normalize is false, want true"},
		{"preprocessor_config.json", `{"do_center_crop":true}`, "do_center_crop is true, want false"},
		{"preprocessor_config.json", `{"do_pad":true}`, "do_pad is true, want false"},
		{"preprocessor_config.json", `{"rescale_factor":1}`, "rescale_factor is 1, want 1/255"},
		{"preprocessor_config.json", `{"image_processor_type":"CLIPImageProcessor"}`, `image_processor_type is "CLIPImageProcessor"`},
		{"preprocessor_config.json", `{"do_convert_rgb":false,"rescale_factor":0.00392156862745098,"resample":2,"do_center_crop":null}`, ""},
		{"processor_config.json", `{"image_processor":{"image_std":[0.3,0.3,0.3]}}`, "paligemma.vision.image_std is [0.3 0.3 0.3]"},
		{"processor_config.json", `{"image_processor":{"resample":0}}`, "resample is 0"},
		{"processor_config.json", `{"image_seq_length":256,"processor_class":"PaliGemmaProcessor"}`, ""},
		{"config.json", `{"note":Infinity,"text":"-Infinity \"NaN","text_config":{"other":[NaN,-Infinity]}}`, ""},
		{"config.json", `{"text_config":{"rope_theta":Infinity}}`, "paligemma.rope.freq_base is +Inf, want a finite number"},
		{"config.json", `{"text_config":{"rms_norm_eps":NaN}}`, "paligemma.attention.layer_norm_rms_epsilon is NaN"},
		{"config.json", `{"text_config":{"hidden_size":-Infinity}}`, `text_config.hidden_size is "-Infinity", want a whole number`},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, c.file)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := plan(released(t, "paligemma2-3b-224", HuggingFace), dir, 257152)
		if c.want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s in %s: error is %v, want the file and %q", c.text, c.file, err, c.want)
		}
	}
}
