// Kernels compares the matrix products of package kernels with ggml's own, in
// one process and in turns. It prints a table of both speeds, the median of the
// rounds' ratios, and the share of the processor's limit that ours reach. Errors
// are relative to float64 products of the same weights; 8 channels of activations
// are outliers, 20 times the rest.
//
// Nothing else should run on the machine, and ggml should be built with the flags
// of make. Packed weights lie in huge pages; the variable does the same for ggml's:
//
//	GLIBC_TUNABLES=glibc.malloc.hugetlb=1 go run ./scripts/kernels
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

var types = []gguf.Type{gguf.Q8_0, gguf.Q4_0, gguf.Q4_K, gguf.Q5_K, gguf.Q6_K, gguf.IQ4_NL,
	gguf.F16, gguf.BF16, gguf.F32}

func main() {
	log.SetFlags(0)
	log.SetPrefix("kernels: ")
	threads := flag.Int("t", runtime.NumCPU(), "threads of either side")
	rounds := flag.Int("r", 7, "rounds")
	level := flag.String("kernels", "", "level of instructions; the fastest if empty")
	only := flag.String("types", "q8_0,q4_0,q4_K", "types of weights, or all")
	shapes := flag.String("shapes", "16384x2048x272,2048x16384x272,4352x1152x256,1152x4352x256,16384x2048x1,16384x2048x4",
		"rows x columns x tokens")
	size := flag.Int("size", 800, "MB of weights that products of few tokens read, more than any cache holds")
	flag.Parse()
	if err := run(*threads, *rounds, *level, *only, *shapes, *size<<20); err != nil {
		log.Fatal(err)
	}
}

func run(threads, rounds int, level, only, shapes string, size int) error {
	chosen := kernels.Auto
	if level != "" {
		var err error
		if chosen, err = kernels.ParseLevel(level); err != nil {
			return err
		}
	}
	lib, err := bindings.Open("")
	if err != nil {
		return err
	}
	dev, err := lib.CPU()
	if err != nil {
		return err
	}
	pool, err := kernels.NewPool(threads)
	if err != nil {
		return err
	}
	limits, err := pool.Limits(chosen)
	pool.Close()
	if err != nil {
		return err
	}
	fmt.Printf("%d threads; limits: int8 %.0f Gop/s, float32 %.0f Gop/s, reading %.1f GB/s\n\n",
		threads, limits.Int8/1e9, limits.Float/1e9, limits.Read/1e9)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "type\tproduct\tggml\tours\t\tratio\tof limit\terror ggml\tours")
	for _, shape := range strings.Split(shapes, ",") {
		var s product
		if _, err := fmt.Sscanf(shape, "%dx%dx%d", &s.m, &s.k, &s.n); err != nil {
			return fmt.Errorf("shape %q: want rows x columns x tokens", shape)
		}
		for _, t := range types {
			if only != "all" && !strings.Contains(","+only+",", ","+t.String()+",") {
				continue
			}
			s.typ = t
			r, err := s.compare(dev, threads, rounds, chosen, size)
			if err != nil {
				return fmt.Errorf("%v %s: %w", t, shape, err)
			}
			r.print(w, s, limits)
			w.Flush()
		}
	}
	return nil
}
