package batch

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
)

// MaxFile is the largest file of a picture that is read, in bytes.
const MaxFile = 256 << 20

// An Item is a picture of a source.
type Item struct {
	Name string   // unique among all sources, and the same in each run: see record.Record.Image
	Time *float64 // seconds from the start; nil unless the picture is a frame of a video

	// Read returns the bytes of the picture's file. It may be called once, and only
	// until the source is asked for its next item.
	Read func(ctx context.Context) ([]byte, error)

	// Refer returns where the bytes lie, for a later Read. It may be called when Read may,
	// and is nil if nothing but Read can find them.
	Refer func() (Reference, error)
}

// A Source has pictures, in an order that is the same in each run. An error ends the
// source: what follows in it cannot be read. One whose context ends yields the cause, or nothing
// more: who goes through it looks at the context after it.
type Source interface {
	Items(ctx context.Context) iter.Seq2[Item, error]
}

// A Counter is a Source that tells the number of its items with less work than Items
// takes, perhaps not exactly.
type Counter interface {
	Count(ctx context.Context) (int, error)
}

// Sources are sources that are found one after the other, as they are asked for: the
// lines of a long list, for example. One that ends early does not end the others.
type Sources func(ctx context.Context) iter.Seq[Source]

// Items yields the items of all sources.
func (s Sources) Items(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for source := range s(ctx) {
			for item, err := range source.Items(ctx) {
				if !yield(item, err) {
					return
				}
				if err != nil {
					break
				}
			}
		}
	}
}

// leaves yields sources, and in place of Sources those that they have.
func leaves(ctx context.Context, sources []Source) iter.Seq[Source] {
	return func(yield func(Source) bool) {
		for _, s := range sources {
			group, ok := s.(Sources)
			if !ok {
				if !yield(s) {
					return
				}
				continue
			}
			for s := range group(ctx) {
				for s := range leaves(ctx, []Source{s}) {
					if !yield(s) {
						return
					}
				}
			}
		}
	}
}

// A Shard is one of Of equal parts of the pictures, from 0. The zero value is all of
// them. Machines that each compute one shard of the same sources compute every picture
// once.
type Shard struct{ Index, Of int }

// ParseShard reads a shard that is spelled "3/16".
func ParseShard(text string) (s Shard, err error) {
	n, _ := fmt.Sscanf(text, "%d/%d", &s.Index, &s.Of)
	if n != 2 || s.String() != text || s.Of < 1 || s.Index < 0 || s.Index >= s.Of {
		return Shard{}, fmt.Errorf("%q is no shard, want I/N with I from 0 to N-1, such as 0/16", text)
	}
	return s, nil
}

func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Of) }

// Has reports whether a shard has the picture of a name: by the first eight bytes of the
// name's SHA-256, as a big-endian number modulo Of. All prompts about a picture are in
// one shard, so that it is read and encoded once.
func (s Shard) Has(name string) bool {
	if s.Of < 2 {
		return true
	}
	sum := sha256.Sum256([]byte(name))
	return int(binary.BigEndian.Uint64(sum[:])%uint64(s.Of)) == s.Index
}

// endings are the usual names of picture files.
var endings = []string{".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".jxl", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}

// IsPicture reports whether a name has a usual ending of a picture's file.
func IsPicture(name string) bool { return slices.Contains(endings, strings.ToLower(path.Ext(name))) }
