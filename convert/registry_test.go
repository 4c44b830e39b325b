package convert

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestVariants compares the number of weights of every released model with the
// published number (257152 pieces, the tied head counted once).
func TestVariants(t *testing.T) {
	want := map[string]int64{
		"paligemma-3b-224": 2_923_335_408, "paligemma-3b-448": 2_924_220_144, "paligemma-3b-896": 2_927_759_088,
		"paligemma2-3b-224": 3_032_094_960, "paligemma2-3b-448": 3_032_979_696, "paligemma2-3b-896": 3_036_518_640,
		"paligemma2-10b-224": 9_662_409_456, "paligemma2-10b-448": 9_663_294_192, "paligemma2-10b-896": 9_666_833_136,
		"paligemma2-28b-224": 27_650_192_112, "paligemma2-28b-448": 27_651_076_848, "paligemma2-28b-896": 27_654_615_792,
	}
	variants := Variants()
	if len(variants) != len(want) {
		t.Errorf("%d variants, want %d", len(variants), len(want))
	}
	for _, v := range variants {
		if n := v.Dims.Parameters(); n != want[v.Name] {
			t.Errorf("%s has %d parameters, want %d", v.Name, n, want[v.Name])
		}
		if err := v.Dims.check(); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if side := fmt.Sprintf("-%d", v.Dims.ImageSize()); !strings.HasSuffix(v.Name, side) {
			t.Errorf("%s has images of %s pixels", v.Name, side[1:])
		}
		if n := v.Dims.PaddedMLP(); n != 4352 {
			t.Errorf("%s pads its vision MLP to %d, want 4352", v.Name, n)
		}
	}
}

// TestShapes checks the sizes that are easily mixed up, from the table of
// released models.
func TestShapes(t *testing.T) {
	for _, v := range Variants() {
		specs, err := v.Dims.Arrays(HuggingFace)
		if err != nil {
			t.Fatal(err)
		}
		shapes := map[string][]int{}
		for _, s := range specs {
			shapes[s.Name] = s.Shape
		}
		q := map[string]int{"paligemma-3b": 2048, "paligemma2-3b": 2048, "paligemma2-10b": 4096, "paligemma2-28b": 4096}[v.Name[:strings.LastIndexByte(v.Name, '-')]]
		if got, want := shapes["language_model.model.layers.0.self_attn.o_proj.weight"], []int{v.Dims.Width, q}; !slices.Equal(got, want) {
			t.Errorf("%s: o_proj is %v, want %v", v.Name, got, want)
		}
		if got, want := shapes["vision_tower.vision_model.encoder.layers.26.mlp.fc2.weight"], []int{1152, 4304}; !slices.Equal(got, want) {
			t.Errorf("%s: fc2 is %v, want %v", v.Name, got, want)
		}
	}
}

// TestRegistry checks that the names and patterns of a row of the registry agree:
// the same letters in every format, a star where there are layers.
func TestRegistry(t *testing.T) {
	for _, family := range []Family{Gemma, Gemma2} {
		d := Dims{
			Family: family, Vocab: 2, Width: 3, Layers: 5, MLP: 7, Heads: 11, KVHeads: 1, HeadDim: 26,
			VisionWidth: 34, VisionLayers: 19, VisionMLP: 23, VisionHeads: 17, Patch: 29, ImageTokens: 36,
		}
		seen := map[string]bool{}
		for _, p := range registry {
			if !p.in(family) {
				continue
			}
			if seen[p.gguf] {
				t.Errorf("%s: %s is there twice", family, p.gguf)
			}
			seen[p.gguf] = true
			_, slice := d.slice(p.stacked, 0)
			if a, b := ungroup(p.shape), ungroup(slice); !sameLetters(a, b) {
				t.Errorf("%s: %s has axes %q, but %q in an npz", family, p.gguf, a, b)
			}
			if strings.Contains(p.gguf, "*") != strings.Contains(p.hf, "*") {
				t.Errorf("%s: %s is not once per layer as %s is", family, p.hf, p.gguf)
			}
			if layered := strings.ContainsAny(p.stacked[:1], "LB"); layered != p.perLayer() {
				t.Errorf("%s: %s has axes %q", family, p.npz, p.stacked)
			}
			for _, axis := range axes(p.stacked) {
				if d.size(axis) == 0 {
					t.Errorf("%s: axis %q of %s has no size", family, axis, p.npz)
				}
			}
		}
	}
}

func sameLetters(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// TestGrid compares the places of a transposition with places counted one by one.
func TestGrid(t *testing.T) {
	d := Dims{Width: 3, Heads: 2, HeadDim: 4, Patch: 2, VisionWidth: 3, VisionHeads: 1}
	g := d.grid("(H h) D", "H D h")
	for H := range 2 {
		for h := range 4 {
			for D := range 3 {
				if got, want := g.rows[H*4+h]+g.cols[D], (H*3+D)*4+h; got != want {
					t.Errorf("element [%d %d %d] is at %d, want %d", H, h, D, got, want)
				}
			}
		}
	}
	if !d.grid("D (H h)", "D H h").stored() {
		t.Error("merging axes is taken for a transposition")
	}
	if index, slice := (Dims{Layers: 9}).slice("L 2:1 D F", 4); index != 9 || slice != "D F" {
		t.Errorf("layer 4, entry 1 of 2 is slice %d of %q, want 9 of %q", index, slice, "D F")
	}
}
