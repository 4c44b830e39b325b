package convert

import (
	"runtime"
)

// Options say how to convert. The zero value is not enough: Type has no default.
type Options struct {
	Type          string   // of the text half: one of [Types]
	VisionType    string   // of tower and projector: one of [Types]; "" for the mix that goes with Type
	EmbeddingType string   // of token_embd.weight, and of an output head of its own: a tensor type such as "q8_0"; "" for the mix's
	TensorTypes   []string // "REGEX=TYPE" over GGUF names; the first that matches a tensor decides

	Tokenizer string    // tokenizer.model or tokenizer.json; "" looks beside the weights
	Adapters  []Adapter // merged in this order
	Name      string    // general.name; "" for the name of the source
	Resample  string    // "bicubic" or "bilinear"; "" for the filter that the source was trained with

	// Projector is the mmproj file beside a GGUF source that is the text half of
	// llama.cpp's two-file form; "" for every other source.
	Projector string

	// MaskDecoder is big_vision's vae-oid.npz, or a file with its names; "" for
	// the decoder of a GGUF source, if it has one, and otherwise for none. Without
	// a decoder, masks stay numbers.
	MaskDecoder string

	// Remote lists files of weights that a source folder lacks, and that arrive while they
	// are converted. A conversion that must read weights more than once is an ErrWhole. One
	// that breaks off leaves OUTPUT.unfinished.partial, and the next one with the same
	// source and options goes on with it, unless the output is in several files.
	Remote []Remote

	Split  bool // llama.cpp's two files: the text half, and mmproj-NAME beside it
	Force  bool // replace an existing output
	Verify bool // read the output again and compare

	// SplitMaxSize splits an output whose tensors have more bytes into parts that have
	// at most so many, named and numbered as llama.cpp's gguf-split does; 0 for one
	// file. The metadata, which the first part has, do not count. A projector that
	// Split writes stays whole, because llama.cpp reads no other.
	SplitMaxSize int64

	// Requantize allows a GGUF source whose tensors are quantized already, which
	// loses more than starting from the original.
	Requantize bool

	// MemoryLimit bounds the conversion's memory, in bytes: it fails with ErrNoMemory
	// rather than take more. 0 for what the system allows: on Linux the limit of
	// address space, those of control groups, and the machine's free memory.
	MemoryLimit int64

	Threads  int            // 0 for GOMAXPROCS
	Engine   string         // where ggml is, as for bindings.Open; "" for the built-in one
	Progress func(Progress) // called after every few megabytes, from one goroutine at a time; may be nil
}

// An Adapter is a LoRA adapter of PEFT, merged as its merge_and_unload does.
type Adapter struct {
	Dir   string  // with adapter_config.json and adapter_model.safetensors
	Scale float64 // multiplies the adapter's own; 1 applies it as trained, the only choice for weights that were trained as a whole
}

// Progress tells how far a conversion is.
type Progress struct {
	Verifying bool
	Tensor    string // just finished, or being written
	Done      int64  // bytes of tensor data
	Total     int64
}

func (o Options) threads() int {
	if o.Threads > 0 {
		return o.Threads
	}
	return runtime.GOMAXPROCS(0)
}
