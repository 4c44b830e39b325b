package export

import (
	"context"
	"encoding/csv"
	"strconv"
	"strings"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/locseg"
)

// A jsonlSink writes records with the objects that pass the filter. Text and tokens
// stay as the model wrote them.
type jsonlSink struct{ *file }

func createJSONL(path string, o *Options) (Sink, error) {
	f, err := createFile(path, o)
	if err != nil {
		return nil, err
	}
	return jsonlSink{f}, nil
}

// Add writes failures, too: the file is still one of records.
func (s jsonlSink) Add(_ context.Context, p *Picture) error {
	for _, a := range p.Answers {
		if err := record.Append(s, a.filtered()); err != nil {
			return err
		}
	}
	return nil
}

// filtered returns the record with the answer's objects only.
func (a Answer) filtered() *record.Record {
	if a.Record.Result == nil || len(a.Objects) == len(a.Record.Objects) {
		return a.Record
	}
	r, result := *a.Record, *a.Record.Result
	r.Result, r.Masks, result.Objects = &result, nil, nil
	masks, any := []*record.Mask{}, false
	for _, o := range a.Objects {
		result.Objects = append(result.Objects, o.Object)
		masks = append(masks, o.RLE)
		any = any || o.RLE != nil
	}
	if any {
		r.Masks = masks
	}
	return &r
}

// A csvSink writes a line for each object, and for each answer without objects.
type csvSink struct {
	*file
	w *csv.Writer
}

// csvHeader names the columns; boxes are in pixels.
var csvHeader = []string{"image", "width", "height", "time", "prompt", "text", "label", "score", "x0", "y0", "x1", "y1", "error"}

func createCSV(path string, o *Options) (Sink, error) {
	f, err := createFile(path, o)
	if err != nil {
		return nil, err
	}
	s := csvSink{f, csv.NewWriter(f)}
	return s, s.w.Write(csvHeader)
}

// Add repeats picture, prompt and text on the line of each object, so that any line can be
// read alone.
func (s csvSink) Add(_ context.Context, p *Picture) error {
	for _, a := range p.Answers {
		r := a.Record
		row := []string{r.Image, strconv.Itoa(r.Width), strconv.Itoa(r.Height), "", string(r.Prompt), "", "", "", "", "", "", "", ""}
		if r.Time != nil {
			row[3] = strconv.FormatFloat(*r.Time, 'f', 3, 64)
		}
		if r.Error != nil {
			row[12] = string(r.Error.Kind) + ": " + r.Error.Message
		} else {
			row[5] = r.Text
		}
		for i, o := range a.Objects {
			if i > 0 {
				s.write(row)
			}
			x0, y0, x1, y1 := p.Pixels(o.Box)
			row[6], row[7] = o.Label, strconv.FormatFloat(float64(o.Score), 'g', -1, 32)
			for i, v := range []float64{x0, y0, x1, y1} {
				row[8+i] = strconv.FormatFloat(v, 'f', -1, 64)
			}
		}
		s.write(row)
	}
	return s.w.Error()
}

// write writes a row whose cells no spreadsheet takes for formulas. Errors stay in the
// writer.
func (s csvSink) write(row []string) {
	safe := make([]string, len(row))
	for i, cell := range row {
		safe[i] = plain(cell)
	}
	s.w.Write(safe)
}

// plain puts an apostrophe before a cell that a spreadsheet would compute (OWASP, CSV
// Injection), or that begins with one; numbers such as -5 stay.
func plain(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r\n'", rune(cell[0])) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return cell
	}
	return "'" + cell
}

func (s csvSink) Finish() error {
	s.w.Flush()
	if err := s.w.Error(); err != nil {
		return err
	}
	return s.file.Finish()
}

// A finetuneSink writes the answers as examples to train on, in the form that Roboflow's
// maestro and PaliGemma's own notebooks read.
type finetuneSink struct {
	*file
	o *Options
}

func createFinetune(path string, o *Options) (Sink, error) {
	f, err := createFile(path, o)
	if err != nil {
		return nil, err
	}
	return finetuneSink{f, o}, nil
}

func (s finetuneSink) Add(_ context.Context, p *Picture) error {
	for _, a := range p.Answers {
		if a.Record.Error != nil || a.Record.Stop != paligemma.StopEOS { // not an answer to learn from
			continue
		}
		if err := s.json(struct {
			Image  string           `json:"image"`
			Prefix paligemma.Prompt `json:"prefix"`
			Suffix string           `json:"suffix"`
		}{p.Name, a.Record.Prompt, a.suffix(s.o)}); err != nil {
			return err
		}
	}
	return nil
}

// suffix returns the text of an answer, without the objects that the filter drops.
func (a Answer) suffix(o *Options) string {
	if len(a.Objects) == len(a.Record.Objects) {
		return a.Record.Text
	}
	spelled, _ := locseg.Parse(a.Record.Text)
	var kept []string
	for i, x := range spelled {
		if i < len(a.Record.Objects) && o.keeps(a.Record.Objects[i]) {
			kept = append(kept, a.Record.Text[x.First:x.Last])
		}
	}
	return strings.Join(kept, " ; ")
}
