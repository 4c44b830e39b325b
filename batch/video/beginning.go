package video

import "bytes"

// mostMessage is how much is kept of what a program says about a file.
const mostMessage = 4 << 10

// A beginning keeps the first mostMessage bytes that are written to it: a broken file can
// make ffmpeg say the same for hours.
type beginning struct{ bytes.Buffer }

func (b *beginning) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), mostMessage-b.Len())])
	return len(p), nil
}
