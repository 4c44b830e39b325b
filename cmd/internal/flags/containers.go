package flags

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/archive"
	"github.com/pgcli/paligemma/batch/parquet"
	"github.com/pgcli/paligemma/batch/video"
	"github.com/urfave/cli/v2"
)

// Containers says how files with many pictures are read: archives, tables and videos.
type Containers struct {
	every  time.Duration // between frames
	column string        // of tables
}

// ContainerFlags are the flags of commands that read the pictures of a batch, for the first
// time or again. Each command about one batch needs the same values.
func ContainerFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "every", Value: time.Second, Usage: "`time` between frames of a video, such as 2s"},
		&cli.Float64Flag{Name: "fps", Usage: "frames of a second of video, a `number`, in place of --every"},
		&cli.StringFlag{Name: "column", Value: parquet.DefaultColumn, Usage: "`name` of the column of pictures in Parquet files"},
	}
}

// ReadContainers reads the flags.
func ReadContainers(c *cli.Context) (k Containers, err error) {
	if c.Value("every") == nil { // a command without the flags
		return Containers{time.Second, parquet.DefaultColumn}, nil
	}
	k = Containers{c.Duration("every"), c.String("column")}
	if c.IsSet("fps") {
		if c.IsSet("every") {
			return k, Usagef("--every and --fps say the same; give one")
		}
		f := c.Float64("fps")
		if !(f > 0 && f <= 1000) {
			return k, Usagef("--fps is %v, want more than 0, at most 1000", f)
		}
		k.every = time.Duration(float64(time.Second) / f)
	}
	if k.every < time.Millisecond {
		return k, Usagef("--every is %v, want 1ms or more", k.every)
	}
	if k.column == "" {
		return k, Usagef("--column is empty, want a name")
	}
	return k, nil
}

// Source returns the pictures of the file at path; nil if it is no such file by its name.
func (k Containers) Source(path string) batch.Source {
	path = filepath.ToSlash(path) // records name it, the same on every system
	switch {
	case archive.IsTar(path):
		return archive.Tar(path)
	case parquet.IsParquet(path):
		return parquet.File{Path: path, Column: k.column}
	case video.IsVideo(path):
		return video.Video{Path: path, Every: k.every}
	}
	return nil
}

// Members read single members of files with many pictures, and keep what helps to read the
// next one of a table. The zero value is ready. They are safe for concurrent use.
type Members struct{ tables parquet.Tables }

// Read returns the bytes of a member of a file, which Source has found, perhaps on another
// machine. in is the file, and path where it lies.
func (m *Members) Read(ctx context.Context, in *os.File, path, member string, at batch.Reference) ([]byte, error) {
	switch {
	case archive.IsTar(path):
		return archive.Member(ctx, in, member, at.Start)
	case parquet.IsParquet(path):
		return m.tables.Row(ctx, in, parquet.File{Path: path, Column: at.Column}, member)
	case video.IsVideo(path):
		return video.Video{Path: path, Every: time.Second}.Frame(ctx, member, at.Version)
	}
	return nil, fmt.Errorf("%s is no archive, table or video", at.File)
}
