package synthetic

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma/convert"
)

// writeHuggingFace writes the shards, their index and the configs.
func (c Checkpoint) writeHuggingFace(dir string, specs []convert.Spec) error {
	specs = c.rename(specs)
	shards := split(specs, max(c.Shards, 1))
	weightMap := map[string]string{}
	for i, shard := range shards {
		name := "model.safetensors"
		if c.Shards > 0 {
			name = fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		}
		for _, s := range shard {
			weightMap[s.Name] = name
		}
		if err := c.writeShard(filepath.Join(dir, name), shard); err != nil {
			return err
		}
	}
	if c.Shards > 0 {
		index := map[string]any{"metadata": map[string]any{}, "weight_map": weightMap}
		if err := writeJSON(filepath.Join(dir, "model.safetensors.index.json"), index); err != nil {
			return err
		}
	}
	preprocessor := map[string]any{
		"image_mean": []float64{0.5, 0.5, 0.5}, "image_std": []float64{0.5, 0.5, 0.5}, "resample": 3,
		"size": map[string]int{"height": c.Dims.ImageSize(), "width": c.Dims.ImageSize()},
	}
	if err := writeJSON(filepath.Join(dir, "preprocessor_config.json"), preprocessor); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, "config.json"), c.config())
}

// rename applies the layout, and gives the embedding the rows that Hugging Face
// adds: one for <image>, then up to a multiple of 64.
func (c Checkpoint) rename(specs []convert.Spec) []convert.Spec {
	renamed := make([]convert.Spec, len(specs))
	for i, s := range specs {
		if strings.HasSuffix(s.Name, "embed_tokens.weight") {
			s.Shape = []int{(c.Dims.Vocab + 1 + 63) / 64 * 64, s.Shape[1]}
		}
		if c.New {
			s.Name = "model." + strings.Replace(s.Name, "language_model.model.", "language_model.", 1)
		}
		renamed[i] = s
	}
	return renamed
}

// split distributes the arrays over n files of similar size, keeping their order.
func split(specs []convert.Spec, n int) [][]convert.Spec {
	total := 0
	for _, s := range specs {
		total += product(s.Shape)
	}
	shards := make([][]convert.Spec, 1, n)
	done := 0
	for _, s := range specs {
		if last := len(shards); done >= total*last/n && last < n {
			shards = append(shards, nil)
		}
		shards[len(shards)-1] = append(shards[len(shards)-1], s)
		done += product(s.Shape)
	}
	return shards
}

// writeShard writes one safetensors file.
func (c Checkpoint) writeShard(path string, specs []convert.Spec) error {
	type entry struct {
		Type    string   `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	var at int64
	for _, s := range specs {
		end := at + int64(product(s.Shape))*int64(c.Type.BlockBytes())
		header[s.Name] = entry{strings.ToUpper(c.Type.String()), s.Shape, [2]int64{at, end}}
		at = end
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 { // so that the data is aligned
		text = append(text, ' ')
	}
	return create(path, func(w io.Writer) error {
		if err := binary.Write(w, binary.LittleEndian, uint64(len(text))); err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
		for _, s := range specs {
			if err := c.writeArray(w, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// config is as partial as the published ones.
func (c Checkpoint) config() map[string]any {
	d := c.Dims
	text := map[string]any{
		"model_type": string(d.Family), "hidden_size": d.Width, "intermediate_size": d.MLP,
		"num_attention_heads": d.Heads, "num_hidden_layers": d.Layers, "num_key_value_heads": d.KVHeads,
		"num_image_tokens": d.ImageTokens, "vocab_size": (d.Vocab + 1 + 63) / 64 * 64,
	}
	if d.HeadDim != 256 {
		text["head_dim"] = d.HeadDim
	}
	vision := map[string]any{
		"model_type": "siglip_vision_model", "hidden_size": d.VisionWidth, "intermediate_size": d.VisionMLP,
		"num_attention_heads": d.VisionHeads, "num_hidden_layers": d.VisionLayers, "patch_size": d.Patch,
		"projection_dim": d.Width, "projector_hidden_act": "gelu_fast", "vision_use_head": false,
	}
	if d.ImageSize() != 224 {
		vision["image_size"] = d.ImageSize()
	}
	return map[string]any{
		"architectures": []string{"PaliGemmaForConditionalGeneration"}, "model_type": "paligemma",
		"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0, "image_token_index": d.Vocab,
		"projection_dim": d.Width, "text_config": text, "vision_config": vision,
	}
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o666)
}
