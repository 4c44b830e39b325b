package paligemma

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/golden"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/kernels"
)

// What a float32 file may differ from the reference by.
const (
	exactTaps   = 1e-4 // norm of the difference over the norm
	exactLogits = 1e-3 // largest difference
)

// preciseTaps is what a file of a rounded type may differ from the reference
// by, which computes with the same rounded weights but in float32.
const preciseTaps = 2e-3

// roundedTaps is the same for products that round their other factor too. ggml
// rounds it to the weight's type: halves keep 11 bits of it, bfloat16 8, and
// Q8_0 steps of 1/127 of a block's largest value. Two or three blocks multiply
// that by about ten. "decoded" shows that all of the difference is of this kind:
// the same weights stored as float32 are exact.
var roundedTaps = map[string]float64{"f16": 5e-3, "bf16": 2e-2, "q8_0": 6e-2}

// TestOracle compares every checkpoint, in every type the reference ran in,
// with Hugging Face's implementation: each tap, the logits of several steps,
// and 64 greedy tokens, through both doors.
func TestOracle(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata/oracle", "*", "golden.json"))
	must(t, err)
	if len(names) < 6 {
		t.Fatalf("%d checkpoints in testdata/oracle, want at least 3 of each family", len(names))
	}
	eachDoor(t, func(t *testing.T, e EngineOptions) {
		for _, path := range names {
			name := filepath.Base(filepath.Dir(path))
			t.Run(name+"/f32", func(t *testing.T) {
				file := testmodel.Convert(t, name, convert.Options{Type: "f32"})
				for _, kernels := range []string{"auto", "off"} {
					compareOracle(t, file, name, "golden.safetensors", 0, Options{Engine: e, Kernels: kernels})
				}
			})
			for typ, tolerance := range roundedTaps {
				golden := "golden-" + typ + ".safetensors"
				if _, err := os.Stat(filepath.Join("testdata/oracle", name, golden)); errors.Is(err, fs.ErrNotExist) {
					continue // the reference ran in the checkpoint's own type only
				}
				t.Run(name+"/"+typ, func(t *testing.T) {
					file := testmodel.Convert(t, name, convert.Options{Type: typ})
					compareOracle(t, file, name, golden, tolerance, Options{Engine: e, Kernels: "off"})
					if len(kernels.Levels()) > 0 {
						compareOracle(t, file, name, golden, preciseTaps, Options{Engine: e, Kernels: "on", Precise: true})
					}
					t.Run("decoded", func(t *testing.T) {
						decoded := filepath.Join(t.TempDir(), "decoded.gguf")
						_, err := convert.Run(t.Context(), file, decoded, convert.Options{Type: "f32", Requantize: true, Engine: e.Library})
						must(t, err)
						compareOracle(t, decoded, name, golden, 0, Options{Engine: e})
					})
				})
			}
		}
	})
}

// compareOracle holds a converted file against a golden of the checkpoint. A
// tolerance of 0 asks for the same as a float32 file has to meet.
func compareOracle(t *testing.T, file, name, goldenFile string, tolerance float64, o Options) {
	t.Helper()
	set := testmodel.Golden(t, name, goldenFile)
	q := readQuestion(t, name)
	rec := &testmodel.Recorder{}
	o.CacheF32, o.Trace = true, rec.Trace
	m := open(t, file, o)
	c := &comparison{golden.NewComparer(t, set, max(tolerance, exactTaps)), tolerance > 0}

	var images []*Image
	for i, p := range q.pictures {
		img, err := m.Encode(t.Context(), p)
		must(t, err)
		images = append(images, img)
		prefix := ""
		if i > 0 {
			prefix = fmt.Sprintf("image%d.", i)
		}
		for _, tap := range rec.Take() {
			c.Check(prefix+tap.Name, tap.Shape, tap.Values)
		}
	}
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), images, q.prompt))
	checkIDs(t, m, q)
	logitsOf(t, s)
	lastBlock := fmt.Sprintf("blk.%d.", m.cfg.text.Layers-1)
	for _, tap := range rec.Take() {
		switch {
		case tap.Name == "logits":
			c.logits(tap.Name, tap)
		case tap.Name == "output_norm" || strings.HasPrefix(tap.Name, lastBlock):
			c.CheckLast(tap.Name, tap.Shape, tap.Values)
		default:
			c.Check(tap.Name, tap.Shape, tap.Values)
		}
	}
	c.steps(t, s, rec, set.Ints("tokens"))
	if c.rounded {
		c.Done("tokens")
	} else {
		c.Done()
	}
}

// checkIDs compares the prompt's ids with those the reference was given.
func checkIDs(t *testing.T, m *Model, q question) {
	t.Helper()
	var got []int64
	for range len(q.pictures) * m.cfg.ImageTokens {
		got = append(got, q.Image)
	}
	for _, id := range m.PromptIDs(q.prompt) {
		got = append(got, int64(id))
	}
	if !slices.Equal(got, q.IDs) {
		t.Errorf("prompt %q has ids %v, want %v", q.prompt, got, q.IDs)
	}
}

// A comparison of a file with the reference.
type comparison struct {
	*golden.Comparer
	rounded bool // the file's products round
}

func (c *comparison) logits(name string, tap testmodel.Tap) {
	if c.rounded {
		c.Check(name, tap.Shape, tap.Values)
	} else {
		c.CheckMax(name, tap.Shape, tap.Values, exactLogits)
	}
}

// steps generates 64 tokens, which must be the reference's. Where products
// round, the reference's are given instead, so that its logits can be compared
// whatever a near tie would have chosen.
func (c *comparison) steps(t *testing.T, s *Session, rec *testmodel.Recorder, want []int64) {
	t.Helper()
	var chosen []int32
	equal := 0
	for i := range want {
		logits := logitsOf(t, s)
		for _, tap := range rec.Take() {
			if tap.Name == "logits" && (i == 1 || i == 7 || i == 63) {
				c.logits(fmt.Sprintf("step_logits.%d", i), tap)
			}
		}
		_, id, err := greedy.Choose(logits, s.model.everything(), i)
		must(t, err)
		chosen = append(chosen, id)
		if int64(id) == want[i] {
			equal++
		}
		if c.rounded {
			id = int32(want[i])
		}
		must(t, s.Append(t.Context(), id))
	}
	t.Logf("%d of %d greedy tokens equal", equal, len(want))
	if !c.rounded {
		c.CheckInts("tokens", chosen)
	}
}
