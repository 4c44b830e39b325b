package archive

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"slices"
)

// Member returns the bytes of the first picture of a name in an archive that is not
// compressed. start is the byte from which it is looked for, as in batch.Reference; if it
// is not there, because the archive has changed, it is looked for from byte 0.
func Member(ctx context.Context, in io.ReadSeeker, name string, start int64) (data []byte, err error) {
	found := false
	for _, from := range slices.Compact([]int64{max(0, start), 0}) {
		if _, err := in.Seek(from, io.SeekStart); err != nil {
			return nil, err
		}
		members := tar.NewReader(in)
		broken := walk(ctx, members, func(h *tar.Header) bool {
			if found = h.Name == name; found {
				data, err = content(ctx, members, h)
			}
			return !found
		})
		switch {
		case found:
			return data, err
		case ctx.Err() != nil, from == 0 && broken != nil:
			return nil, broken
		}
	}
	return nil, fmt.Errorf("the archive has no member %.200q", name)
}
