package paligemma

import (
	"bytes"
	"math"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestHeadOfItsOwn reads an output head beside the embedding: with the embedding's
// rows in another order, the logits are in that order too, and the likeliest token
// moves with them, through both doors and all ways to compute a head.
func TestHeadOfItsOwn(t *testing.T) {
	const shift = 101 // no multiple of a run's 64 rows
	tied := testmodel.OracleParts(t, "pg2-a")
	own := testmodel.OracleParts(t, "pg2-a")
	i := own.Index(t, "token_embd.weight")
	x, data := own.Tensors[i], own.Data["token_embd.weight"]
	at := shift * len(data) / x.Shape[1]
	own.Tensors = append(own.Tensors, gguf.Tensor{Name: hparams.HeadName, Type: x.Type, Shape: x.Shape})
	own.Data[hparams.HeadName] = append(bytes.Clone(data[at:]), data[:at]...)
	q := readQuestion(t, "pg2-a")
	eachDoor(t, func(t *testing.T, e EngineOptions) {
		for _, kernels := range []string{"off", "auto"} {
			logits, first := map[*testmodel.Parts][]float32{}, map[*testmodel.Parts]int32{}
			for _, p := range []*testmodel.Parts{tied, own} {
				m, err := New(p.File(t), &Options{Engine: e, Threads: 1, CacheF32: true, Kernels: kernels})
				must(t, err)
				t.Cleanup(func() { must(t, m.Close()) })
				s := newSession(t, m)
				must(t, s.Prefill(t.Context(), encodeAll(t, m, q.pictures), q.prompt))
				logits[p] = logitsOf(t, s)
				first[p] = ids(collect(t, s, nil, 1))[0]
			}
			n := len(logits[own])
			for id, got := range logits[own] {
				if want := logits[tied][(id+shift)%n]; math.Abs(float64(got-want)) > 1e-5 {
					t.Fatalf("kernels %s: logit %d is %v, want %v", kernels, id, got, want)
				}
			}
			if got := (int(first[own]) + shift) % n; got != int(first[tied]) {
				t.Errorf("kernels %s: the likeliest token is row %d of the embedding, want %d", kernels, got, first[tied])
			}
		}
	})
}
