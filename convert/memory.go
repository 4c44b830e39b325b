package convert

import (
	"fmt"

	"github.com/pgcli/paligemma/internal/sysmem"
)

// headerBytes is for the program, the tokenizer and the descriptions of tensors.
const headerBytes = 256 << 20

// memory returns about the most bytes that the conversion holds: the chunks of the
// pipeline, the slices of arrays that are gathered from, and an adapter's matrices.
func (j *job) memory() (chunks, slabs, adapters int64) {
	elems := int64(chunkElems)
	for _, t := range j.tensors {
		elems = max(elems, int64(cols(t.shape))) // a chunk has a row at least
		if !t.place.stored() {
			slabs = max(slabs, int64(product(t.inner))*int64(t.from.typ.BlockBytes()))
		}
	}
	threads := int64(j.options.threads())
	chunks = 4 * elems * (2*(2*threads+2) + threads) // two buffers each, and a converter's values
	for _, l := range j.loras {
		for _, a := range l.ck.arrays() {
			adapters = max(adapters, int64(product(a.shape)))
		}
	}
	return chunks, 2 * slabs, 2 * 4 * adapters // A and B, in float32
}

// checkMemory refuses a conversion that takes more memory than it may.
func (j *job) checkMemory() error {
	limits := sysmem.Limits()
	if n := j.options.MemoryLimit; n > 0 {
		limits = []sysmem.Limit{{Name: "Options.MemoryLimit", Bytes: n}}
	}
	chunks, slabs, adapters := j.memory()
	need := headerBytes + chunks + slabs + adapters
	for _, l := range limits {
		if need > l.Bytes {
			return fmt.Errorf("%w: the conversion takes about %s (%s for buffers of %d threads, %s for arrays that are transposed, %s for adapters, %s for the program), and %v: use fewer threads",
				ErrNoMemory, sysmem.Size(need), sysmem.Size(chunks), j.options.threads(), sysmem.Size(slabs), sysmem.Size(adapters), sysmem.Size(headerBytes), l)
		}
	}
	return nil
}
