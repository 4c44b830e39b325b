package convert

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// An inventory holds the arrays of a checkpoint and the way from a parameter of
// the registry to its array.
type inventory struct {
	ck       checkpoint
	format   Format
	arrays   map[string]array
	prefixes map[Part]string // Hugging Face
	shared   string          // the output head's name, if the embedding lies under it alone
	grows    bool            // an adapter may bring an embedding of more rows
}

// takeInventory finds out how the arrays are named. If a part of a PaliGemma is
// not among them, the error names the architecture that the arrays resemble.
func takeInventory(ck checkpoint) (inventory, error) {
	inv := inventory{ck: ck, format: ck.format(), arrays: map[string]array{}, prefixes: map[Part]string{}}
	for _, a := range ck.arrays() {
		inv.arrays[a.name] = a
	}
	if err := inv.shareHead(); err != nil {
		return inv, err
	}
	var missing []Part
	for _, part := range []Part{Text, Vision, Projector} {
		found := inv.has(part)
		switch {
		case len(found) == 0:
			missing = append(missing, part)
		case len(found) > 1:
			return inv, fmt.Errorf("the %s part is there twice, under %q", part, found)
		default:
			inv.prefixes[part] = found[0]
		}
	}
	if len(missing) > 0 {
		return inv, fmt.Errorf("not a PaliGemma checkpoint: no %v part found among its %d arrays%s", missing, len(inv.arrays), inv.resembles())
	}
	return inv, nil
}

// has returns the prefixes under which a part is present; "" for an npz.
func (inv inventory) has(part Part) []string {
	var found []string
	if inv.format == BigVision {
		for _, p := range registry {
			if _, there := inv.arrays[p.npz]; there && p.part == part {
				return []string{""}
			}
		}
		return nil
	}
	for _, prefix := range hfPrefixes[part] {
		if _, there := inv.arrays[prefix+hfAnchors[part]]; there {
			found = append(found, prefix)
		}
	}
	return found
}

// wrappers begin all names of a model that was saved inside of another.
var wrappers = []struct{ prefix, what string }{
	{"_orig_mod.", "torch.compile: save model._orig_mod with save_pretrained"},
	{"module.", "DataParallel: save model.module with save_pretrained"},
	{"base_model.model.", "PEFT: save the model that merge_and_unload returns"},
}

// resembles names another architecture by a name that only it has.
func (inv inventory) resembles() string {
	names := slices.Sorted(maps.Keys(inv.arrays))
	for _, w := range wrappers {
		other := func(name string) bool { return !strings.HasPrefix(name, w.prefix) || strings.Contains(name, "lora_A") }
		if len(names) > 0 && !slices.ContainsFunc(names, other) {
			return fmt.Sprintf("; %q is named as inside of %s", names[0], w.what)
		}
	}
	for _, mark := range []struct{ part, what string }{
		{"lora_A", "a LoRA adapter: convert the model it was trained on, and give this one to --lora"},
		{"custom_text_proj", "ColPali, which returns embeddings, not text"},
		{"mm_soft_emb_norm", "Gemma 3"},
		{"class_embedding", "a CLIP tower"},
		{"qkv_einsum", "a Gemma with fused keys and values, which no released PaliGemma has"},
		{"encoderblock_0", "a SigLIP whose layers are not stacked"},
		{"vision_model.head.", "a SigLIP with its own pooling head"},
		{"q_norm", "Gemma 3, text only"},
		{"embed_tokens", "a text model without a vision tower"},
		{"llm/", "a text model without a vision tower"},
		{"img/", "a vision tower alone"},
		{"vision_model.", "a vision tower alone"},
	} {
		for _, name := range names {
			if strings.Contains(name, mark.part) {
				return fmt.Sprintf("; %q looks like %s", name, mark.what)
			}
		}
	}
	if len(names) > 0 {
		return fmt.Sprintf(", such as %q", names[0])
	}
	return ""
}

// source returns the name of a parameter's array, and its pattern there.
func (inv inventory) source(p param, layer int) (name, pattern string) {
	if inv.format == BigVision {
		return p.npz, p.stacked
	}
	return inv.prefixes[p.part] + p.name(p.hf, layer), p.shape
}

// family tells the generations apart by a norm that only the second has.
func (inv inventory) family() Family {
	for _, p := range registry {
		if p.gguf == "blk.*.post_ffw_norm.weight" {
			name, _ := inv.source(p, 0)
			if _, there := inv.arrays[name]; there {
				return Gemma2
			}
		}
	}
	return Gemma
}

// layers counts the layers of a part, whatever numbers they have: a number is
// only as large as the file claims, but names take space. The count on which
// most parameters agree wins.
func (inv inventory) layers(part Part) int {
	votes := map[int]int{}
	for _, p := range registry {
		if p.part != part || !p.perLayer() {
			continue
		}
		before, after, _ := strings.Cut(inv.prefixes[part]+p.hf, "*")
		n := 0
		for name := range inv.arrays {
			rest, ok := strings.CutPrefix(name, before)
			number, found := strings.CutSuffix(rest, after)
			if _, err := strconv.Atoi(number); ok && found && err == nil {
				n++
			}
		}
		if n > 0 {
			votes[n]++
		}
	}
	return mostFrequent(votes)
}

// mostFrequent returns the key with the largest count, the larger key on a tie,
// and 0 for an empty map.
func mostFrequent(votes map[int]int) int {
	best := 0
	for _, n := range slices.Sorted(maps.Keys(votes)) {
		if votes[n] >= votes[best] {
			best = n
		}
	}
	return best
}

// tally counts, for each axis of the patterns, how many tensors give it which
// size. The most frequent one wins, so that a single wrong tensor is reported
// as wrong, rather than all others.
func (inv inventory) tally(f Family) map[string]int {
	votes := map[string]map[int]int{}
	counted := map[string]bool{} // keys and values share an array
	for _, p := range registry {
		if !p.in(f) {
			continue
		}
		name, pattern := inv.source(p, 0)
		a, there := inv.arrays[name]
		list := axes(pattern)
		if !there || counted[name] || len(a.shape) != len(list) {
			continue
		}
		counted[name] = true
		for i, axis := range list {
			if votes[axis] == nil {
				votes[axis] = map[int]int{}
			}
			votes[axis][a.shape[i]]++
		}
	}
	sizes := map[string]int{}
	for axis, counts := range votes {
		sizes[axis] = mostFrequent(counts)
	}
	return sizes
}

// dims infers the sizes from the shapes of the arrays. Only Hugging Face's
// layout leaves something open: it merges heads and their width, so that one of
// the two comes from the config, or else from the released models.
func (inv inventory) dims(h hfConfig) (Dims, error) {
	d := Dims{Family: inv.family()}
	size := inv.tally(d.Family)
	d.Vocab, d.Width, d.MLP = size["V"], size["D"], size["F"]
	d.VisionWidth, d.VisionMLP, d.Patch, d.ImageTokens = size["W"], size["M"], size["y"], size["N"]
	if inv.format == BigVision {
		d.Layers, d.Heads, d.KVHeads, d.HeadDim = size["L"], size["H"], size["K"], size["h"]
		d.VisionLayers, d.VisionHeads = size["B"], size["A"]
		return d, d.check()
	}
	d.Layers, d.VisionLayers = inv.layers(Text), inv.layers(Vision)
	d.HeadDim = h.Text.HeadDim.or(releasedHeadDim(d))
	d.VisionHeads = h.Vision.Heads.or(16)
	if d.HeadDim < 1 || size["(H h)"]%d.HeadDim != 0 || size["(K h)"]%d.HeadDim != 0 {
		where := h.path
		if where == "" {
			where = "a config.json, which is missing,"
		}
		return d, fmt.Errorf("q_proj and k_proj have %d and %d rows, not heads of %d: text_config.head_dim of %s has to say the width of a head", size["(H h)"], size["(K h)"], d.HeadDim, where)
	}
	d.Heads, d.KVHeads = size["(H h)"]/d.HeadDim, size["(K h)"]/d.HeadDim
	return d, d.check()
}

// releasedHeadDim returns the head width of the released model of this width.
func releasedHeadDim(d Dims) int {
	for _, v := range texts {
		if v.Dims.Width == d.Width && v.Dims.Family == d.Family {
			return v.Dims.HeadDim
		}
	}
	return 256
}
