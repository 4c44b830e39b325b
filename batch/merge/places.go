package merge

import (
	"encoding/binary"

	"github.com/pgcli/paligemma/batch/internal/compact"
	"github.com/pgcli/paligemma/batch/record"
)

// A picture is one that records or the list name.
type picture struct {
	name  compact.Ref
	time  float64 // of a frame
	entry int32   // of the list; -1 if that does not name it
}

// A place is where the record of a question lies: of a picture with a prompt.
type place struct {
	key     uint64 // begins the record's
	of      record.Content
	start   int64
	picture int32
	prompt  int32
	length  int32
	file    uint16
	failed  bool
}

func (p *place) outcome() record.Outcome { return record.Outcome{Of: p.of, Failed: p.failed} }

// hash returns the hash of the question.
func (p *place) hash() uint32 { return (uint32(p.picture)*31 + uint32(p.prompt)) * 0x9e3779b1 }

// keyOf returns the first 8 bytes of a record's key; a text that is not a key is hashed.
func keyOf(text string) uint64 {
	k, ok := record.ParseKey(text)
	if !ok {
		k = record.KeyOf([]byte(text))
	}
	return binary.BigEndian.Uint64(k[:])
}

// picture returns the number of the picture of a name.
func (s *Set) picture(name string) (number int32, fresh bool) {
	hash := func(n int) uint32 { return compact.Hash(s.name(int32(n))) }
	n, known := s.names.Find(compact.Hash([]byte(name)), func(n int) bool { return string(s.name(int32(n))) == name })
	if !known {
		n = s.pictures.Len()
		s.pictures.Append(picture{name: s.texts.Add(name), entry: -1})
		s.names.Add(n, hash)
	}
	return int32(n), !known
}

// name returns the name of a picture.
func (s *Set) name(picture int32) []byte { return s.texts.At(s.pictures.At(int(picture)).name) }

// find returns the record of a question; nil if there is none.
func (s *Set) find(picture, prompt int32) *place {
	wanted := place{picture: picture, prompt: prompt}
	n, ok := s.questions.Find(wanted.hash(), func(n int) bool {
		p := s.places.At(n)
		return p.picture == picture && p.prompt == prompt
	})
	if !ok {
		return nil
	}
	return s.places.At(n)
}
