package paligemma

import (
	"image"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/sample"
	"github.com/pgcli/paligemma/internal/testengine"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/models"
)

// deviceVariable names the device of the shared engine for TestDevice, such as
// Vulkan0.
const deviceVariable = "PALIGEMMA_TEST_DEVICE"

// eachDoor runs f once for each way into ggml.
func eachDoor(t *testing.T, f func(t *testing.T, e EngineOptions)) {
	t.Run("built-in", func(t *testing.T) {
		t.Setenv("PALIGEMMA_GGML", "")
		if !testmodel.HasBuiltIn() {
			t.Skip("no built-in ggml: this test binary was built with CGO_ENABLED=0")
		}
		f(t, EngineOptions{})
	})
	t.Run("shared library", func(t *testing.T) { f(t, EngineOptions{Library: testengine.Shared(t)}) })
}

// anyEngine returns whichever ggml there is, the built-in one first, or skips
// the test.
func anyEngine(t testing.TB) EngineOptions {
	t.Helper()
	return EngineOptions{Library: testmodel.Engine(t)}
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
	return open(t, testmodel.Convert(t, name, convert.Options{Type: "f32"}), o)
}

// openParts opens the parts of a file, with a cache in float32.
func openParts(t testing.TB, p *testmodel.Parts, o Options) *Model {
	t.Helper()
	o.Engine, o.CacheF32 = anyEngine(t), true
	if o.Threads == 0 {
		o.Threads = 1
	}
	m, err := New(p.File(t), &o)
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	return m
}

// openTiny opens the embedded model, which is trained.
func openTiny(t testing.TB, o Options) *Model {
	t.Helper()
	o.Engine, o.Threads = anyEngine(t), 1
	m, err := New(models.Tiny(), &o)
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	return m
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
	testmodel.Question
	prompt   Prompt
	pictures []image.Image
	tokens   []int64 // 64 greedy ones
}

func readQuestion(t testing.TB, name string) question {
	t.Helper()
	q := testmodel.ReadQuestion(t, name)
	return question{q, Prompt(q.Prompt), q.Pictures, q.Tokens}
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
	logits, err := s.Logits(t.Context())
	must(t, err)
	return slices.Clone(logits)
}

// greedy takes the likeliest token.
var greedy = sample.New(sample.Options{})

func softmax(x []float64) []float64 {
	p, sum := make([]float64, len(x)), 0.0
	for i := range x {
		p[i] = math.Exp(x[i] - slices.Max(x))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// must stops the test at an error that it does not expect.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// projectorOf names the second file of llama.cpp's form.
func projectorOf(path string) string {
	return filepath.Join(filepath.Dir(path), "mmproj-"+filepath.Base(path))
}
