//go:build !cgo

package kernels

// Without cgo there are no pools and no levels, and nothing can be packed. So the
// other functions are never called.

import "github.com/pgcli/paligemma/gguf"

type Pool struct{}

func NewPool(int) (*Pool, error) { return nil, ErrNone }
func (*Pool) Threads() int       { return 0 }
func (*Pool) Stop()              {}
func (*Pool) Go()                {}
func (*Pool) Close()             {}
func (*Pool) NewNode() *Node     { return nil }

type Node struct{}

func (*Node) UserData() uintptr { return 0 }
func (*Node) Set(Op, Memory)    {}
func (*Node) Free()             {}

func Callback() uintptr { return 0 }

// An Op describes the work of a kernel.
type Op interface{ Scratch() int }

func (*Linear) Scratch() int { return 0 }
func (*MLP) Scratch() int    { return 0 }

type Memory []byte

func Alloc(int) (Memory, error) { return nil, ErrNone }
func AllocBytes(int) int        { return 0 }
func (Memory) Bytes() int       { return 0 }
func (Memory) Free()            {}

func (*Rows) Scratch() int { return 0 }

func Packable(gguf.Type, int, int) bool   { return false }
func PackedBytes(gguf.Type, int, int) int { return 0 }
func Panels(int) int                      { return 0 }
func (*Matrix) Pack([]byte, int, int)     {}
func RowsSupported(gguf.Type, int) bool   { return false }
func supported(Level) bool                { return false }
func Best() Level                         { return Auto }

func (*Attention) Scratch() int { return 0 }
func (*Steps) Scratch() int     { return 0 }

func (*Pool) Limits(Level) (Limits, error) { return Limits{}, ErrNone }

func (*Stretch) Run([]int32, []uint8, int, int) {}

func nativeRGB(_, _, _, _ []uint8, _ Level) bool   { return false }
func nativeUpsample(_, _, _ []uint8, _ Level) bool { return false }
