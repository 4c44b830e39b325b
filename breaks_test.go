package paligemma

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// An edit replaces text that a file has once.
type edit struct{ file, old, new string }

// breaks lists, for each trap of the reference, a change that walks into it.
// Of all tests of traps the change makes exactly the one of that name fail;
// TestBreaks applies them.
var breaks = []struct {
	test  string
	edits []edit
}{
	// The prompt.
	{"TestTrapNewline", []edit{{"session.go", `return append(ids, m.tok.Encode("\n")...)`, `return ids`}}},
	{"TestTrapNewlineApart", []edit{
		{"session.go", `m.tok.Encode(string(p))...)`, `m.tok.Encode(string(p)+"\n")...)`},
		{"session.go", `return append(ids, m.tok.Encode("\n")...)`, `return ids`}}},
	{"TestTrapBOS", []edit{{"session.go", `append([]int32{m.tok.BOS()}, `, `append([]int32{}, `}}},
	{"TestTrapBOSOnce", []edit{{"session.go", `[]int32{m.tok.BOS()}`, `[]int32{m.tok.BOS(), m.tok.BOS()}`}}},
	{"TestTrapLocSeg", []edit{{"internal/spm/encode.go", `n := m.t.userDefined.longest(m.text[i:])`, `n := 0`}}},
	{"TestTrapSpaces", []edit{{"internal/spm/encode.go", `text: normalize(text)}`, `text: normalize(" " + text)}`}}},

	// What the decoder is given.
	{"TestTrapPictureFirst", []edit{{"session.go", `x = g.Concat(image, x, 1)`, `x = g.Concat(x, image, 1)`}}},
	{"TestTrapAllPictures", []edit{{"session.go", `soft = append(soft, img.tokens...)`, `soft = append(soft, images[0].tokens...)`}}},
	{"TestTrapPictureScale", []edit{{"session.go", `x = g.Concat(image, x, 1)`, `x = g.Concat(g.Scale(image, c.EmbedScale), x, 1)`}}},
	{"TestTrapTextScale", []edit{{"config.go", `c.text.EmbedScale = t.number("paligemma.embedding_scale", 0)`, `c.text.EmbedScale = 45.25`}}},

	// The picture.
	{"TestTrapColours", []edit{{"internal/imageproc/convert.go", `rgb[0], rgb[1], rgb[2] = p[0], p[1], p[2] })`, `rgb[2], rgb[1], rgb[0] = p[0], p[1], p[2] })`}}},
	{"TestTrapAlpha", []edit{{"internal/imageproc/convert.go", `rgb[0], rgb[1], rgb[2] = p[0], p[1], p[2] })`,
		`for c := range rgb { rgb[c] = uint8(int(p[c]) * int(p[3]) / 255) } })`}}},
	{"TestTrapPatchOrder", []edit{{"internal/imageproc/prepare.go", `out[c*n+i] = f(pixels[3*i+c])`,
		`side := int(math.Sqrt(float64(n))); out[c*n+i%side*side+i/side] = f(pixels[3*i+c])`}, {"internal/imageproc/prepare.go", `"image"`, `"image"; "math"`}}},
	{"TestTrapStretch", []edit{{"image.go", `px, err := imageproc.Prepare(img,`, `if r := img.Bounds(); r.Dx() > 4*r.Dy() {
		r.Max.X = r.Min.X + r.Dy()
		img = img.(interface{ SubImage(image.Rectangle) image.Image }).SubImage(r)
	}
	px, err := imageproc.Prepare(img,`}}},
	{"TestTrapAntialias", []edit{{"internal/imageproc/resample.go", `widen := max(scale, 1)`, `widen := 1.0`}}},
	{"TestTrapResampling", []edit{{"image.go", `Filter: m.cfg.resample,`, ``}}},
	{"TestTrapTowerSeesAll", []edit{{"internal/siglip/encoder.go", `vT := g.Permute(heads[2], 1, 2, 0, 3) // [n, e, h]`,
		`n := x.Dim(1)
	k = g.View(k, []int{0, 0, 0}, e, n/2, a.heads)
	vT := g.Permute(g.View(heads[2], []int{0, 0, 0}, e, a.heads, n/2), 1, 2, 0, 3)`}}},
	{"TestTrapTowerGELU", []edit{{"internal/siglip/encoder.go", `m.Up.GELU(g, x)`, `g.Scale(g.SiLU(g.Scale(m.Up.Forward(g, x), 1.702)), 1/1.702)`}}},
	{"TestTrapPadding", []edit{{"convert/dims.go", `const padding = 256`, `const padding = 16`}}},

	// The decoder's attention.
	{"TestTrapPrefixSeesAll", []edit{
		{"session.go", `last := s.model.decoder.Forward(g, cut, s.cache, gemma.Keys{Len: n})`, `keys := gemma.Keys{Len: n}
	if len(cut) == 1 {
		keys.Mask = g.Input("mask", gguf.F32, n, n)
	}
	last := s.model.decoder.Forward(g, cut, s.cache, keys)`},
		{"session.go", `if err := nn.Set(g, text, ids); err != nil {`, `if len(cut) == 1 {
		mask := make([]float32, n*n)
		for i := range mask {
			if i%n > i/n {
				mask[i] = gemma.Masked
			}
		}
		nn.Set(g, keys.Mask, mask)
	}
	if err := nn.Set(g, text, ids); err != nil {`}}},
	{"TestTrapBatches", []edit{{"internal/gemma/decoder.go", `g.Tap("attn_out", b.Attn.Forward(g, qs[c], l, keys))`,
		`g.Tap("attn_out", b.Attn.Forward(g, qs[c], l, func() Keys {
			seen := keys
			if !batches[c].Rows.Valid() && seen.Len < 4096 { seen.Len = batches[c].Start + x.Dim(1) }
			return seen
		}()))`}}},
	{"TestTrapWindow", []edit{{"internal/gemma/cache.go", `[]int{0, 0, 0}, e, hk, m) }`, `[]int{0, 0, max(0, m-4096)}, e, hk, min(m, 4096)) }`},
		{"internal/gemma/cache.go", `[]int{0, 0, 0}, m, e, hk)`, `[]int{max(0, m-4096), 0, 0}, min(m, 4096), e, hk)`}}},
	{"TestTrapDecodePosition", []edit{{"step.go", `[]int32{int32(place)}`, `[]int32{int32(place + 1)}`}}},
	{"TestTrapDecodeMask", []edit{{"step.go", `i := place + 1; i < t.keys`, `i := place; i < t.keys`}}},
	{"TestTrapQueryScale", []edit{{"internal/gemma/decoder.go", `keys.Mask, a.c.QueryScale,`, `keys.Mask, float32(1/math.Sqrt(float64(a.c.HeadDim))),`}}},
	{"TestTrapOutputNotSquare", []edit{{"internal/gemma/decoder.go", `	return Attention{
`, `	if !c.PostNorms { q = c.Width }
	return Attention{
`}}},
	{"TestTrapSharedHeads", []edit{{"internal/gemma/decoder.go", `return g.Permute(q, 0, 2, 1, 3)`,
		`q = g.Reshape(q, a.c.HeadDim, a.c.KVHeads, a.c.Heads/a.c.KVHeads, x.Dim(1))
	q = g.Reshape(g.Cont(g.Permute(q, 0, 2, 1, 3)), a.c.HeadDim, a.c.Heads, x.Dim(1))
	return g.Permute(q, 0, 2, 1, 3)`}}},
	{"TestTrapAttentionSoftcap", []edit{{"internal/gemma/decoder.go", `a.c.QueryScale, a.c.AttnSoftcap)`, `a.c.QueryScale, 0)`}}},
	{"TestTrapHalfScores", []edit{{"internal/nn/attention.go", `s := g.MulMat(k, q) // [m, n, h]`, `s := g.Cast(g.Cast(g.MulMat(k, q), gguf.F16), gguf.F32)`}}},
	{"TestTrapRoPE", []edit{{"bindings/ops.go", `const ropeNeoX = 2`, `const ropeNeoX = 0`}}},

	// The rest of the decoder.
	{"TestTrapNormRoles", []edit{{"internal/gemma/decoder.go", `b.PostAttnNorm, b.PostMLPNorm = &attn, &mlp`, `b.PostAttnNorm, b.PostMLPNorm = &mlp, &attn`}}},
	{"TestTrapPostNorm", []edit{{"internal/gemma/decoder.go", `g.Tap("out", g.Add(x, b.after(g, b.PostMLPNorm, y)))`, `g.Tap("out", b.after(g, b.PostMLPNorm, g.Add(x, y)))`}}},
	{"TestTrapOnePlus", []edit{{"internal/nn/layers.go", `return g.kernelNorm(x, l.W, Tensor{}, l.Eps, false)`,
		`return g.Add(g.RMSNorm(x, l.Eps), g.kernelNorm(x, l.W, Tensor{}, l.Eps, false))`}}},
	{"TestTrapDecoderGELU", []edit{{"internal/nn/ops_math.go", `g.Mul(g.GELU(gate), up)`, `g.Mul(g.SiLU(gate), up)`}}},
	{"TestTrapGate", []edit{{"internal/gemma/decoder.go", `nn.GeGLU(g, m.Gate, m.Up, x)`, `nn.GeGLU(g, m.Up, m.Gate, x)`}}},
	{"TestTrapHead", []edit{{"internal/gemma/decoder.go", `d.Width, r.Len), x)`, `d.Width, r.Len), g.Scale(x, d.EmbedScale))`}}},
	{"TestTrapFinalSoftcap", []edit{{"internal/gemma/decoder.go", `g.Tap("logits", y), d.FinalSoftcap)`, `g.Tap("logits", y), 0)`}}},
	{"TestTrapRows", []edit{{"model.go", `if len(v.Pieces) != vocabulary {`, `if len(v.Pieces) > vocabulary {`}}},
}

// TestBreaksAreCurrent keeps the list in step with the code: every trap has a
// break, and every break still fits.
func TestBreaksAreCurrent(t *testing.T) {
	var listed []string
	for _, b := range breaks {
		listed = append(listed, b.test)
		for _, e := range b.edits {
			if n := strings.Count(string(readFile(t, e.file)), e.old); n != 1 {
				t.Errorf("%s: %s has %q %d times, want once", b.test, e.file, e.old, n)
			}
		}
	}
	var tests []string
	files, err := filepath.Glob("trap_*_test.go")
	must(t, err)
	for _, file := range files {
		for _, found := range regexp.MustCompile(`(?m)^func (TestTrap\w+)`).FindAllSubmatch(readFile(t, file), -1) {
			tests = append(tests, string(found[1]))
		}
	}
	slices.Sort(listed)
	slices.Sort(tests)
	if !slices.Equal(listed, tests) {
		t.Errorf("breaks for %v, tests %v", listed, tests)
	}
}

// TestBreaks applies each break to a copy of the module and runs the tests of
// traps there: exactly the one listed fails.
func TestBreaks(t *testing.T) {
	if os.Getenv("PALIGEMMA_TEST_BREAKS") != "1" {
		t.Skip("takes minutes: set PALIGEMMA_TEST_BREAKS=1 to run")
	}
	dir := filepath.Join(t.TempDir(), "module")
	must(t, os.CopyFS(dir, moduleFS{os.DirFS(".")}))
	for _, b := range breaks {
		t.Run(strings.TrimPrefix(b.test, "TestTrap"), func(t *testing.T) {
			for _, e := range b.edits {
				path := filepath.Join(dir, e.file)
				before := readFile(t, path)
				must(t, os.WriteFile(path, []byte(strings.Replace(string(before), e.old, e.new, 1)), 0o644))
				defer os.WriteFile(path, before, 0o644)
			}
			cmd := exec.Command("go", "test", "-count=1", "-run", "^TestTrap", ".")
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			var failed []string
			for _, line := range regexp.MustCompile(`(?m)^--- FAIL: (\w+)`).FindAllSubmatch(out, -1) {
				failed = append(failed, string(line[1]))
			}
			if err == nil || !slices.Equal(failed, []string{b.test}) {
				t.Errorf("failing tests: %v\n%s", failed, out)
			}
		})
	}
}

// moduleFS is a module's source, without what is built or fetched.
type moduleFS struct{ fs.FS }

// ReadDir leaves out hidden folders and those of other programs.
func (m moduleFS) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(m.FS, name)
	return slices.DeleteFunc(list, func(e fs.DirEntry) bool {
		return e.IsDir() && (strings.HasPrefix(e.Name(), ".") || e.Name() == "build" || e.Name() == "bin")
	}), err
}
