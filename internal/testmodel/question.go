package testmodel

import (
	"encoding/json"
	"image"
	"image/color"
	"math"
	"path/filepath"
	"slices"
	"testing"
)

// A Question is what the oracle asked a checkpoint.
type Question struct {
	Prompt   string
	Pictures []image.Image
	Soft     [][]float32 // soft tokens [d, n] of each picture, as the reference computed them
	IDs      []int64     // <image> for each soft token, then those of the prompt
	Tokens   []int64     // 64 greedy ones
	Image    int64       // id of <image>, one past the tokenizer's pieces
}

// ReadQuestion reads the question to a checkpoint of the oracle.
func ReadQuestion(t testing.TB, name string) Question {
	t.Helper()
	var about struct {
		Prompt string
		Pieces int64
	}
	must(t, json.Unmarshal(Read(t, Oracle(name, "golden.json")), &about))
	set := Golden(t, name, "golden.safetensors")
	q := Question{Prompt: about.Prompt, IDs: set.Ints("ids"), Tokens: set.Ints("tokens"), Image: about.Pieces}
	for _, key := range set.Names() { // sorted: image1.pixels comes before pixels
		shape, px := set.Get(key)
		at := -1
		if key == "pixels" {
			at = 0
		} else if ok, _ := filepath.Match("image*.pixels", key); ok {
			at = len(q.Pictures)
		}
		if at >= 0 {
			_, soft := set.Get(key[:len(key)-len("pixels")] + "mm.out")
			q.Pictures = slices.Insert(q.Pictures, at, Picture(shape, px))
			q.Soft = slices.Insert(q.Soft, at, soft)
		}
	}
	return q
}

// PromptIDs returns the ids of the prompt, which follow the soft tokens.
func (q Question) PromptIDs() []int32 {
	var ids []int32
	for _, id := range q.IDs {
		if id != q.Image {
			ids = append(ids, int32(id))
		}
	}
	return ids
}

// Picture turns pixels [w, h, 3], which lie on the grid of 8 bits, back into
// the picture they came from.
func Picture(shape []int, px []float32) image.Image {
	w, h := shape[0], shape[1]
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		sample := func(c int) uint8 { return uint8(math.Round(float64(px[c*w*h+i]+1) * 127.5)) }
		m.SetNRGBA(i%w, i/w, color.NRGBA{sample(0), sample(1), sample(2), 255})
	}
	return m
}
