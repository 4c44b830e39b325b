package convert

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
)

// A Remote is a file of weights of a source folder that is not in the folder. It is read
// once, from its start to its end, while it is converted, and kept nowhere. Before the
// output gets its name, the hash of all bytes that came is compared.
type Remote struct {
	Name   string // in the folder
	Size   int64  // in bytes
	SHA256 [sha256.Size]byte
	// Open returns the n bytes from offset on. Reads fail soon after ctx ends.
	Open func(ctx context.Context, offset, n int64) (io.ReadCloser, error)
}

var (
	// ErrWhole reports a conversion that reads weights more than once, and so cannot take
	// them from Options.Remote: they must lie in the folder.
	ErrWhole = errors.New("the whole checkpoint must be on the disk")

	// ErrContent reports a file of Options.Remote that is not the one it should be.
	ErrContent = errors.New("wrong content")
)

// An arrival is a remote file that is being read.
type arrival struct {
	Remote
	path   string // that it would have, for errors
	header []byte // as the plan was made of it
	hash   hash.Hash
	body   io.ReadCloser // nil until the first read
	at     int64         // of the next byte

	ctx context.Context // of the conversion
}

// readHeader reads the file's start, apart from the stream. The arrays are in the order of
// their bytes.
func (a *arrival) readHeader() ([]safetensorsArray, error) {
	start := &startReader{of: a}
	arrays, err := readSafetensors(start, a.Size, a.path)
	if err != nil {
		return nil, err
	}
	a.header = start.read[:8+binary.LittleEndian.Uint64(start.read)]
	slices.SortStableFunc(arrays, func(a, b safetensorsArray) int { return cmp.Compare(a.start, b.start) })
	return arrays, nil
}

// startBytes is how much of a file's start is asked for at once: more than headers take.
const startBytes = 256 << 10

// A startReader reads the start of a remote file.
type startReader struct {
	of   *arrival
	read []byte
}

func (s *startReader) ReadAt(p []byte, offset int64) (int, error) {
	if n := offset + int64(len(p)); n > int64(len(s.read)) {
		n = min(max(n, startBytes), s.of.Size)
		body, err := s.of.Open(s.of.ctx, 0, n)
		if err != nil {
			return 0, err
		}
		defer body.Close()
		s.read = make([]byte, n)
		if _, err := io.ReadFull(body, s.read); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.read[min(offset, int64(len(s.read))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Read reads the next bytes, as they come. The header must be the plan's.
func (a *arrival) Read(p []byte) (int, error) {
	if a.hash == nil {
		a.hash = sha256.New()
	}
	if a.body == nil {
		body, err := a.Open(a.ctx, a.at, a.Size-a.at)
		if err != nil {
			return 0, err
		}
		a.body = body
	}
	n, err := a.body.Read(p)
	if a.at < int64(len(a.header)) {
		if want := a.header[a.at:]; !bytes.Equal(p[:min(n, len(want))], want[:min(n, len(want))]) {
			return 0, fmt.Errorf("%s: %w: its header is another one than a moment ago", a.path, ErrContent)
		}
	}
	a.hash.Write(p[:n])
	a.at += int64(n)
	return n, err
}

// section returns the bytes from start to end. Those before start are passed over.
func (a *arrival) section(start, end int64) (io.ReadCloser, error) {
	if start < a.at {
		return nil, fmt.Errorf("%s: byte %d is asked for after byte %d has been read: %w", a.path, start, a.at, ErrWhole)
	}
	if _, err := io.CopyN(io.Discard, a, start-a.at); err != nil {
		return nil, noEOF(err)
	}
	return io.NopCloser(io.LimitReader(a, end-start)), nil
}

// finish reads what is left of the file, and compares its hash.
func (a *arrival) finish() error {
	if _, err := io.CopyN(io.Discard, a, a.Size-a.at); err != nil {
		return fmt.Errorf("%s: byte %d: %w", a.path, a.at, noEOF(err))
	}
	if got := a.hash.Sum(nil); !bytes.Equal(got, a.SHA256[:]) {
		return fmt.Errorf("%s: %w: its hash is %x, want %s", a.path, ErrContent, got, hex.EncodeToString(a.SHA256[:]))
	}
	return a.Close()
}

// state returns the hash of the bytes so far, to go on with.
func (a *arrival) state() ([]byte, error) {
	if a.hash == nil {
		a.hash = sha256.New()
	}
	return a.hash.(encoding.BinaryMarshaler).MarshalBinary()
}

// resume goes on at a byte, with the hash of those before it.
func (a *arrival) resume(at int64, state []byte) error {
	a.hash = sha256.New()
	a.at = at
	return a.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

func (a *arrival) Close() error {
	if a.body == nil {
		return nil
	}
	body := a.body
	a.body = nil
	return body.Close()
}
