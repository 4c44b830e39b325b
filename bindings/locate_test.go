package bindings

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"
)

func TestOpenOtherMachine(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the loader's words are tested on linux/amd64")
	}
	refused(t, write(t, "arm.so", elf64(183)), "EM_AARCH64", "EM_X86_64")
	refused(t, write(t, "old.so", elf32(3)), "EM_386", "EM_X86_64")
	refused(t, write(t, "cut.so", elf64(62)[:40]), "cut.so")
}

// elf64 is the shortest header of a shared library for a 64-bit machine.
func elf64(machine uint16) []byte {
	var b bytes.Buffer
	b.WriteString("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for _, v := range []any{uint16(3), machine, uint32(1), uint64(0), uint64(64), uint64(0),
		uint32(0), uint16(64), uint16(56), uint16(0), uint16(64), uint16(0), uint16(0)} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	return b.Bytes()
}

// elf32 is the same for a 32-bit one.
func elf32(machine uint16) []byte {
	var b bytes.Buffer
	b.WriteString("\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for _, v := range []any{uint16(3), machine, uint32(1), uint32(0), uint32(52), uint32(0),
		uint32(0), uint16(52), uint16(32), uint16(0), uint16(40), uint16(0), uint16(0)} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	return b.Bytes()
}
