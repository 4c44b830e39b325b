package paligemma

import (
	"context"
	"encoding/json"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/golden"
)

// Variables that steer the tests of the shared-library door.
const (
	engineVariable  = "PALIGEMMA_TEST_ENGINE"    // the library or folder to test with
	requireVariable = "PALIGEMMA_REQUIRE_ENGINE" // if 1, its absence is a failure
	deviceVariable  = "PALIGEMMA_TEST_DEVICE"    // the device in it for TestDevice, such as Vulkan0
)

// oracleDir holds tiny checkpoints and what transformers computes with them;
// scripts/oracle/make.py wrote it.
const oracleDir = "testdata/oracle"

// eachDoor runs f once for each way into ggml.
func eachDoor(t *testing.T, f func(t *testing.T, e EngineOptions)) {
	t.Run("built-in", func(t *testing.T) {
		t.Setenv("PALIGEMMA_GGML", "")
		lib, err := bindings.Open("")
		if err != nil || lib.Door() != bindings.BuiltIn {
			t.Skip("no built-in ggml: this test binary was built with CGO_ENABLED=0")
		}
		f(t, EngineOptions{})
	})
	t.Run("shared library", func(t *testing.T) { f(t, EngineOptions{Library: enginePath(t)}) })
}

// enginePath finds the third-party ggml that the shared-library door is tested
// with, or skips the test and says what to do.
func enginePath(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(engineVariable); path != "" {
		return path
	}
	path := filepath.Join(".engines", "linux-x64")
	if _, err := os.Stat(path); err == nil && runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		return path
	}
	const absent = "no shared ggml to test with: run `make engines`, or set " + engineVariable + " to a ggml library or its folder"
	if os.Getenv(requireVariable) == "1" {
		t.Fatal(absent)
	}
	t.Skip(absent)
	return ""
}

// anyEngine returns whichever ggml there is, the built-in one first, or skips
// the test.
func anyEngine(t testing.TB) EngineOptions {
	t.Helper()
	if lib, err := bindings.Open(""); err == nil && lib.Door() == bindings.BuiltIn {
		return EngineOptions{}
	}
	return EngineOptions{Library: enginePath(t)}
}

// convertOracle converts a checkpoint of the oracle and returns the file.
func convertOracle(t testing.TB, name string, o convert.Options) string {
	t.Helper()
	dst := filepath.Join(t.TempDir(), name+".gguf")
	if o.Engine == "" {
		o.Engine = anyEngine(t).Library
	}
	_, err := convert.Run(context.Background(), filepath.Join(oracleDir, name), dst, o)
	must(t, err)
	return dst
}

// open opens a model that the test closes at its end; nothing native may be
// left then.
func open(t testing.TB, path string, o Options) *Model {
	t.Helper()
	if o.Engine.Library == "" {
		o.Engine = anyEngine(t)
	}
	if o.Threads == 0 {
		o.Threads = 1 // threads of a tiny graph mostly wait for each other
	}
	m, err := Open(path, &o)
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	return m
}

// openOracle opens a checkpoint of the oracle, in float32 all through.
func openOracle(t testing.TB, name string, o Options) *Model {
	t.Helper()
	o.CacheF32 = true
	return open(t, convertOracle(t, name, convert.Options{Type: "f32"}), o)
}

// newSession opens a session that the test closes at its end.
func newSession(t testing.TB, m *Model) *Session {
	t.Helper()
	s, err := m.NewSession()
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// A question is what the oracle asked a checkpoint.
type question struct {
	prompt   Prompt
	pictures []image.Image
	ids      []int64 // <image> for each soft token, then those of the prompt
	tokens   []int64 // 64 greedy ones
	image    int64   // id of <image>, one past the tokenizer's pieces
}

func readQuestion(t testing.TB, name string) question {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(oracleDir, name, "golden.json"))
	must(t, err)
	var about struct {
		Prompt string
		Pieces int64
	}
	must(t, json.Unmarshal(data, &about))
	set := loadGolden(t, name, "golden.safetensors")
	q := question{prompt: Prompt(about.Prompt), ids: set.Ints("ids"), tokens: set.Ints("tokens"), image: about.Pieces}
	for _, key := range set.Names() { // sorted: image1.pixels comes before pixels
		if shape, px := set.Get(key); key == "pixels" {
			q.pictures = slices.Insert(q.pictures, 0, picture(shape, px))
		} else if ok, _ := filepath.Match("image*.pixels", key); ok {
			q.pictures = append(q.pictures, picture(shape, px))
		}
	}
	return q
}

func loadGolden(t testing.TB, name, file string) *golden.Set {
	t.Helper()
	set, err := golden.Load(filepath.Join(oracleDir, name, file))
	must(t, err)
	return set
}

// picture turns pixels [w, h, 3], which lie on the grid of 8 bits, back into
// the picture they came from.
func picture(shape []int, px []float32) image.Image {
	w, h := shape[0], shape[1]
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		sample := func(c int) uint8 { return uint8(math.Round(float64(px[c*w*h+i]+1) * 127.5)) }
		m.SetNRGBA(i%w, i/w, color.NRGBA{sample(0), sample(1), sample(2), 255})
	}
	return m
}

// encodeAll encodes pictures.
func encodeAll(t testing.TB, m *Model, pictures []image.Image) []*Image {
	t.Helper()
	var images []*Image
	for _, p := range pictures {
		img, err := m.Encode(t.Context(), p)
		must(t, err)
		images = append(images, img)
	}
	return images
}

// answer returns the ids that a session generates after a prompt.
func answer(t testing.TB, s *Session, images []*Image, p Prompt, sm *Sampling) []int32 {
	t.Helper()
	r, err := s.Run(t.Context(), images, p, sm)
	must(t, err)
	return ids(r.Tokens)
}

func ids(tokens []Token) []int32 {
	list := make([]int32, len(tokens))
	for i, t := range tokens {
		list[i] = t.ID
	}
	return list
}

// logitsOf returns the logits [vocabulary] of a session's next token.
func logitsOf(t testing.TB, s *Session) []float32 {
	t.Helper()
	logits, err := s.logits(t.Context(), s.model.everything())
	must(t, err)
	return slices.Clone(logits)
}

// must stops the test at an error that it does not expect.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// distance is the norm of the difference over the norm of want.
func distance(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var diff, norm float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		diff, norm = diff+d*d, norm+float64(want[i])*float64(want[i])
	}
	return math.Sqrt(diff / norm)
}

// farthest is the largest difference of two values; NaN if any is.
func farthest(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range want {
		most = max(most, math.Abs(float64(got[i])-float64(want[i])))
	}
	return most
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

// projectorOf names the second file of llama.cpp's form.
func projectorOf(path string) string {
	return filepath.Join(filepath.Dir(path), "mmproj-"+filepath.Base(path))
}
