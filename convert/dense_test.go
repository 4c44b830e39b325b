package convert

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/allocation"
	"github.com/pgcli/paligemma/internal/testrace"
)

// TestDenseHeadersAreBounded reads headers that are full of what takes the most memory for
// its bytes: no reader takes more than 64 MiB and 4 times its input.
func TestDenseHeadersAreBounded(t *testing.T) {
	if testrace.Slowness > 1 {
		t.Skip("one goroutine reads: make test counts its memory")
	}
	const size = 12 << 20
	entries := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`, i)
		}
		return "{" + b.String()[1:] + "}"
	}
	few := entries(maxArrays)
	for name, header := range map[string]string{
		"as many arrays as are read": few,
		"many arrays":                entries(size / 60),
		"a long shape":               `{"a":{"dtype":"F32","shape":[` + strings.Repeat("1,", size/2) + `1],"data_offsets":[0,4]}}`,
		"a long name":                `{"` + strings.Repeat("\\u0001", size/6) + `":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`,
		"long metadata":              `{"__metadata__":{"a":"` + strings.Repeat("b", size) + `"}}`,
		"deep metadata":              `{"__metadata__":` + strings.Repeat("[", size) + `}`,
	} {
		file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
		allocation.Bound(t, len(file), func() {
			_, err := readSafetensors(bytes.NewReader(file), int64(len(file)), name)
			if fine := header == few || strings.HasPrefix(name, "long") || name == "a long name"; fine != (err == nil) {
				t.Errorf("%s: error %.200v", name, err)
			}
			if err != nil && len(err.Error()) > 4096 {
				t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
			}
		})
	}
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for i := range size / 100 {
		if _, err := w.CreateRaw(&zip.FileHeader{Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	allocation.Bound(t, archive.Len(), func() {
		_, err := readNPZ(bytes.NewReader(archive.Bytes()), int64(archive.Len()), "dense.npz")
		if err == nil || !strings.Contains(err.Error(), "directory has more than") {
			t.Errorf("a long directory: error %v", err)
		}
	})
	text := "\x93NUMPY\x02\x00" + string(binary.LittleEndian.AppendUint32(nil, 1<<31))
	allocation.Bound(t, len(text), func() {
		if _, _, _, err := readNPYHeader(strings.NewReader(text)); err == nil {
			t.Error("a header of 2 GiB is read")
		}
	})
}
