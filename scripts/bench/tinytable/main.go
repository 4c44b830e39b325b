// Tinytable measures a checkpoint in every type that pgcli converts to: the
// quality of its answers on a data set, and the divergence from its own float32
// file. It prints a Markdown table.
//
//	go run ./scripts/bench/tinytable -checkpoint models/tiny -mask-decoder models/tiny/vae.npz -data build/heldout/data.jsonl
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/eval"
)

// A table holds the flags, and the state of the run.
type table struct {
	checkpoint, maskDecoder, data, types string
	limit, threads                       int

	dir string // folder of the converted files
	set *eval.DataSet
}

func main() {
	log.SetFlags(0)
	var t table
	flag.StringVar(&t.checkpoint, "checkpoint", "models/tiny", "Hugging Face `folder` or .npz to convert")
	flag.StringVar(&t.maskDecoder, "mask-decoder", "", "`file` with the decoder of masks")
	flag.StringVar(&t.data, "data", "", "data set, as pgcli eval reads it (`file`)")
	flag.StringVar(&t.types, "types", strings.Join(convert.Types(), " "), "types, f32 first")
	flag.IntVar(&t.limit, "limit", 0, "`lines` of the data set (0: all)")
	flag.IntVar(&t.threads, "threads", 1, "CPU `threads`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := t.print(ctx, os.Stdout); err != nil {
		log.Fatal("tinytable: ", err)
	}
}

func (t *table) print(ctx context.Context, w io.Writer) (err error) {
	if t.set, err = eval.Open(ctx, t.data, t.limit); err != nil {
		return err
	}
	if t.dir, err = os.MkdirTemp("", "tinytable-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(t.dir)) }()
	reference, _, err := t.open(ctx, "f32")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reference.Close()) }()
	fmt.Fprintf(w, "%d questions. KL is D(F32 || type) in nats, over all places of the F32 file's own answers; \"same\" is how often\n", t.set.Len())
	fmt.Fprintf(w, "the likeliest token is that of F32; \"boxes\" is the mean IoU of its boxes with those of F32.\n\n")
	fmt.Fprintln(w, "| type | MiB | caption | answer | OCR | F1 | box IoU | mask IoU | malformed | KL mean | KL 99 % | KL max | same, words | loc | seg | boxes |")
	fmt.Fprintln(w, "|"+strings.Repeat(" --- |", 16))
	for _, typ := range strings.Fields(t.types) {
		if err := t.row(ctx, w, reference, typ); err != nil {
			return fmt.Errorf("%s: %w", typ, err)
		}
	}
	return nil
}

// open converts the checkpoint to a type and opens the file. It returns the
// model, which the caller closes, and the size of the file in bytes.
func (t *table) open(ctx context.Context, typ string) (*paligemma.Model, int64, error) {
	path := filepath.Join(t.dir, typ+".gguf")
	if _, err := convert.Run(ctx, t.checkpoint, path, convert.Options{Type: typ, MaskDecoder: t.maskDecoder, Force: true}); err != nil {
		return nil, 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	m, err := paligemma.Open(path, &paligemma.Options{Threads: t.threads})
	return m, info.Size(), err
}

func (t *table) row(ctx context.Context, w io.Writer, reference *paligemma.Model, typ string) (err error) {
	m, size, err := t.open(ctx, typ)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	log.Printf("%s: answering", typ)
	r, err := eval.Run(ctx, m, t.set, nil)
	if err != nil {
		return err
	}
	log.Printf("%s: comparing", typ)
	c, err := eval.Compare(ctx, reference, m, t.set, nil)
	if err != nil {
		return err
	}
	exact := map[eval.Task]string{}
	var detect, segment eval.ObjectReport
	for _, task := range r.Tasks {
		exact[task.Task] = fmt.Sprintf("%.3f", task.Exact)
		switch task.Task {
		case eval.Detect:
			detect = *task.Objects
		case eval.Segment:
			segment = *task.Objects
		}
	}
	mask := ""
	if segment.MaskIoU != nil {
		mask = fmt.Sprintf("%.3f", *segment.MaskIoU)
	}
	_, err = fmt.Fprintf(w, "| %s | %.1f | %s | %s | %s | %.3f | %.3f | %s | %d | %.2g | %.2g | %.2g | %.4f | %.4f | %.4f | %.3f |\n",
		typ, float64(size)/(1<<20), exact[eval.Caption], exact[eval.Answer], exact[eval.OCR], detect.F1, detect.BoxIoU, mask,
		detect.Malformed+segment.Malformed, c.All.Mean, c.All.P99, c.All.Max, c.Words.Agreement, c.Loc.Agreement, c.Seg.Agreement, c.BoxIoU)
	return err
}
