// Package parquet adds Parquet to the formats of package export:
//
//	report, err := export.Run(ctx, parquet.Format(), "out.parquet", records, &export.Options{})
//
// It is a package of its own because the library for such files is large.
package parquet

import (
	"context"

	"github.com/parquet-go/parquet-go"

	"github.com/pgcli/paligemma/batch/export"
	"github.com/pgcli/paligemma/internal/newfile"
)

// A Row is an answer, or the error instead of one.
type Row struct {
	Key     string   `parquet:"key"`
	Image   string   `parquet:"image,dict"`
	SHA256  string   `parquet:"sha256,optional"`
	Width   int32    `parquet:"width"`
	Height  int32    `parquet:"height"`
	Time    *float64 `parquet:"time,optional"` // seconds, of frames
	Prompt  string   `parquet:"prompt,dict"`
	Model   string   `parquet:"model,dict"`
	Text    *string  `parquet:"text,optional"`
	Stop    *string  `parquet:"stop,optional,dict"`
	Objects []Object `parquet:"objects,list"`
	Error   *Failure `parquet:"error,optional"`
}

// An Object is an object with its box in pixels.
type Object struct {
	Label string  `parquet:"label,dict"`
	Score float32 `parquet:"score"`
	X0    float64 `parquet:"x0"`
	Y0    float64 `parquet:"y0"`
	X1    float64 `parquet:"x1"`
	Y1    float64 `parquet:"y1"`
	Mask  *string `parquet:"mask,optional"` // counts of COCO's compressed RLE
}

// A Failure says why there is no answer.
type Failure struct {
	Kind    string `parquet:"kind,dict"`
	Message string `parquet:"message"`
}

// Bounds of a group of rows, which is kept in memory.
const (
	groupRows  = 10_000
	groupBytes = 16 << 20 // of texts and masks
)

// Format returns the format: a row for each answer, compressed with Zstandard.
func Format() export.Format {
	return export.Format{Name: "parquet", Usage: "a Parquet table: a row for each answer, with a list of its objects", Create: create}
}

type sink struct {
	f    *newfile.File
	w    *parquet.GenericWriter[Row]
	rows int // of the group that is not written yet
	size int // bytes of its texts and masks
}

func create(path string, o *export.Options) (export.Sink, error) {
	f, err := newfile.Create(path, o.Replace)
	if err != nil {
		return nil, err
	}
	return &sink{f: f, w: parquet.NewGenericWriter[Row](f, parquet.Compression(&parquet.Zstd),
		parquet.CreatedBy("pgcli export", "1", ""))}, nil // not the build: equal records give equal files
}

func (s *sink) Add(_ context.Context, p *export.Picture) error {
	for _, a := range p.Answers {
		r := a.Record
		row := Row{Key: r.Key, Image: r.Image, SHA256: r.SHA256, Width: int32(r.Width), Height: int32(r.Height), Time: r.Time,
			Prompt: string(r.Prompt), Model: r.Model}
		if r.Error != nil {
			row.Error = &Failure{string(r.Error.Kind), r.Error.Message}
		} else {
			stop := string(r.Stop)
			row.Text, row.Stop = &r.Text, &stop
		}
		for _, o := range a.Objects {
			x0, y0, x1, y1 := p.Pixels(o.Box)
			x := Object{Label: o.Label, Score: o.Score, X0: x0, Y0: y0, X1: x1, Y1: y1}
			if o.RLE != nil {
				x.Mask = &o.RLE.Counts
			}
			row.Objects = append(row.Objects, x)
		}
		if _, err := s.w.Write([]Row{row}); err != nil {
			return err
		}
		s.rows, s.size = s.rows+1, s.size+row.size()
		if s.rows >= groupRows || s.size >= groupBytes {
			if err := s.w.Flush(); err != nil {
				return err
			}
			s.rows, s.size = 0, 0
		}
	}
	return nil
}

// size returns about how many bytes a row's texts and masks have.
func (r *Row) size() int {
	n := len(r.Key) + len(r.Image) + len(r.SHA256) + len(r.Prompt) + len(r.Model)
	if r.Text != nil {
		n += len(*r.Text)
	}
	for _, o := range r.Objects {
		n += len(o.Label) + 40 // of the numbers
		if o.Mask != nil {
			n += len(*o.Mask)
		}
	}
	return n
}

func (s *sink) Finish() error {
	if err := s.w.Close(); err != nil {
		return err
	}
	return s.f.Commit()
}

// Close removes a file that is not complete.
func (s *sink) Close() error { return s.f.Close() }
