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

	"github.com/pgcli/paligemma/internal/testmodel"
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
	{"TestTrapNoNewline", []edit{{"session.go", `return append(ids, m.tok.Encode("\n")...)`, `return ids`}}},
	{"TestTrapNewlineMerges", []edit{{"prompt.go", `strings.TrimRight(strings.TrimPrefix(text, byteOrderMark), "\r\n")`, `strings.TrimPrefix(text, byteOrderMark)`}}},
	{"TestTrapNoBOS", []edit{{"session.go", `append([]int32{m.tok.BOS()}, `, `append([]int32{}, `}}},
	{"TestTrapTwoBOS", []edit{{"session.go", `[]int32{m.tok.BOS()}`, `[]int32{m.tok.BOS(), m.tok.BOS()}`}}},
	{"TestTrapLocSegSplit", []edit{{"internal/spm/encode.go", `n = int(longest[i])`, `n = 0`}}},
	{"TestTrapSpaceBefore", []edit{{"internal/spm/encode.go", `t.merge(nil, normalize(text))`, `t.merge(nil, normalize(" "+text))`}}},

	// What the decoder is given.
	{"TestTrapTextFirst", []edit{{"internal/decode/prefix.go", `x = g.Concat(p.image, x, 1)`, `x = g.Concat(x, p.image, 1)`}}},
	{"TestTrapFirstPictureOnly", []edit{{"session.go", `soft = append(soft, img.tokens...)`, `soft = append(soft, images[0].tokens...)`}}},
	{"TestTrapPictureScaled", []edit{{"internal/decode/prefix.go", `x = g.Concat(p.image, x, 1)`, `x = g.Concat(g.Scale(p.image, d.gemma.EmbedScale), x, 1)`}}},
	{"TestTrapTextScaleFixed", []edit{{"internal/gemma/config.go", `EmbedScale:   t.EmbedScale,`, `EmbedScale:   45.25,`}}},

	// The picture.
	{"TestTrapBGR", []edit{{"internal/imageproc/convert.go", `rgb[0], rgb[1], rgb[2] = p[0], p[1], p[2] })`, `rgb[2], rgb[1], rgb[0] = p[0], p[1], p[2] })`}}},
	{"TestTrapAlphaBlended", []edit{{"internal/imageproc/convert.go", `rgb[0], rgb[1], rgb[2] = p[0], p[1], p[2] })`,
		`for c := range rgb { rgb[c] = uint8(int(p[c]) * int(p[3]) / 255) } })`}}},
	{"TestTrapPatchesTransposed", []edit{{"internal/imageproc/prepare.go", `out[c*n+i] = f(pixels[3*i+c])`,
		`side := int(math.Sqrt(float64(n))); out[c*n+i%side*side+i/side] = f(pixels[3*i+c])`}, {"internal/imageproc/prepare.go", `"image"`, `"image"; "math"`}}},
	{"TestTrapCropped", []edit{{"image.go", `px, err := imageproc.Prepare(ctx, img,`, `if r := img.Bounds(); r.Dx() > 4*r.Dy() {
		r.Max.X = r.Min.X + r.Dy()
		img = img.(interface{ SubImage(image.Rectangle) image.Image }).SubImage(r)
	}
	px, err := imageproc.Prepare(ctx, img,`}}},
	{"TestTrapAliased", []edit{{"internal/imageproc/resample.go", `widen := max(scale, 1)`, `widen := 1.0`}}},
	{"TestTrapResamplingIgnored", []edit{{"image.go", `Filter: m.cfg.resample,`, ``}}},
	{"TestTrapTowerCausal", []edit{{"internal/siglip/encoder.go", `vT := g.Permute(heads[2], 1, 2, 0, 3)`,
		`n := x.Dim(1)
	k = g.View(k, []int{0, 0, 0}, e, n/2, heads[1].Dim(1))
	vT := g.Permute(g.View(heads[2], []int{0, 0, 0}, e, heads[2].Dim(1), n/2), 1, 2, 0, 3)`}}},
	{"TestTrapTowerQuickGELU", []edit{{"internal/siglip/encoder.go", `m.Up.GELU(g, x)`, `g.Scale(g.SiLU(g.Scale(m.Up.Forward(g, x), 1.702)), 1/1.702)`}}},
	{"TestTrapUnpadded", []edit{{"convert/dims.go", `const padding = 256`, `const padding = 16`}}},

	// The decoder's attention.
	{"TestTrapPrefixCausal", []edit{
		{"internal/decode/prefix.go", `p.batches = d.cut(g, g.Tap("prefix", x), cache)`, `p.batches = d.cut(g, g.Tap("prefix", x), cache)
	mask := g.Input("mask", gguf.F32, all, all)
	if len(p.batches) == 1 {
		p.batches[0].Spans[0].Mask = mask
	}`},
		{"internal/decode/prefix.go", `if err := nn.Set(p.g, p.ids, ids); err != nil {`, `if len(p.batches) == 1 {
		mask := p.batches[0].Spans[0].Mask
		n := mask.Dim(0)
		causal := make([]float32, n*n)
		for i := range causal {
			if i%n > i/n {
				causal[i] = gemma.Masked
			}
		}
		nn.Set(p.g, mask, causal)
	}
	if err := nn.Set(p.g, p.ids, ids); err != nil {`}}},
	{"TestTrapBatchesCausal", []edit{{"internal/decode/prefix.go", `Start: start, Keys: all}`,
		`Start: start, Keys: map[bool]int{true: start + n, false: all}[all < 4096]}`}}},
	{"TestTrapSlidingWindow", []edit{{"internal/gemma/cache.go", `[]int{0, 0, 0}, e, hk, m) // [e, hk, m]`, `[]int{0, 0, max(0, m-4096)}, e, hk, min(m, 4096))`},
		{"internal/gemma/cache.go", `[]int{0, 0, 0}, m, e, hk)`, `[]int{max(0, m-4096), 0, 0}, min(m, 4096), e, hk)`}}},
	{"TestTrapPositionOffByOne", []edit{{"internal/decode/step.go", `return p.shared + p.at - p.from }`, `return p.shared + p.at - p.from + 1 }`}}},
	{"TestTrapMaskOffByOne", []edit{{"internal/decode/step.go", `p.from <= key && key <= p.at }`, `p.from <= key && key < p.at }`},
		{"internal/decode/step.go", `To: p.at + 1}`, `To: max(p.at, p.from)}`}}},
	{"TestTrapScaleByHeadDim", []edit{{"internal/gemma/block.go", `import "github.com/pgcli/paligemma/internal/nn"`, `import ("math"; "github.com/pgcli/paligemma/internal/nn")`},
		{"internal/gemma/block.go", `s.Mask, a.c.QueryScale,`, `s.Mask, float32(1/math.Sqrt(float64(a.c.HeadDim))),`},
		{"internal/gemma/block.go", `l.k, l.v, a.c.QueryScale,`, `l.k, l.v, float32(1/math.Sqrt(float64(a.c.HeadDim))),`}}},
	{"TestTrapOutputSquare", []edit{{"internal/gemma/block.go", `	return Attention{
`, `	if !c.PostNorms { q = c.Width }
	return Attention{
`}}},
	{"TestTrapHeadsInterleaved", []edit{{"internal/gemma/block.go", `return g.Permute(q, 0, 2, 1, 3) // [e, n, h]`,
		`q = g.Reshape(q, a.c.HeadDim, a.c.KVHeads, a.c.Heads/a.c.KVHeads, x.Dim(1))
	q = g.Reshape(g.Cont(g.Permute(q, 0, 2, 1, 3)), a.c.HeadDim, a.c.Heads, x.Dim(1))
	return g.Permute(q, 0, 2, 1, 3)`}}},
	{"TestTrapNoAttentionSoftcap", []edit{{"internal/gemma/block.go", `s.Mask, a.c.QueryScale, a.c.AttnSoftcap)`, `s.Mask, a.c.QueryScale, 0)`},
		{"internal/gemma/block.go", `l.v, a.c.QueryScale, a.c.AttnSoftcap)`, `l.v, a.c.QueryScale, 0)`}}},
	{"TestTrapScoresInHalves", []edit{{"internal/nn/attention.go", `s := g.MulMat(k, q) // [m, n, h]`, `s := g.Cast(g.Cast(g.MulMat(k, q), gguf.F16), gguf.F32)`}}},
	{"TestTrapRoPEInterleaved", []edit{{"bindings/ops.go", `const ropeNeoX = 2`, `const ropeNeoX = 0`}}},

	// The rest of the decoder.
	{"TestTrapNormsSwapped", []edit{{"internal/gemma/block.go", `b.PostAttnNorm, b.PostMLPNorm = &attn, &mlp`, `b.PostAttnNorm, b.PostMLPNorm = &mlp, &attn`}}},
	{"TestTrapNormAfterSum", []edit{{"internal/gemma/block.go", `g.Tap("out", g.Add(x, post(g, b.PostMLPNorm, y)))`, `g.Tap("out", post(g, b.PostMLPNorm, g.Add(x, y)))`}}},
	{"TestTrapOnePlusTwice", []edit{{"internal/nn/layers.go", `return g.kernelNorm(x, l.W, Tensor{}, l.Eps, false)`,
		`return g.Add(g.RMSNorm(x, l.Eps), g.kernelNorm(x, l.W, Tensor{}, l.Eps, false))`}}},
	{"TestTrapSiLU", []edit{{"internal/nn/ops_math.go", `g.Mul(g.GELU(gate), up)`, `g.Mul(g.SiLU(gate), up)`}}},
	{"TestTrapGateSwapped", []edit{{"internal/gemma/block.go", `nn.GeGLU(g, m.Gate, m.Up, x)`, `nn.GeGLU(g, m.Up, m.Gate, x)`}}},
	{"TestTrapHeadScaled", []edit{{"internal/gemma/decoder.go", `g.MulMat(w, x) `, `g.MulMat(w, g.Scale(x, d.EmbedScale)) `}}},
	{"TestTrapNoFinalSoftcap", []edit{{"internal/gemma/decoder.go", `g.Tap("logits", y), d.FinalSoftcap)`, `g.Tap("logits", y), 0)`}}},
	{"TestTrapRowsWithoutPieces", []edit{{"internal/hparams/tokenizer.go", `if len(t.Pieces) != vocab {`, `if len(t.Pieces) > vocab {`}}},
}

// trapPackages are those with tests of traps, which are named TestTrap and the
// mistake.
var trapPackages = []string{".", "./internal/decode", "./internal/gemma", "./internal/siglip"}

// TestBreaksAreCurrent keeps the list in step with the code: every trap has a
// break, and every break still fits.
func TestBreaksAreCurrent(t *testing.T) {
	var listed []string
	for _, b := range breaks {
		listed = append(listed, b.test)
		for _, e := range b.edits {
			if n := strings.Count(string(testmodel.Read(t, e.file)), e.old); n != 1 {
				t.Errorf("%s: %s has %q %d times, want once", b.test, e.file, e.old, n)
			}
		}
	}
	var tests []string
	files := []string{}
	for _, pkg := range trapPackages {
		found, err := filepath.Glob(filepath.Join(pkg, "*_test.go"))
		must(t, err)
		files = append(files, found...)
	}
	for _, file := range files {
		for _, found := range regexp.MustCompile(`(?m)^func (TestTrap\w+)`).FindAllSubmatch(testmodel.Read(t, file), -1) {
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
				before := testmodel.Read(t, path)
				must(t, os.WriteFile(path, []byte(strings.Replace(string(before), e.old, e.new, 1)), 0o644))
				defer os.WriteFile(path, before, 0o644)
			}
			cmd := exec.Command("go", append([]string{"test", "-count=1", "-run", "^TestTrap"}, trapPackages...)...)
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
