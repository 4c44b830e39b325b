package convert

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

// maxRatio is the most that deflate can shrink: a member that claims more was
// not made by a compressor.
const maxRatio = 1032

// maxDirectory bounds the directory of an archive, in bytes. An array of PaliGemma takes
// some 150, its state in an optimizer not much more.
const maxDirectory = 4 << 20

// A directory reads an archive, no more than left bytes until all of its members are known:
// package zip reads a directory of any length, and takes several times its bytes. An archive
// that ends before its size is an error: package zip would take it for an empty one.
type directory struct {
	r          io.ReaderAt
	size, left int64
}

func (d *directory) ReadAt(p []byte, at int64) (int, error) {
	if d.left < math.MaxInt64 {
		if d.left -= int64(len(p)); d.left < 0 {
			return 0, fmt.Errorf("the archive's directory has more than %d bytes, the most that are read", maxDirectory)
		}
	}
	n, err := d.r.ReadAt(p, at)
	if n < len(p) && at+int64(n) < d.size {
		err = noEOF(err)
	}
	return n, err
}

// npz is a checkpoint in one zip archive of .npy members. Members are stored or
// deflated; archive/zip reads zip64 and checks each member's CRC-32 at its end.
type npz struct {
	file    *os.File // nil when the archive is not a file of its own
	list    []array
	members map[string]*zip.File // by array name
	headers map[string]int64     // bytes before the data
}

func openNPZ(path string) (checkpoint, error) {
	f, err := openInput(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	z, err := readNPZ(f, info.Size(), path)
	if err != nil {
		f.Close()
		return nil, err
	}
	z.file = f
	return z, nil
}

// paramsPrefix stands before the weights in a training checkpoint, which also
// has the optimizer's state.
const paramsPrefix = "params/"

// readNPZ reads the directory of an archive of size bytes, and the header of
// every member. If names begin with "params/", that is stripped, and members
// without it are ignored.
func readNPZ(r io.ReaderAt, size int64, name string) (*npz, error) {
	bounded := &directory{r: r, size: size, left: maxDirectory}
	archive, err := zip.NewReader(bounded, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if n := len(archive.File); n > maxArrays {
		return nil, fmt.Errorf("%s: %d members, at most %d are read", name, n, maxArrays)
	}
	bounded.left = math.MaxInt64
	z := &npz{members: map[string]*zip.File{}, headers: map[string]int64{}}
	prefix := ""
	if slices.ContainsFunc(archive.File, func(m *zip.File) bool { return strings.HasPrefix(m.Name, paramsPrefix) }) {
		prefix = paramsPrefix
	}
	for _, member := range archive.File {
		key, ours := strings.CutPrefix(member.Name, prefix)
		if !ours {
			continue
		}
		if err := z.add(member, key, name); err != nil {
			return nil, fmt.Errorf("%s: member %q: %w", name, member.Name, err)
		}
	}
	return z, nil
}

// add reads the header of one member, an array named key plus ".npy".
func (z *npz) add(member *zip.File, key, file string) error {
	key, isArray := strings.CutSuffix(key, ".npy")
	if !isArray {
		return errors.New("not an .npy array")
	}
	if _, twice := z.members[key]; twice {
		return fmt.Errorf("array %q appears twice", key)
	}
	// Compared by division: sizes are 64-bit claims of the file.
	if member.UncompressedSize64/maxRatio > member.CompressedSize64 {
		return fmt.Errorf("claims %d bytes in %d compressed ones, deflate cannot", member.UncompressedSize64, member.CompressedSize64)
	}
	offset, err := member.DataOffset()
	if err != nil {
		return err
	}
	r, err := member.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	t, shape, header, err := readNPYHeader(r)
	if err != nil {
		return err
	}
	size, err := byteSize(t, shape)
	if err != nil {
		return err
	}
	if left := member.UncompressedSize64 - uint64(header); left != uint64(size) {
		return fmt.Errorf("has %d bytes of data, %v %v takes %d", left, t, shape, size)
	}
	z.members[key], z.headers[key] = member, header
	z.list = append(z.list, array{
		name: key, typ: t, shape: shape,
		where: fmt.Sprintf("%s: member at byte %d", file, offset),
	})
	return nil
}

func (z *npz) format() Format  { return BigVision }
func (z *npz) arrays() []array { return z.list }

func (z *npz) open(name string) (io.ReadCloser, error) {
	member, found := z.members[name]
	if !found {
		return nil, fmt.Errorf("no array %q", name)
	}
	r, err := member.Open()
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, r, z.headers[name]); err != nil {
		r.Close()
		return nil, fmt.Errorf("the npy header: %w", noEOF(err))
	}
	return r, nil
}

func (z *npz) paths() []string { return []string{z.file.Name()} }

func (z *npz) Close() error {
	if z.file == nil {
		return nil
	}
	return z.file.Close()
}
