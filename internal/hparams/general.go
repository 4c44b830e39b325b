package hparams

import "github.com/pgcli/paligemma/gguf"

// A General holds the keys that GGUF files of any architecture have. Those that
// are read one by one have constants.
type General struct {
	Architecture string // PaliGemma, or that of one of llama.cpp's two files
	Type         string // "model" or "mmproj"
	Name         string // from the user, or the name of the source
	FileType     uint32 // llama.cpp's number of the mix of the text half
}

// Keys of a General.
const (
	ArchitectureKey = "general.architecture"
	NameKey         = "general.name"
	FileTypeKey     = "general.file_type"
)

// Architectures besides the families, which name the one of a text half.
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
