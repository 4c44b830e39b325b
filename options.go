package paligemma

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/pgcli/paligemma/internal/imageproc"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/kernels"
)

// DefaultPatience is Options.Patience if that is 0. With it a running answer gets
// several tokens a second beside anybody's pictures and prompts.
const DefaultPatience = 50 * time.Millisecond

// Options choose how a model runs. The zero value is useful.
type Options struct {
	Engine    EngineOptions // which ggml
	Projector string        // file of the tower, when it is apart from the decoder (llama.cpp's two-file form)
	NoMmap    bool          // read the whole file, and leave it alone after Open: see the package's documentation
	Device    string        // a name from LoadEngine; "" picks the CPU
	Threads   int           // CPU threads of the model, whoever computes; 0 means one per fast physical core; at most one per processor is started
	Kernels   string        // "auto" or "" for our own where they serve, "on" to insist, "off" for ggml's alone, or a level of Engine.Kernels
	Precise   bool          // kernels round activations to 16 bits, not 8, where weights are quantized, and not at all where they are bfloat16: nearly exact, slower
	Context   int           // tokens of a session; 0 means those of a picture + 512, at most what the model was trained for
	Batch     int           // tokens of a prompt computed at a time; 0 means 512. It changes speed and memory only.
	CacheF32  bool          // keep keys and values in float32, not float16

	// Parallel is how many answers are computed together, 0 means 16. More sessions
	// may run: they take turns.
	Parallel int

	// Patience is how long running answers wait for the pictures and prompts of
	// others; 0 means DefaultPatience. These pause after each layer, and let answers
	// have a token if one has waited as long, or would have waited twice as long after
	// another layer. Longer patience serves more requests an hour, each later.
	Patience time.Duration

	// CacheMemory bounds the key-value caches of all sessions, in bytes; 0 means what
	// MemoryLimit leaves for them or, without it, half of the device's memory. NewSession
	// refuses more with ErrNoMemory.
	CacheMemory int

	// MemoryLimit bounds what the model, its sessions, a picture and a prompt take, in
	// bytes: Memory.Total. Open refuses a model that with one session takes more, and
	// NewSession a session, with ErrNoMemory. 0 means the memory that the system
	// allows when the model is opened: on Linux the limit of address space, those of
	// control groups, and the machine's free memory. A picture's pixels, which
	// MaxPixels bounds, are not counted. Of a model on another device than the CPU only
	// the weights and the cache of one session are compared with MemoryLimit, and
	// nothing with the system's.
	MemoryLimit int

	LocScale  int          // coordinates in a picture's side: 1024 (0 means that), or 1023 as in big_vision's RefCOCO models
	MaxPixels int          // larger pictures are refused; 0 means 100 million. Decoding takes up to 16 bytes a pixel
	Logger    *slog.Logger // receives the engine's advice, prompts that are asked otherwise than written, and ggml's log; nil discards them
	Trace     TraceFunc    // receives every named activation; nil reads nothing back
}

// A TraceFunc receives each named activation in graph order, such as
// "v.blk.0.attn_out". shape is fastest axis first; values is valid only during
// the call. Calls of one model come one after the other; they
// must not call the model, whose turn they hold: such a call waits until its context
// ends, or for ever. A panic is a PanicError of the call that is traced.
type TraceFunc = nn.TraceFunc

// processors returns how many threads run at once. A test replaces it.
var processors = runtime.NumCPU

// check fills in defaults and refuses options out of range.
func (o *Options) check() error {
	if o.Threads == 0 {
		o.Threads = kernels.DefaultThreads()
	}
	if n := processors(); o.Threads > n && o.Threads <= 1<<10 {
		o.Threads = n // more would wait for each other
	}
	if o.Batch == 0 {
		o.Batch = 512
	}
	if o.LocScale == 0 {
		o.LocScale = locseg.Locs
	}
	if o.Parallel == 0 {
		o.Parallel = 16
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	if o.MaxPixels == 0 {
		o.MaxPixels = imageproc.DefaultMaxPixels
	}
	for _, v := range []struct {
		name  string
		value int
		most  int
	}{{"threads", o.Threads, 1 << 10}, {"context", o.Context, 1 << 20}, {"batch", o.Batch, 1 << 20}, {"parallel", o.Parallel, 1 << 10},
		{"cache memory", o.CacheMemory, 1 << 60}, {"memory limit", o.MemoryLimit, 1 << 60}, {"max pixels", o.MaxPixels, 1 << 40}} {
		if v.value < 0 || v.value > v.most {
			return fmt.Errorf("%s is %d, want 0 to %d", v.name, v.value, v.most)
		}
	}
	if o.Patience < 0 {
		return fmt.Errorf("patience is %v, want 0 or more", o.Patience)
	}
	if o.LocScale != locseg.Locs && o.LocScale != locseg.Locs-1 {
		return fmt.Errorf("loc scale is %d, want %d or %d", o.LocScale, locseg.Locs, locseg.Locs-1)
	}
	return nil
}
