package convert

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma/internal/legible"
)

// An hfConfig holds the keys of a config.json that matter here. Published files
// are partial, and the defaults of transformers' classes belong to other models.
// So sizes come from the tensors and are only compared with the file's, and
// numbers that no shape tells have defaults in [defaults].
type hfConfig struct {
	path          string // "" if there is no file
	ModelType     option[string]
	ProjectionDim option[int]
	Tied          option[bool]
	Text          textConfig
	Vision        visionConfig
}

type textConfig struct {
	ModelType          option[string]  `json:"model_type"`
	Width              option[int]     `json:"hidden_size"`
	MLP                option[int]     `json:"intermediate_size"`
	Layers             option[int]     `json:"num_hidden_layers"`
	Heads              option[int]     `json:"num_attention_heads"`
	KVHeads            option[int]     `json:"num_key_value_heads"`
	HeadDim            option[int]     `json:"head_dim"`
	ImageTokens        option[int]     `json:"num_image_tokens"`
	Context            option[int]     `json:"max_position_embeddings"`
	RMSEps             option[float64] `json:"rms_norm_eps"`
	RopeTheta          option[float64] `json:"rope_theta"`
	QueryPreAttnScalar option[float64] `json:"query_pre_attn_scalar"`
	AttnSoftcap        option[float64] `json:"attn_logit_softcapping"`
	FinalSoftcap       option[float64] `json:"final_logit_softcapping"`
	Activation         option[string]  `json:"hidden_activation"`
	OldName            option[string]  `json:"hidden_act"`
	Bias               option[bool]    `json:"attention_bias"`
	Tied               option[bool]    `json:"tie_word_embeddings"`
	RopeScaling        option[any]     `json:"rope_scaling"`
	Rope               struct {
		Theta option[float64] `json:"rope_theta"`
		Type  option[string]  `json:"rope_type"`
	} `json:"rope_parameters"`
}

type visionConfig struct {
	ModelType  option[string]  `json:"model_type"`
	Width      option[int]     `json:"hidden_size"`
	MLP        option[int]     `json:"intermediate_size"`
	Layers     option[int]     `json:"num_hidden_layers"`
	Heads      option[int]     `json:"num_attention_heads"`
	Patch      option[int]     `json:"patch_size"`
	ImageSize  option[int]     `json:"image_size"`
	Channels   option[int]     `json:"num_channels"`
	Eps        option[float64] `json:"layer_norm_eps"`
	Activation option[string]  `json:"hidden_act"`
}

// readHFConfig reads the config.json of dir. Without the file, every option is
// absent.
func readHFConfig(dir string) (hfConfig, error) {
	var top struct {
		ModelType     option[string] `json:"model_type"`
		ProjectionDim option[int]    `json:"projection_dim"`
		Tied          option[bool]   `json:"tie_word_embeddings"`
		Text          textConfig     `json:"text_config"`
		Vision        visionConfig   `json:"vision_config"`
	}
	path := filepath.Join(dir, "config.json")
	if !exists(path) {
		return hfConfig{}, nil
	}
	if err := readJSON(path, &top); err != nil {
		return hfConfig{}, err
	}
	c := hfConfig{path: path, ModelType: top.ModelType, ProjectionDim: top.ProjectionDim, Tied: top.Tied, Text: top.Text, Vision: top.Vision}
	return c, c.checkKind()
}

// oldActivation is the key of Gemma 1's activation.
const oldActivation = "text_config.hidden_act"

// checkKind refuses a model that this architecture does not compute.
func (c hfConfig) checkKind() error {
	if t := c.ModelType.or("paligemma"); t != "paligemma" {
		return fmt.Errorf("%s: model_type is %q, want \"paligemma\"%s", c.path, t, knownAs(t))
	}
	var wrong []error
	refuse := func(key string, value any, want string) {
		wrong = append(wrong, fmt.Errorf("%s: %s is %v, want %s", c.path, key, value, want))
	}
	if t := c.Text.ModelType; t.or("gemma") != "gemma" && t.value != "gemma2" {
		refuse("text_config.model_type", t.value, "gemma or gemma2")
	}
	if t := c.Vision.ModelType.or("siglip_vision_model"); t != "siglip_vision_model" {
		refuse("vision_config.model_type", t, "siglip_vision_model")
	}
	// Gemma's first configs say "gelu" for the tanh form, which transformers computes
	// for that key. For others it computes the form by erf.
	for _, act := range []struct {
		key   string
		value option[string]
	}{
		{"text_config.hidden_activation", c.Text.Activation}, {oldActivation, c.Text.OldName}, {"vision_config.hidden_act", c.Vision.Activation},
	} {
		switch name := act.value.or("gelu_pytorch_tanh"); {
		case name == "gelu" && act.key != oldActivation:
			refuse(act.key, name, "gelu_pytorch_tanh: by \"gelu\" transformers computes erf, this program tanh alone, with which SigLIP and Gemma were trained; if this model was, write gelu_pytorch_tanh there")
		case name != "gelu" && name != "gelu_pytorch_tanh":
			refuse(act.key, name, "gelu_pytorch_tanh")
		}
	}
	if c.Text.Bias.or(false) {
		refuse("text_config.attention_bias", true, "false")
	}
	if s := c.Text.RopeScaling; s.set && !s.null {
		refuse("text_config.rope_scaling", s.value, "null")
	}
	if t := c.Text.Rope.Type.or("default"); t != "default" {
		refuse("text_config.rope_parameters.rope_type", t, "default")
	}
	if n := c.Vision.Channels.or(3); n != 3 {
		refuse("vision_config.num_channels", n, "3")
	}
	return legible.Join(wrong...)
}

// knownAs explains a wrong model_type, for an error message.
func knownAs(modelType string) string {
	for _, known := range []struct{ prefix, what string }{
		{"gemma3", "Gemma 3, another architecture"},
		{"gemma", "a text model, without a vision tower"},
		{"colpali", "ColPali returns embeddings, not text"},
		{"clip", "CLIP, a vision tower alone"},
		{"siglip", "SigLIP, a vision tower alone"},
	} {
		if strings.HasPrefix(modelType, known.prefix) {
			return " (" + known.what + ")"
		}
	}
	return ""
}

// checkDims compares the sizes that the file has with the tensors' sizes.
func (c hfConfig) checkDims(d Dims) error {
	var wrong []error
	for _, s := range []struct {
		key  string
		file option[int]
		dims int
	}{
		{"text_config.hidden_size", c.Text.Width, d.Width},
		{"text_config.intermediate_size", c.Text.MLP, d.MLP},
		{"text_config.num_hidden_layers", c.Text.Layers, d.Layers},
		{"text_config.num_attention_heads", c.Text.Heads, d.Heads},
		{"text_config.num_key_value_heads", c.Text.KVHeads, d.KVHeads},
		{"text_config.head_dim", c.Text.HeadDim, d.HeadDim},
		{"text_config.num_image_tokens", c.Text.ImageTokens, d.ImageTokens},
		{"vision_config.hidden_size", c.Vision.Width, d.VisionWidth},
		{"vision_config.intermediate_size", c.Vision.MLP, d.VisionMLP},
		{"vision_config.num_hidden_layers", c.Vision.Layers, d.VisionLayers},
		{"vision_config.num_attention_heads", c.Vision.Heads, d.VisionHeads},
		{"vision_config.patch_size", c.Vision.Patch, d.Patch},
		{"vision_config.image_size", c.Vision.ImageSize, d.ImageSize()},
		{"projection_dim", c.ProjectionDim, d.Width},
	} {
		if n := s.file.or(s.dims); n != s.dims {
			wrong = append(wrong, fmt.Errorf("%s: %s is %d, but the tensors have %d", c.path, s.key, n, s.dims))
		}
	}
	if f := Family(c.Text.ModelType.or(string(d.Family))); f != d.Family {
		wrong = append(wrong, fmt.Errorf("%s: text_config.model_type is %q, but the tensors belong to %q (%s)", c.path, f, d.Family, normsOf[d.Family]))
	}
	return legible.Join(wrong...)
}

// normsOf says how the families are told apart.
var normsOf = map[Family]string{
	Gemma:  "2 norms in a layer: PaliGemma 1",
	Gemma2: "4 norms in a layer: PaliGemma 2",
}
