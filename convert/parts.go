package convert

import (
	"fmt"

	"github.com/pgcli/paligemma/gguf"
)

// splitOutput replaces the first output by its parts, if its tensors have more bytes
// than Options.SplitMaxSize. The tensors keep their order, so that the parts can be
// written in one pass, and [gguf.Join] gives the bytes of the whole file.
func (j *job) splitOutput() error {
	limit, whole := j.options.SplitMaxSize, j.plan.Outputs[0]
	if limit < 0 {
		return optionsError{fmt.Errorf("the most bytes of a part are %d, want a number above 0", limit)}
	}
	var parts []Output
	var room int64 // in the last part
	for _, t := range whole.Tensors {
		bytes := (t.Bytes + gguf.DefaultAlignment - 1) / gguf.DefaultAlignment * gguf.DefaultAlignment // gguf-split counts the padding
		if bytes > limit {
			return optionsError{fmt.Errorf("the tensor %s alone has %d bytes, more than the %d that a part may have, and a tensor is not split: allow parts of at least %[2]d bytes", t.Name, bytes, limit)}
		}
		if len(parts) == 0 || bytes > room {
			parts, room = append(parts, Output{}), limit
		}
		room -= bytes
		last := &parts[len(parts)-1]
		last.Tensors = append(last.Tensors, t)
	}
	if len(parts) < 2 {
		return nil
	}
	parts[0].Metadata = whole.Metadata
	for i, path := range gguf.PartPaths(whole.Path, len(parts)) {
		p := &parts[i]
		p.Path = path
		p.Metadata = append(p.Metadata[:len(p.Metadata):len(p.Metadata)],
			KV{gguf.SplitNumberKey, uint16(i)},
			KV{gguf.SplitCountKey, uint16(len(parts))},
			KV{gguf.SplitTensorsKey, int32(len(whole.Tensors))})
	}
	j.plan.Outputs = append(parts, j.plan.Outputs[1:]...)
	return nil
}
