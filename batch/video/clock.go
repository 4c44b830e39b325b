package video

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/pgcli/paligemma/batch"
)

// A clock reads the times of frames from the messages of ffmpeg's filter showinfo. It
// takes the number of the time base, since the time itself has few digits.
type clock struct {
	times chan float64 // seconds
	last  []string     // messages that are not about frames
}

var (
	timeBase = regexp.MustCompile(`Parsed_showinfo.*config in time_base: (\d+)/(\d+)`)
	frame    = regexp.MustCompile(`Parsed_showinfo.* n: *\d+ pts: *(-?\d+) `)
	trouble  = regexp.MustCompile(`\[(error|fatal|panic)\] (.*)`)
)

// newClock reads messages in a goroutine, until they end.
func newClock(messages io.Reader) *clock {
	c := &clock{times: make(chan float64, 1)}
	go func() {
		defer close(c.times)
		num, den := 0.0, 0.0
		lines := bufio.NewReader(messages)
		for {
			line, long, err := lines.ReadLine()
			if err != nil {
				return
			}
			for long && err == nil {
				_, long, err = lines.ReadLine()
			}
			if m := timeBase.FindSubmatch(line); m != nil {
				num, _ = strconv.ParseFloat(string(m[1]), 64)
				den, _ = strconv.ParseFloat(string(m[2]), 64)
			} else if m := frame.FindSubmatch(line); m != nil && den > 0 {
				pts, _ := strconv.ParseInt(string(m[1]), 10, 64)
				c.times <- float64(pts) * num / den // rounded once: 0.7 of 7/10
			} else if m := trouble.FindSubmatch(line); m != nil && len(c.last) < 3 {
				c.last = append(c.last, string(bytes.TrimSpace(m[2])))
			}
		}
	}()
	return c
}

// next waits for the time of the next frame, in seconds.
func (c *clock) next(ctx context.Context) (t float64, ok bool) {
	select {
	case t, ok = <-c.times:
		return t, ok
	case <-ctx.Done():
		return 0, false
	}
}

// drain waits for the end of the messages.
func (c *clock) drain() {
	for range c.times {
	}
}

// failure returns the first messages about errors. It may be called after drain.
func (c *clock) failure() error {
	switch {
	case len(c.last) == 0:
		return nil
	case strings.Contains(c.last[0], "matches no streams"):
		return errors.New("the file has no video, perhaps only sound")
	}
	return fmt.Errorf("%.300q", c.last)
}

// readPPM reads a picture as ffmpeg writes it: "P6", width, height, 255, and bytes.
func readPPM(in *bufio.Reader) ([]byte, error) {
	if _, err := in.Peek(1); err != nil {
		return nil, err
	}
	var head []byte
	for range 3 {
		line, err := in.ReadSlice('\n')
		if err != nil || len(line) > 64 {
			return nil, fmt.Errorf("ffmpeg's frame begins with %.40q, want a PPM", line)
		}
		head = append(head, line...)
	}
	var w, h, most int
	if n, err := fmt.Sscanf(string(head), "P6\n%d %d\n%d\n", &w, &h, &most); n != 3 || most != 255 || w < 1 || h < 1 || w > batch.MaxFile/3/h {
		return nil, fmt.Errorf("ffmpeg's frame begins with %.40q, want a PPM of at most %d bytes (%v)", head, batch.MaxFile, err)
	}
	data := make([]byte, len(head)+3*w*h)
	copy(data, head)
	_, err := io.ReadFull(in, data[len(head):])
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return data, err
}
