package paligemma

import (
	"log/slog"

	"github.com/pgcli/paligemma/internal/nn"
)

// Options choose how a model runs. The zero value is useful.
type Options struct {
	Engine    EngineOptions // which ggml
	Projector string        // file of the tower, when it is apart from the decoder (llama.cpp's two-file form)
	Device    string        // a name from LoadEngine; "" picks the CPU
	Threads   int           // CPU threads; 0 means one per fast physical core
	Kernels   string        // "auto" or "" for our own where they serve, "on" to insist, "off" for ggml's alone, or a level of Engine.Kernels
	Precise   bool          // kernels round activations to 16 bits, not 8, where weights are quantized: nearly exact, and slower
	Context   int           // tokens of a session; 0 means those of a picture + 512
	Batch     int           // tokens computed at a time in a prompt; 0 means 512. It changes speed and memory only.
	CacheF32  bool          // keep keys and values in float32, not float16
	LocScale  int           // coordinates in a picture's side: 1024 (0 means that), or 1023 as in big_vision's RefCOCO models
	MaxPixels int           // larger pictures are refused; 0 means 100 million
	Logger    *slog.Logger  // receives ggml's log; nil discards it
	Trace     TraceFunc     // receives every named activation; nil reads nothing back
}

// A TraceFunc receives each named activation in graph order, such as
// "v.blk.0.attn_out". shape is fastest axis first; values is valid only during
// the call. Sessions of one model may call it at the same time.
type TraceFunc = nn.TraceFunc
