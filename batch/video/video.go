// Package video finds frames in videos, as a source of package batch:
//
//	sources := []batch.Source{video.Video{Path: "film.mp4", Every: 2 * time.Second}}
//
// It runs the programs ffmpeg and ffprobe, and is a package of its own because no other
// package of the library starts a program. [Check] says whether they are installed.
package video

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/internal/infile"
)

// A Video is a video file. Its pictures are frames: the first, and then the first one at
// or after each multiple of Every. Their names are the file's with #t= and the time in
// seconds, from the start of the video.
type Video struct {
	Path  string
	Every time.Duration // at least a millisecond
}

// endings are the usual names of videos.
var endings = []string{".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}

// IsVideo reports whether a name has a usual ending of videos.
func IsVideo(name string) bool { return slices.Contains(endings, strings.ToLower(path.Ext(name))) }

// ErrMissing reports that a program is not installed.
var ErrMissing = errors.New("videos need ffmpeg and ffprobe on the PATH: install ffmpeg")

// Check returns an ErrMissing if ffmpeg or ffprobe is not installed.
func Check() error {
	for _, program := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w (%w)", ErrMissing, err)
		}
	}
	return nil
}

// Items yields the frames, as ffmpeg decodes them: each is a PPM file. ffmpeg ends
// with the context, and when the caller wants no more.
func (v Video) Items(ctx context.Context) iter.Seq2[batch.Item, error] {
	return func(yield func(batch.Item, error) bool) {
		if err := v.each(ctx, func(item batch.Item) bool { return yield(item, nil) }); err != nil {
			yield(batch.Item{}, fmt.Errorf("%s: %w", v.Path, err))
		}
	}
}

// each calls do for each frame until it returns false.
func (v Video) each(ctx context.Context, do func(batch.Item) bool) error {
	if err := v.check(); err != nil {
		return err
	}
	caller := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd, err := v.framesCommand(ctx)
	if err != nil {
		return err
	}
	frames, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	messages, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	times := newClock(messages)
	in := bufio.NewReaderSize(frames, 1<<16)
	n, stopped := 0, false
	for !stopped {
		var data []byte
		if data, err = readPPM(in); err != nil {
			break
		}
		t, ok := times.next(ctx)
		if !ok {
			err = fmt.Errorf("ffmpeg tells no time of frame %d: %w", n+1, times.failure())
			break
		}
		n++
		stopped = !do(batch.Item{Name: v.Path + "#" + member(t), Time: &t,
			Read:  func(context.Context) ([]byte, error) { return data, nil },
			Refer: func() (batch.Reference, error) { return batch.Reference{File: v.Path, Version: version(data)}, nil }})
	}
	if err != io.EOF || stopped {
		cancel() // kills ffmpeg
	}
	times.drain()
	ended := cmd.Wait()
	switch {
	case caller.Err() != nil:
		return context.Cause(caller)
	case stopped:
		return nil
	case err != io.EOF && err != nil:
		return err
	case ended != nil || n == 0:
		if why := times.failure(); why != nil {
			ended = why
		} else if ended == nil {
			ended = errors.New("the file has none")
		}
		return fmt.Errorf("ffmpeg stops after %d frames: %w", n, ended)
	}
	return nil
}

// framesCommand returns a command that writes the frames as PPM files, one after the other, to
// its standard output, and their times to standard error.
func (v Video) framesCommand(ctx context.Context) (*exec.Cmd, error) {
	cmd, err := v.command(ctx, "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "repeat+level+info", "-nostats")
	if err != nil {
		return nil, err
	}
	// A frame is taken if its time is in another interval than the one before it.
	filter := fmt.Sprintf("select='isnan(prev_t)+gt(floor(t/%[1]g+1e-6),floor(prev_t/%[1]g+1e-6))',showinfo=checksum=0", v.Every.Seconds())
	cmd.Args = append(cmd.Args, "-map", "0:v:0", "-an", "-sn", "-dn", "-vf", filter,
		"-fps_mode", "passthrough", "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "pipe:1")
	return cmd, nil
}

func (v Video) check() error {
	if v.Every < time.Millisecond {
		return fmt.Errorf("frames are %v apart, want 1ms or more", v.Every)
	}
	f, err := infile.Open(v.Path) // says what is wrong with it
	if err != nil {
		return err
	}
	f.Close()
	return Check()
}

// command returns a command about the video, which may refer to no other file and to no
// host.
func (v Video) command(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	abs, err := filepath.Abs(v.Path)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, append(args, "-protocol_whitelist", "file", "-i", "file:"+abs)...)
	cmd.Env = append(os.Environ(), "AV_LOG_FORCE_NOCOLOR=1")
	cmd.WaitDelay = 5 * time.Second
	return cmd, nil
}

// Count estimates the number of frames by the length that the file names.
func (v Video) Count(ctx context.Context) (int, error) {
	if err := v.check(); err != nil {
		return 0, fmt.Errorf("%s: %w", v.Path, err)
	}
	cmd, err := v.command(ctx, "ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0")
	if err != nil {
		return 0, err
	}
	var message beginning
	cmd.Stderr = &message
	text, err := cmd.Output()
	if cause := context.Cause(ctx); cause != nil {
		return 0, cause
	}
	if err != nil {
		return 0, fmt.Errorf("%s: ffprobe: %w: %.200s", v.Path, err, strings.TrimSpace(message.String()))
	}
	var seconds float64
	if _, err := fmt.Sscanf(string(text), "%g", &seconds); err != nil { // it does not name one
		return 0, nil
	}
	return 1 + int(seconds/v.Every.Seconds()), nil
}
