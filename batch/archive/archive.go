// Package archive finds pictures in tar archives, such as webdataset's shards, as a source
// of package batch:
//
//	sources := []batch.Source{archive.Tar("shard-000.tar")}
package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"strings"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/internal/infile"
)

// A Tar is a path of a tar archive, perhaps compressed with gzip. Its pictures are the
// members with a picture's ending, in their order; their names are the archive's, #, and
// the member's. Links, as tar stores a file's second name, and pipes cannot be read, but are
// pictures, too, so that none is left out without a word. An archive without any is an error.
type Tar string

// IsTar reports whether a name has an ending of tar archives. Some of these cannot be read,
// such as .tar.xz: then Items fails, and its error says how to make an archive that can.
func IsTar(name string) bool {
	return strings.HasSuffix(strings.ToLower(name), ".tar") || compressed(name) || unpacker(name) != ""
}

// unpackers has the endings of archives that cannot be read, with programs that unpack them.
var unpackers = map[string]string{".tar.xz": "unxz", ".txz": "unxz", ".tar.bz2": "bunzip2", ".tbz2": "bunzip2",
	".tar.zst": "unzstd", ".tzst": "unzstd", ".tar.lz4": "unlz4"}

// unpacker returns the program that unpacks an archive that cannot be read; "" for one that can.
func unpacker(name string) string {
	for ending, program := range unpackers {
		if strings.HasSuffix(strings.ToLower(name), ending) {
			return program
		}
	}
	return ""
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
	if program := unpacker(string(t)); program != "" {
		return fmt.Errorf("archives that are compressed so cannot be read, want .tar, .tar.gz or .tgz: uncompress it with %s", program)
	}
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
		in = infile.Checked(ctx, z) // a member that is not read is unpacked all the same
	}
	members := tar.NewReader(in)
	start := int64(0) // of the next member's header
	stopped, none := false, true
	err = walk(ctx, members, func(h *tar.Header) bool {
		none = false
		item := batch.Item{Name: string(t) + "#" + h.Name, Read: func(ctx context.Context) ([]byte, error) { return content(ctx, members, h) }}
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
	switch {
	case none && errors.Is(err, tar.ErrHeader) && isGzip(f):
		err = errors.New("the archive is compressed with gzip: name it .tar.gz")
	case err != nil || stopped:
	case !compressed(string(t)) && info.Size()%blockSize != 0:
		err = fmt.Errorf("the archive ends within a block of %d bytes: it is cut", blockSize)
	case none:
		err = errors.New("the archive has no pictures: want members whose names end as those of pictures do, such as .jpg")
	}
	return err
}

// isGzip reports whether a file begins as gzip's do.
func isGzip(f *os.File) bool {
	start := make([]byte, 2)
	_, err := f.ReadAt(start, 0)
	return err == nil && bytes.Equal(start, []byte{0x1f, 0x8b})
}

// content returns the bytes of the member with the header that members read last.
func content(ctx context.Context, members *tar.Reader, h *tar.Header) ([]byte, error) {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return infile.ReadAll(infile.Checked(ctx, members), h.Size, batch.MaxFile)
	case tar.TypeLink:
		return nil, fmt.Errorf("is a hard link to %.200q, want a file: pack it with tar --hard-dereference", h.Linkname)
	case tar.TypeSymlink:
		return nil, fmt.Errorf("is a symbolic link to %.200q, want a file: pack it with tar --dereference", h.Linkname)
	}
	return nil, errors.New("is a pipe, a device or another special file, want a regular file")
}

// blockSize is the size of a block in bytes: headers and members are padded to whole blocks.
const blockSize = 512

// walk calls do for each member that is a picture until it returns false.
func walk(ctx context.Context, members *tar.Reader, do func(*tar.Header) bool) error {
	last := "the start"
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		h, err := members.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("the archive is broken after %s: %w", last, err)
		}
		last = fmt.Sprintf("%.200q", h.Name)
		base := path.Base(h.Name)
		if h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeXGlobalHeader || strings.HasPrefix(base, ".") || !batch.IsPicture(base) {
			continue
		}
		if !do(h) {
			return nil
		}
	}
}
