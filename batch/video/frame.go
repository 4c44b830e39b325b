package video

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/pgcli/paligemma/batch"
)

// member spells a frame of a time in seconds in the names of pictures.
func member(t float64) string { return fmt.Sprintf("t=%.3f", t) }

// version returns the Version of a frame, which is known by its bytes alone.
func version(data []byte) string {
	sum := sha256.Sum256(data)
	return batch.Version(sum[:])
}

// Frame returns a frame alone. name is its member in a picture's name, t= and the time; want
// is the Version of its reference. ffmpeg first begins at the frame before it that needs no
// other. If that gives other bytes, which some videos do, it begins at the start of the
// video, as Items does.
func (v Video) Frame(ctx context.Context, name, want string) ([]byte, error) {
	text, ok := strings.CutPrefix(name, "t=")
	t, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || !(t >= 0 && t < 1e9) || member(t) != name {
		return nil, fmt.Errorf("%.40q is no frame, want t= and a time in seconds", name)
	}
	from, to := t-0.0005, t+0.0005 // names are rounded to milliseconds
	if from > 0 {
		if data, err := v.frame(ctx, []string{"-ss", fmt.Sprintf("%.6f", from)}, "null"); err == nil && version(data) == want {
			return data, nil
		}
	}
	return v.frame(ctx, nil, fmt.Sprintf("select='between(t,%.6f,%.6f)'", from, to))
}

// frame returns the first frame that ffmpeg writes with options and a filter.
func (v Video) frame(ctx context.Context, options []string, filter string) ([]byte, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	cmd, err := v.command(ctx, "ffmpeg", append([]string{"-nostdin", "-hide_banner", "-loglevel", "error"}, options...)...)
	if err != nil {
		return nil, err
	}
	cmd.Args = append(cmd.Args, "-map", "0:v:0", "-an", "-sn", "-dn", "-vf", filter, "-frames:v", "1",
		"-fps_mode", "passthrough", "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "pipe:1")
	var message beginning
	cmd.Stderr = &message
	return onlyFrame(ctx, cmd, &message)
}

// onlyFrame runs ffmpeg, and reads the frame that it writes.
func onlyFrame(ctx context.Context, cmd *exec.Cmd, message *beginning) ([]byte, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	data, err := readPPM(bufio.NewReaderSize(out, 1<<16))
	ended := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil || ended != nil:
		return nil, fmt.Errorf("ffmpeg gives no such frame (%v, %v): %.300q", err, ended, strings.TrimSpace(message.String()))
	}
	return data, nil
}
