package convert

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/pgcli/paligemma/gguf"
)

// A boundary is a moment of a conversion at which the arrays before it are in the output,
// and the next one is the first to be read.
type boundary struct {
	Plan   string // fingerprint
	Arrays int    // before it, in the order of reading
	Files  int    // remote ones before the one that is being read
	At     int64  // the next byte of that one
	Hash   []byte // of its bytes before
}

// notesPerFile is how often an output is made safe to go on with, at least; noteBytes is
// after how many bytes, at most.
const (
	notesPerFile = 16
	noteBytes    = 256 << 20
)

// A journal notes boundaries in the output of a conversion, which a later run goes on from.
// It is nil where that is not possible.
type journal struct {
	out  *gguf.FileWriter
	plan string
	ck   *shards
	done int // arrays that the output has from an earlier run

	every, since int64     // bytes of the output
	passed       *boundary // the last one that was passed
	noted        bool      // the output has a note
}

// remote returns the source if some of its files are remote, nil if none is.
func (j *job) remote() *shards {
	if s, ok := j.ck.(*shards); ok && len(s.arrivals) > 0 {
		return s
	}
	return nil
}

// checkRemote refuses options that read remote files more than once.
func (j *job) checkRemote() error {
	switch {
	case j.remote() == nil:
	case j.options.Verify:
		return fmt.Errorf("verifying reads the weights a second time: %w", ErrWhole)
	case j.options.Split:
		return fmt.Errorf("the id of two files that belong together depends on all weights: %w", ErrWhole)
	}
	return nil
}

// resumeOutput opens the only output of a plan, with what an earlier run has written of it,
// and sets the source to go on there.
func (j *job) resumeOutput(path string) (*gguf.FileWriter, *journal, error) {
	out, note, err := gguf.Resume(path, j.options.Force)
	if err != nil {
		return nil, nil, err
	}
	jr := &journal{out: out, plan: j.fingerprint(), ck: j.remote(), every: min(noteBytes, j.plan.Bytes()/notesPerFile)}
	b := &boundary{}
	if note == nil || json.Unmarshal(note, b) != nil || b.Plan != jr.plan {
		return out, jr, out.Restart()
	}
	if err := jr.ck.resume(b); err != nil {
		return out, jr, errors.Join(out.Restart(), err)
	}
	jr.passed, jr.noted, jr.done = b, true, b.Arrays
	return out, jr, nil
}

// boundary describes the moment before array i is read.
func (jr *journal) boundary(i int) (*boundary, error) {
	b := &boundary{Plan: jr.plan, Arrays: i, Files: jr.ck.finished}
	if b.Files == len(jr.ck.arrivals) {
		return b, nil
	}
	var err error
	a := jr.ck.arrivals[b.Files]
	b.At = a.at
	b.Hash, err = a.state()
	return b, err
}

// pass notes a boundary, before which n more bytes have been written, if many have been.
func (jr *journal) pass(b *boundary) error {
	jr.passed = b
	if jr.since < jr.every {
		return nil
	}
	return jr.note()
}

func (jr *journal) note() error {
	text, err := json.Marshal(jr.passed)
	if err != nil {
		return err
	}
	if err := jr.out.Note(text); err != nil {
		return err
	}
	jr.since, jr.noted = 0, true
	return nil
}

// keep leaves the output to the next run, if that can go on with it: the result is an
// UnfinishedError then, and otherwise err.
func (jr *journal) keep(err error) error {
	var values valuesError
	if jr == nil || errors.As(err, &values) || errors.Is(err, ErrContent) || errors.Is(err, ErrWhole) {
		return err
	}
	if jr.passed != nil && jr.passed.Arrays > 0 && jr.since > 0 {
		_ = jr.note() // a full disk keeps the note before
	}
	if !jr.noted {
		return err
	}
	name, closing := jr.out.Keep()
	return errors.Join(&UnfinishedError{Path: name, cause: err}, closing)
}

// An UnfinishedError reports a conversion of remote weights that broke off, and that [Run]
// with the same source, output and options goes on with.
type UnfinishedError struct {
	Path string // of what is converted so far

	cause error
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("%v; what is converted so far stays in %s, and the same command goes on with it", e.cause, e.Path)
}

func (e *UnfinishedError) Unwrap() error { return e.cause }

// fingerprint returns a hash of everything that the output's bytes depend on.
func (j *job) fingerprint() string {
	h := sha256.New()
	o := j.options
	fmt.Fprintf(h, "%q %q %q %q %q %q %v\n", o.Type, o.VisionType, o.EmbeddingType, o.TensorTypes, o.Tokenizer, o.Engine, o.Adapters)
	for _, out := range j.plan.Outputs {
		for _, kv := range out.Metadata {
			fmt.Fprintf(h, "%q %T %v\n", kv.Key, kv.Value, kv.Value)
		}
		for _, t := range out.Tensors {
			fmt.Fprintf(h, "%q %v %v %q\n", t.Name, t.Type, t.Shape, t.From)
		}
	}
	for _, a := range j.remote().arrivals {
		fmt.Fprintf(h, "%q %d %x\n", a.Name, a.Size, a.SHA256)
	}
	for _, path := range j.inputs() {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(h, "%q %d %v\n", path, info.Size(), info.ModTime())
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// groups returns the tensors by source, in the order in which they are read: that of the
// bytes of remote files, and the output's otherwise.
func (j *job) groups() [][]*tensor {
	groups := bySource(j.tensors)
	s := j.remote()
	if s == nil {
		return groups
	}
	place := map[string]int{}
	for i, a := range s.list {
		place[a.name] = i + 1
	}
	rank := func(group []*tensor) int {
		if group[0].ck != checkpoint(s) {
			return len(s.list) + 1
		}
		return place[group[0].from.name]
	}
	slices.SortStableFunc(groups, func(a, b []*tensor) int { return rank(a) - rank(b) })
	return groups
}
