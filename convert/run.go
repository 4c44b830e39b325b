package convert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/newfile"
)

// A Report describes a conversion that has ended well.
type Report struct {
	*Plan
	Elapsed  time.Duration // of writing, without the verification
	Verified bool
}

// Run converts the checkpoint src to the GGUF file dst, see the package
// documentation. The new file has a temporary name until it is whole and on the
// disk. On an error, and when ctx ends, Run removes it, and an older file dst is as
// it was.
func Run(ctx context.Context, src, dst string, o Options) (*Report, error) {
	report, err := run(ctx, src, dst, o)
	if err != nil {
		return nil, fmt.Errorf("convert: %w", err)
	}
	return report, nil
}

func run(ctx context.Context, src, dst string, o Options) (*Report, error) {
	j, err := newJob(ctx, src, dst, o)
	if err != nil {
		return nil, err
	}
	defer j.close()
	if err := j.checkRemote(); err != nil {
		return nil, err
	}
	if err := j.checkOutputs(); err != nil {
		return nil, err
	}
	if err := j.checkMemory(); err != nil {
		return nil, err
	}
	ggml, err := openEngine(o.Engine, j.tensors)
	if err != nil {
		return nil, err
	}
	report := &Report{Plan: j.plan, Verified: o.Verify}
	return report, j.write(ctx, ggml, report)
}

// checkOutputs refuses to write over an input, or over anything unless forced.
func (j *job) checkOutputs() error {
	inputs := j.inputs()
	for _, out := range j.plan.Outputs {
		if newfile.Input(out.Path, inputs...) != "" {
			return fmt.Errorf("%s is an input of the conversion and cannot be its output", out.Path)
		}
		if _, err := os.Lstat(out.Path); err == nil && !j.options.Force {
			return fmt.Errorf("%s %w", out.Path, ErrExists)
		}
	}
	return nil
}

// inputs lists the files that a conversion reads.
func (j *job) inputs() []string {
	paths := append(j.ck.paths(), j.options.Tokenizer)
	if j.masks != nil {
		paths = append(paths, j.masks.paths()...)
	}
	dirs := []string{j.plan.Source, filepath.Dir(j.plan.Source)}
	if j.options.Tokenizer != "" {
		dirs = append(dirs, filepath.Dir(j.options.Tokenizer)) // files beside it may add tokens
	}
	for _, l := range j.loras {
		paths = append(paths, l.ck.paths()...)
		dirs = append(dirs, filepath.Dir(l.config.path))
	}
	for _, dir := range dirs {
		for _, name := range slices.Concat(besideWeights, tokenizerNames) {
			paths = append(paths, filepath.Join(dir, name)) // those that exist are compared
		}
	}
	return paths
}

// besideWeights are the files that a conversion reads beside weights and tokenizers.
var besideWeights = []string{
	"config.json", adapterName, indexName, imageProcessorName, processorName, generationName,
	tokenizerConfig, addedTokens, specialTokens,
}

// write makes the outputs, and reads them again if the options say so. They get
// their names only when all of it has succeeded.
func (j *job) write(ctx context.Context, ggml *engine, report *Report) (err error) {
	start := time.Now()
	s := &fileSink{files: map[*tensor]*gguf.FileWriter{}}
	var writers []*gguf.FileWriter
	var jr *journal
	defer func() { // removes files that are not committed
		for _, w := range writers {
			err = errors.Join(err, w.Close())
		}
	}()
	for _, out := range j.plan.Outputs {
		w, err := j.create(out.Path, &jr)
		if w != nil {
			writers = append(writers, w)
		}
		if err != nil {
			return err
		}
		for _, name := range w.Removed() {
			j.plan.Notes = append(j.plan.Notes, name+" was left by a run that was killed, and is removed")
		}
		for _, kv := range out.Metadata {
			w.Add(kv.Key, kv.Value)
		}
		for _, t := range out.Tensors {
			w.AddTensor(t.Name, t.Type, t.Shape...)
			s.files[t.tensor] = w
		}
		if err := w.WriteHeader(); err != nil {
			return err
		}
	}
	if err := j.pass(ctx, ggml, s, jr, false); err != nil {
		return jr.keep(err)
	}
	report.Elapsed = time.Since(start)
	if j.options.Verify {
		if err := j.verify(ctx, ggml, writers); err != nil {
			return err
		}
	}
	return gguf.CommitAll(writers...)
}

// create starts an output. It sets jr if a later run may go on with it.
func (j *job) create(path string, jr **journal) (w *gguf.FileWriter, err error) {
	switch {
	case j.remote() != nil && len(j.plan.Outputs) == 1:
		w, *jr, err = j.resumeOutput(path)
		return w, err
	case j.options.Force:
		return gguf.Create(path)
	}
	return gguf.CreateNew(path)
}

// pass sends the tensors that jr does not know to be done through a pipeline to s.
func (j *job) pass(ctx context.Context, ggml *engine, s sink, jr *journal, verifying bool) error {
	p := &pipeline{groups: j.groups(), remote: j.remote(), journal: jr, ggml: ggml, threads: j.options.threads(), sink: s}
	var before int64
	if jr != nil {
		p.first = min(jr.done, len(p.groups))
	}
	for _, group := range p.groups[:p.first] {
		for _, t := range group {
			before += t.bytes(product(t.shape))
			if err := jr.out.Skip(t.name); err != nil {
				return err
			}
		}
	}
	if j.options.Progress != nil {
		progress := Progress{Verifying: verifying, Done: before, Total: j.plan.Bytes()}
		p.done = func(t *tensor, n int64) {
			progress.Tensor = t.name
			progress.Done += n
			j.options.Progress(progress)
		}
	}
	return p.run(ctx)
}

// A fileSink writes tensors to the files they belong to.
type fileSink struct {
	files map[*tensor]*gguf.FileWriter
	now   *gguf.TensorWriter
}

func (s *fileSink) begin(t *tensor) (err error) {
	s.now, err = s.files[t].Tensor(t.name)
	return err
}

func (s *fileSink) write(p []byte) error {
	_, err := s.now.Write(p)
	return err
}

func (s *fileSink) end() error { return s.now.Close() }
