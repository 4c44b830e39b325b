package paligemma

import (
	"errors"
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/testengine"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/models"
)

// TestDevice answers questions about the demo's pictures on the device that the
// environment names and on the CPU, with the weights of the embedded model.
//
// The logits differ by the order of sums alone. ggml's CPU rounds activations to
// 8 bits for products with Q8_0, where a GPU unpacks the weights: so on the CPU
// the embedded model runs with its weights unpacked to float32.
func TestDevice(t *testing.T) {
	device := os.Getenv(deviceVariable)
	if device == "" {
		t.Skip("no device to test: run `make test-vulkan`, or set " + deviceVariable + " to one of the ggml in " + testengine.Variable)
	}
	engine := EngineOptions{Library: testengine.Shared(t)}
	const tolerance = 1e-3
	embedded := filepath.Join(t.TempDir(), "embedded.gguf")
	must(t, os.WriteFile(embedded, models.Tiny(), 0o666))
	float := func(src string) []byte {
		dst := filepath.Join(t.TempDir(), "float.gguf")
		_, err := convert.Run(t.Context(), src, dst, convert.Options{Type: "f32", Requantize: true, Engine: engine.Library})
		must(t, err)
		return testmodel.Read(t, dst)
	}
	original := float("models/tiny")
	for _, c := range []struct {
		name           string
		file, unpacked []byte
	}{{"float32", original, original}, {"Q8_0", models.Tiny(), float(embedded)}} {
		t.Run(c.name, func(t *testing.T) {
			far := 0.0
			with := func(device string, file []byte) *Session {
				m, err := New(file, &Options{Engine: engine, Device: device, Threads: 1, Kernels: "off", CacheF32: true})
				must(t, err)
				t.Cleanup(func() { must(t, m.Close()) })
				return newSession(t, m)
			}
			there, here := with(device, c.file), with("", c.unpacked)
			if name := there.model.device.Name(); name != device {
				t.Fatalf("the model is on %s, want %s", name, device)
			}
			for _, name := range []string{"scene-05.jpg", "scene-21.jpg"} {
				img := demoPicture(t, here.model, name)
				for _, p := range []Prompt{Caption("en"), Answer("en", "where is the moon?"), OCR(), Detect("star", "circle")} {
					var answers [2]*Result
					var logits [2][]float32
					for i, s := range []*Session{there, here} {
						images := encodeAll(t, s.model, []image.Image{img})
						must(t, s.Prefill(t.Context(), images, p))
						logits[i] = logitsOf(t, s)
						var err error
						answers[i], err = s.Run(t.Context(), images, p, &Sampling{MaxTokens: 40, AnyText: true})
						must(t, err)
					}
					d := testmodel.Distance(logits[0], logits[1])
					if far = max(far, d); !(d <= tolerance) {
						t.Errorf("%s: %s: logits are %.2g from the CPU's, allowed %.2g", name, p, d, tolerance)
					}
					if answers[0].Text != answers[1].Text || answers[0].Text == "" {
						t.Errorf("%s: %s: %q on %s, %q on the CPU", name, p, answers[0].Text, device, answers[1].Text)
					}
					t.Logf("%s: %s: %q", name, p, answers[0].Text)
				}
			}
			t.Logf("logits are at most %.2g from the CPU's", far)
		})
	}
}

// demoPicture reads one of the pictures that the demo shows.
func demoPicture(t testing.TB, m *Model, name string) image.Image {
	t.Helper()
	f, err := os.Open(filepath.Join("cmd/pgcli/demo", name))
	must(t, err)
	img, err := m.ReadImage(f)
	must(t, errors.Join(err, f.Close()))
	return img
}
