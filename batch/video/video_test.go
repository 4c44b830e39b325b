package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// make makes a video with ffmpeg, or skips the test.
func makeVideo(t *testing.T, args ...string) string {
	t.Helper()
	if err := Check(); err != nil {
		t.Skip("SKIPPED: nothing about videos is tested: ", err)
	}
	path := filepath.Join(t.TempDir(), "-film.mp4")
	args = append([]string{"-nostdin", "-v", "error"}, append(args, "-c:v", "mpeg4", "-q:v", "2", "file:"+path)...)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %q: %v\n%s", args, err, out)
	}
	return path
}

// drawn makes a film of a time in seconds. In second s a white box of 40 x 40 pixels is
// at (4s, 3s), on black.
func drawn(t *testing.T, seconds int, rate string) string {
	t.Helper()
	return makeVideo(t, "-f", "lavfi", "-i", fmt.Sprintf("color=black:s=320x240:r=%s:d=%d", rate, seconds),
		"-f", "lavfi", "-i", fmt.Sprintf("color=white:s=40x40:r=%s:d=%d", rate, seconds),
		"-filter_complex", "[0][1]overlay=x='4*floor(t+1e-4)':y='3*floor(t+1e-4)'")
}

// A frame of a film, with the corner of its box.
type seen struct {
	name string
	time float64
	at   image.Point
}

func frames(t *testing.T, v Video) (all []seen) {
	t.Helper()
	for item, err := range v.Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		data, err := item.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		head := []byte("P6\n320 240\n255\n")
		pixels, ok := bytes.CutPrefix(data, head)
		if !ok || len(pixels) != 3*320*240 {
			t.Fatalf("%s: %d bytes begin with %.20q", item.Name, len(data), data)
		}
		box := image.Rectangle{}
		for i := 0; i < len(pixels); i += 3 {
			if x, y := i/3%320, i/3/320; pixels[i] > 128 {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
		if d := box.Size(); d.X < 38 || d.X > 42 || d.Y < 38 || d.Y > 42 {
			t.Errorf("%s: box %v, want 40 x 40", item.Name, box)
		}
		all = append(all, seen{strings.TrimPrefix(item.Name, v.Path), *item.Time, box.Min})
	}
	return all
}

// TestFramesAndTimesAreRight: of a film of 60 seconds each frame is the picture at its
// time, every time is there, and no other.
func TestFramesAndTimesAreRight(t *testing.T) {
	for _, c := range []struct {
		rate    string
		seconds int
		every   time.Duration
		count   int
	}{
		{"25", 60, 2 * time.Second, 30},
		{"30000/1001", 12, time.Second, 12},
		{"10", 6, 500 * time.Millisecond, 12},
		{"10", 6, 700 * time.Millisecond, 9},
		{"10", 3, 10 * time.Millisecond, 30}, // more often than there are frames
		{"10", 6, time.Hour, 1},
	} {
		v := Video{drawn(t, c.seconds, c.rate), c.every}
		got := frames(t, v)
		if len(got) != c.count {
			t.Errorf("%s frames a second, every %v: %d frames, want %d: %v", c.rate, c.every, len(got), c.count, got)
		}
		var num, den = 1.0, 1.0
		fmt.Sscanf(c.rate, "%g/%g", &num, &den)
		frame := den / num
		for i, f := range got {
			due := float64(i) * math.Max(c.every.Seconds(), frame)
			if f.time < due-1e-5 || f.time >= due+frame {
				t.Errorf("%s frames a second, every %v: frame %d is at %v, want the first from %v", c.rate, c.every, i, f.time, due)
			}
			if want := fmt.Sprintf("#t=%.3f", f.time); f.name != want {
				t.Errorf("name %s, want %s", f.name, want)
			}
			s := int(f.time + 1e-4)
			if d := f.at.Sub(image.Pt(4*s, 3*s)); max(d.X, -d.X, d.Y, -d.Y) > 1 {
				t.Errorf("%s frames a second: at %v the box is at %v, want (%d, %d)", c.rate, f.time, f.at, 4*s, 3*s)
			}
		}
		if n, err := v.Count(t.Context()); err != nil || n < c.count || n > c.count+2 && c.every.Seconds() > frame {
			t.Errorf("%d frames by the length of the file, %v, want about %d", n, err, c.count)
		}
	}
}

// TestAVideoEndsWithItsContext, and when no other frame is wanted: ffmpeg ends too.
func TestAVideoEndsWithItsContext(t *testing.T) {
	v := Video{drawn(t, 60, "25"), 40 * time.Millisecond}
	ended := make(chan error, 2)
	go func() {
		for range v.Items(t.Context()) {
			break
		}
		ended <- nil
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		for _, err := range v.Items(ctx) {
			cancel()
			last = err
		}
		ended <- last
	}()
	for range 2 {
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("ffmpeg goes on")
		}
	}
}

// TestACountEndsWithItsContext, which is no fault of ffprobe.
func TestACountEndsWithItsContext(t *testing.T) {
	film := drawn(t, 1, "2")
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("the caller has left")
	cancel(left)
	if n, err := (Video{Path: film, Every: time.Second}).Count(ctx); err != left {
		t.Errorf("%d frames, error %v, want %v", n, err, left)
	}
}

// TestBrokenVideos are errors that name the file and say what ffmpeg says.
func TestBrokenVideos(t *testing.T) {
	whole := drawn(t, 2, "10")
	dir := t.TempDir()
	write := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	outside := write("outside.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n")
	sound := filepath.Join(dir, "sound.mp4")
	if text, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", sound).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.mp4"): "no such file",
		write("text.mp4", "no video"):  "Invalid data",
		write("empty.mp4", ""):         "Invalid data",
		outside:                        "ffmpeg stops after 0 frames",
		sound:                          "ffmpeg stops after 0 frames: the file has no video, perhaps only sound",
		dir:                            "is a folder, want a regular file",
	} {
		n := 0
		var last error
		for _, err := range (Video{path, time.Second}).Items(t.Context()) {
			if err == nil {
				n++
			}
			last = err
		}
		if n > 0 || last == nil || !strings.HasPrefix(last.Error(), path+": ") || !strings.Contains(last.Error(), want) {
			t.Errorf("%d frames, error %v, want %s", n, last, want)
		}
	}
	for _, err := range (Video{whole, 0}).Items(t.Context()) {
		if err == nil || !strings.Contains(err.Error(), "frames are 0s apart") {
			t.Errorf("no time between frames: %v", err)
		}
	}
}

// TestFramesAlone: each frame is found by its reference, as Items has it, at once and also
// from the start of the film, and no other is taken for it.
func TestFramesAlone(t *testing.T) {
	v := Video{drawn(t, 5, "10"), 700 * time.Millisecond}
	n := 0
	for item, err := range v.Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		want, err := item.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ref, err := item.Refer()
		if err != nil || ref.File != v.Path {
			t.Errorf("%s: %+v, %v", item.Name, ref, err)
		}
		if tenths := *item.Time * 10; tenths != math.Round(tenths) {
			t.Errorf("%s is at %v, want tenths of a second", item.Name, *item.Time)
		}
		_, name, _ := strings.Cut(item.Name, "#")
		if from := fmt.Sprintf("%.6f", *item.Time-0.0005); n > 1 {
			if got, err := v.frame(t.Context(), []string{"-ss", from}, "null"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s at once has %d other bytes, %v", item.Name, len(got), err)
			}
		}
		for _, version := range []string{ref.Version, "of another"} {
			if got, err := v.Frame(t.Context(), name, version); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s alone has %d other bytes, %v", item.Name, len(got), err)
			}
		}
	}
	if n != 8 {
		t.Errorf("%d frames, want 8", n)
	}
	for _, name := range []string{"", "t=", "t=-1.000", "t=NaN", "t=1", "t=1.0000", "t=0.050", "t=99.000", "1.000"} {
		if data, err := v.Frame(t.Context(), name, ""); err == nil {
			t.Errorf("frame %q has %d bytes, want an error", name, len(data))
		}
	}
}
