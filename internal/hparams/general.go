package hparams

import "github.com/pgcli/paligemma/gguf"

// A General holds the values of keys that GGUF files of any architecture have.
type General struct {
	Architecture string // PaliGemma, Projector, or the family of a text half
	Type         string // "model" or "mmproj"
	Name         string // from the user, or the name of the source
	FileType     uint32 // llama.cpp's number of the mix of the text half
}

// Keys of a General that are read one by one.
const (
	ArchitectureKey = "general.architecture"
	NameKey         = "general.name"
	FileTypeKey     = "general.file_type"
)

// Architectures of files. A text half has the name of its family.
const (
	PaliGemma = "paligemma" // a whole model
	Projector = "clip"      // the file beside a text half
)

// Fields lists the keys in the order of a file.
func (g *General) Fields() []Field {
	return []Field{
		{ArchitectureKey, entry[string]{&g.Architecture}},
		{"general.type", entry[string]{&g.Type}},
		{NameKey, entry[string]{&g.Name}},
		{FileTypeKey, entry[uint32]{&g.FileType}},
		{"general.quantization_version", fixed{uint32(2)}}, // ggml's
		{"general.alignment", fixed{uint32(gguf.DefaultAlignment)}},
	}
}
