package video

import "bytes"

// mostMessage is how much is kept of what a program says about a file.
const mostMessage = 4 << 10

// A beginning keeps the first mostMessage bytes that are written to it: a broken file can
// make ffmpeg say the same for hours.
type beginning struct {
	kept bytes.Buffer // no embedded one: programs' output would be copied by its ReadFrom
}

func (b *beginning) Write(p []byte) (int, error) {
	b.kept.Write(p[:min(len(p), mostMessage-b.kept.Len())])
	return len(p), nil
}

func (b *beginning) String() string { return b.kept.String() }
