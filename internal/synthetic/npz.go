package synthetic

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
)

// writeNPZ writes an archive as numpy.savez or savez_compressed does.
func (c Checkpoint) writeNPZ(path string, specs []convert.Spec) error {
	return create(path, func(w io.Writer) error {
		archive := zip.NewWriter(w)
		for _, s := range specs {
			header := &zip.FileHeader{Name: s.Name + ".npy", Method: zip.Store}
			if c.Params {
				header.Name = "params/" + header.Name
			}
			if c.Deflate {
				header.Method = zip.Deflate
			}
			member, err := archive.CreateHeader(header)
			if err != nil {
				return err
			}
			if _, err := member.Write(npyHeader(c.Type, s.Shape)); err != nil {
				return err
			}
			if err := c.writeArray(member, s); err != nil {
				return err
			}
		}
		return archive.Close()
	})
}

// npyHeader makes a header of version 1.0, padded so that data is aligned to 64
// bytes.
func npyHeader(t gguf.Type, shape []int) []byte {
	descr := map[gguf.Type]string{gguf.F32: "<f4", gguf.F16: "<f2", gguf.BF16: "|V2"}[t]
	var sizes strings.Builder
	for _, n := range shape {
		fmt.Fprintf(&sizes, "%d, ", n)
	}
	tuple := strings.TrimSuffix(sizes.String(), " ")
	if len(shape) > 1 {
		tuple = strings.TrimSuffix(tuple, ",")
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	padding := 63 - (10+len(text))%64
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00")
	binary.Write(&b, binary.LittleEndian, uint16(len(text)+padding+1)) // to memory, cannot fail
	b.WriteString(text + strings.Repeat(" ", padding) + "\n")
	return b.Bytes()
}

// create writes a file through a buffer.
func create(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closing := f.Close(); err == nil {
			err = closing
		}
	}()
	return write(f)
}
