//go:build cgo

package nn_test

import (
	"context"
	"fmt"
	"log"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/nn"
)

// A graph is built once, compiled, and computed as often as needed.
func ExampleGraph() {
	lib, err := bindings.Open("") // the built-in ggml
	if err != nil {
		log.Fatal(err)
	}
	dev, err := lib.CPU()
	if err != nil {
		log.Fatal(err)
	}
	backend, err := nn.NewBackend(dev, 1)
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Close()
	g, err := nn.NewGraph(backend, 16, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer g.Close()

	table := g.Input("table", gguf.F32, 4, 3) // three rows of four
	ids := g.Input("ids", gguf.I32, 1)
	y := g.Affine(g.GetRows(table, ids), 3, -3) // [4, 1]
	if err := g.Compile(y); err != nil {
		log.Fatal(err)
	}
	if err := nn.Set(g, table, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(nn.Set(g, ids, []int32{3}))
	for row := range int32(2) {
		if err := nn.Set(g, ids, []int32{row}); err != nil {
			log.Fatal(err)
		}
		if err := g.Compute(context.Background()); err != nil {
			log.Fatal(err)
		}
		out := make([]float32, y.Len())
		if err := nn.Get(g, y, out); err != nil {
			log.Fatal(err)
		}
		fmt.Println(out)
	}
	// Output:
	// nn: set "ids": value 0 is 3, want a row from 0 to 2
	// [-3 0 3 6]
	// [9 12 15 18]
}

// The first wrong call of a graph is its error; what follows does nothing.
func ExampleGraph_Err() {
	lib, err := bindings.Open("")
	if err != nil {
		log.Fatal(err)
	}
	dev, err := lib.CPU()
	if err != nil {
		log.Fatal(err)
	}
	backend, err := nn.NewBackend(dev, 1)
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Close()
	g, err := nn.NewGraph(backend, 16, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer g.Close()

	w, x := g.Input("w", gguf.F32, 8, 5), g.Input("x", gguf.F32, 7, 2)
	y := g.Scope("v.blk", 3).MulMat(w, x)
	y = g.Scope("v.blk", 4).Norm(y, 1e-6)
	fmt.Println(g.Compile(y))
	// Output:
	// nn: v.blk.3.mul_mat: f32 [8 5] by f32 [7 2]: rows of 8 and 7
}
