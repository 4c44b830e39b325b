// Package archive finds pictures in tar archives, such as webdataset's shards.
package archive

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/internal/infile"
)

// A Tar is a path of a tar archive, perhaps compressed with gzip. Its pictures are the
// members with a picture's ending, in their order; their names are the archive's, #, and
// the member's.
type Tar string

// IsTar reports whether a name has an ending of tar archives that can be read.
func IsTar(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, ".tar") || compressed(name)
}

func compressed(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz")
}

// Items yields the pictures, whose bytes are only read by Item.Read. Of several
// members with one name the first counts, as the others have no name of their own.
func (t Tar) Items(ctx context.Context) iter.Seq2[batch.Item, error] {
	return func(yield func(batch.Item, error) bool) {
		if err := t.each(ctx, func(item batch.Item) bool { return yield(item, nil) }); err != nil {
			yield(batch.Item{}, fmt.Errorf("%s: %w", string(t), err))
		}
	}
}

// each calls do for each picture until it returns false.
func (t Tar) each(ctx context.Context, do func(batch.Item) bool) error {
	f, err := infile.Open(string(t))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var in io.Reader = f // a file, so that members that are not read are passed over
	if compressed(string(t)) {
		z, err := gzip.NewReader(f)
		if err != nil {
			return err
		}
		defer z.Close()
		in = z
	}
	members := tar.NewReader(in)
	start := int64(0) // of the next member's header
	stopped := false
	err = walk(ctx, members, func(h *tar.Header) bool {
		item := batch.Item{Name: string(t) + "#" + h.Name, Read: func(context.Context) ([]byte, error) {
			return infile.ReadAll(members, h.Size, batch.MaxFile)
		}}
		if compressed(string(t)) {
			item.Refer = func() (batch.Reference, error) {
				return batch.Reference{}, fmt.Errorf("%s is compressed, so that no member can be read without those before it: uncompress it with gunzip", string(t))
			}
		} else {
			at := start
			if data, err := f.Seek(0, io.SeekCurrent); err == nil {
				start = data + (h.Size+blockSize-1)/blockSize*blockSize
			}
			item.Refer = func() (batch.Reference, error) {
				return batch.Reference{File: string(t), Version: batch.FileVersion(info), Start: at}, nil
			}
		}
		stopped = !do(item)
		return !stopped
	})
	if err == nil && !stopped && !compressed(string(t)) && info.Size()%blockSize != 0 {
		err = fmt.Errorf("the archive ends within a block of %d bytes: it is cut", blockSize)
	}
	return err
}

// blockSize is what headers and members of archives are padded to, in bytes.
const blockSize = 512

// walk calls do for each member that is a picture until it returns false.
func walk(ctx context.Context, members *tar.Reader, do func(*tar.Header) bool) error {
	last := "the start"
	for ctx.Err() == nil {
		h, err := members.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("the archive is broken after %s: %w", last, err)
		}
		last = fmt.Sprintf("%.200q", h.Name)
		base := path.Base(h.Name)
		if h.Typeflag != tar.TypeReg || strings.HasPrefix(base, ".") || !batch.IsPicture(base) {
			continue
		}
		if !do(h) {
			return nil
		}
	}
	return context.Cause(ctx)
}
