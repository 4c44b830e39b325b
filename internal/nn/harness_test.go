package nn

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/internal/testengine"
)

// deviceVariable names the device of the shared engine to test with, such as
// Vulkan0; the CPU if empty.
const deviceVariable = "PALIGEMMA_TEST_DEVICE"

// openDoor returns the CPU behind a door, or the device that the environment
// names, or skips the test and says how to open the door.
func openDoor(t testing.TB, door bindings.Door) bindings.Device {
	t.Helper()
	path := ""
	if door == bindings.SharedLibrary {
		path = testengine.Shared(t)
	} else {
		t.Setenv("PALIGEMMA_GGML", "")
	}
	lib, err := bindings.Open(path)
	if door == bindings.BuiltIn && (errors.Is(err, bindings.ErrNoBuiltIn) || err == nil && lib.Door() != door) {
		t.Skip("no built-in ggml: this test binary was built with CGO_ENABLED=0")
	}
	must(t, err)
	if name := os.Getenv(deviceVariable); name != "" && door == bindings.SharedLibrary {
		dev, err := lib.Device(name)
		must(t, err)
		return dev
	}
	dev, err := lib.CPU()
	must(t, err)
	return dev
}

// eachDoor runs f once for each door.
func eachDoor(t *testing.T, f func(t *testing.T, dev bindings.Device)) {
	t.Helper()
	for _, door := range []bindings.Door{bindings.BuiltIn, bindings.SharedLibrary} {
		t.Run(string(door), func(t *testing.T) { f(t, openDoor(t, door)) })
	}
}

// must stops the test at an error that it does not expect.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newBackend returns a backend that the test closes at its end.
func newBackend(t testing.TB, dev bindings.Device, threads int) *Backend {
	t.Helper()
	b, err := NewBackend(dev, threads)
	must(t, err)
	t.Cleanup(func() { must(t, b.Close()) })
	return b
}

// newGraph returns a graph that the test closes at its end.
func newGraph(t testing.TB, b *Backend, nodes int, trace TraceFunc) *Graph {
	t.Helper()
	g, err := NewGraph(b, nodes, trace)
	must(t, err)
	t.Cleanup(func() { must(t, g.Close()) })
	return g
}

// newStore returns a store of zeros that the test closes at its end.
func newStore(t testing.TB, dev bindings.Device, specs ...Spec) *Store {
	t.Helper()
	s, err := NewStore(dev, "store", specs)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// compute runs a compiled graph.
func compute(t testing.TB, g *Graph) {
	t.Helper()
	must(t, g.Compute(context.Background()))
}

// get reads an f32 output.
func get(t testing.TB, g *Graph, x Tensor) []float32 {
	t.Helper()
	v := make([]float32, x.Len())
	must(t, Get(g, x, v))
	return v
}

// normal returns n normal numbers.
func normal(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// near fails unless got is within tol of want, relative to the root mean
// square of want.
func near(t testing.TB, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	var sum float64
	for _, v := range want {
		sum += v * v
	}
	scale := math.Sqrt(sum / float64(len(want)))
	for i := range want {
		if off := math.Abs(float64(got[i]) - want[i]); !(off <= tol*scale) {
			t.Fatalf("%s: value %d is %v, want %v: %.2g apart, allowed %.2g", what, i, got[i], want[i], off, tol*scale)
		}
	}
}

// wide widens to float64.
func wide(v []float32) []float64 {
	w := make([]float64, len(v))
	for i := range v {
		w[i] = float64(v[i])
	}
	return w
}

// anyDoor opens the built-in door, or else the shared-library door, for tests
// that do not depend on the door.
func anyDoor(t testing.TB) bindings.Device {
	t.Helper()
	t.Setenv("PALIGEMMA_GGML", "")
	if lib, err := bindings.Open(""); err == nil {
		dev, err := lib.CPU()
		must(t, err)
		return dev
	}
	return openDoor(t, bindings.SharedLibrary)
}

// page returns n bytes that start as a mapped file does: at the start of a
// page. (Go does not move its heap.)
func page(n int) []byte { return make([]byte, max(n, 64<<10))[:n:n] }
