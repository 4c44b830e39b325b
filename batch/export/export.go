package export

import (
	"context"
	"fmt"
	"image"
	"iter"
	"slices"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
)

// A Format is a kind of output.
type Format struct {
	Name   string
	Usage  string // in a few words
	Folder bool   // the output is a folder, else a file

	// Create starts the output at a path where nothing may be, see Options.Replace.
	Create func(path string, o *Options) (Sink, error)
}

// A Sink takes pictures one after the other.
type Sink interface {
	Add(ctx context.Context, p *Picture) error
	Finish() error // completes the output and gives it its name
	Close() error  // removes an output that is not complete; may be called again
}

// Formats lists the formats of this package, sorted by name. Package parquet has one
// more.
func Formats() []Format {
	return []Format{
		{"coco", "a COCO data set: boxes, scores, masks as RLE", false, createCOCO},
		{"csv", "a table: a line for each object, or for an answer without any", false, createCSV},
		{"cvat", "CVAT for images 1.1: boxes and polygons", false, createCVAT},
		{"finetune", "JSON lines of image, prefix and suffix, to fine-tune PaliGemma on", false, createFinetune},
		{"html", "a contact sheet to look through, with small copies of the pictures", true, createSheet},
		{"jsonl", "the records themselves, filtered", false, createJSONL},
		{"label-studio", "tasks with pre-annotations, and the labelling interface for them", true, createLabelStudio},
		{"pictures", "the pictures with their objects drawn on them", true, createDrawings},
		{"yolo", "a YOLO data set to train on: pictures, boxes, data.yaml", true, createYOLO},
		{"yolo-seg", "the same with outlines, for segmentation", true, createYOLOSegments},
	}
}

// Options say what is written. The zero value writes everything that does not
// need the pictures.
type Options struct {
	Labels   []string // objects of other labels are left out; nil keeps all
	MinScore float32  // objects of a lower score are left out
	Found    bool     // pictures without objects, after the filter, are left out
	Replace  bool     // a file that exists is replaced; a folder never is

	// Validation is the share of pictures, from 0 to 1, that a set to train on keeps
	// apart; a picture's name decides. 0 validates with the pictures it trains on.
	Validation float64

	// URL returns a picture's address for programs that fetch pictures; nil leaves
	// names as they are.
	URL func(name string) string

	// Read returns the bytes of a picture's file; formats that hold pictures need it.
	Read      func(ctx context.Context, name string) ([]byte, error)
	MaxPixels int // of a picture; 0 means 100 million
}

// A Report counts what was written.
type Report struct {
	Pictures int // written
	Answers  int // of these pictures, failed ones included
	Objects  int // written
	Failed   int // answers that are errors
	Unsized  int // pictures whose answers all failed, which only the tables have
	Unmasked int // objects with the codes of a mask, whose record has no mask: the model had no decoder
}

// Run writes the pictures of records to path in a format; nil options are zero ones. It holds one
// picture with its answers, what a format gathers, and some 40 bytes for each picture's
// name. An error leaves nothing at path.
func Run(ctx context.Context, f Format, path string, records iter.Seq2[*record.Record, error], o *Options) (*Report, error) {
	if o == nil {
		o = &Options{}
	}
	sink, err := f.Create(path, o)
	if err != nil {
		return nil, err
	}
	defer sink.Close()
	report := &Report{}
	for p, err := range pictures(records, o) {
		if err != nil {
			return nil, err
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if o.Found && p.objects() == 0 {
			continue
		}
		if err := sink.Add(ctx, p); err != nil {
			return nil, fmt.Errorf("picture %s: %w", p.Name, err)
		}
		report.add(p)
	}
	return report, sink.Finish()
}

// add counts a picture.
func (r *Report) add(p *Picture) {
	r.Pictures++
	if p.Size == (image.Point{}) {
		r.Unsized++
	}
	for _, a := range p.Answers {
		r.Answers++
		if a.Record.Error != nil {
			r.Failed++
		}
		r.Objects += len(a.Objects)
		for _, o := range a.Objects {
			if o.Codes != nil && o.RLE == nil {
				r.Unmasked++
			}
		}
	}
}

// keeps reports whether an object passes the filter.
func (o *Options) keeps(x paligemma.Object) bool {
	return x.Score >= o.MinScore && (o.Labels == nil || slices.Contains(o.Labels, x.Label))
}
