package export

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"image"
	"iter"
	"math"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/imageproc"
)

// A Picture is a picture with its answers, in the order of the prompts.
type Picture struct {
	Name    string
	Size    image.Point // in pixels; zero if every answer is an error
	Answers []Answer
}

// An Answer is a record with the objects that pass the filter.
type Answer struct {
	Record  *record.Record
	Objects []Object
}

// An Object is an object of an answer with its mask, nil without one.
type Object struct {
	paligemma.Object
	RLE *record.Mask
}

// maxAnswers bounds the answers about one picture.
const maxAnswers = 100_000

// pictures groups records that follow each other by their picture. A picture that
// comes back later is an error: its answers would be two pictures to a reader.
func pictures(records iter.Seq2[*record.Record, error], o *Options) iter.Seq2[*Picture, error] {
	return func(yield func(*Picture, error) bool) {
		seen := map[uint64]struct{}{} // hashes of names
		var p *Picture
		for r, err := range records {
			if err != nil {
				yield(nil, err)
				return
			}
			if p == nil || p.Name != r.Image {
				if p != nil && !yield(p, nil) {
					return
				}
				id := hash(r.Image)
				if _, again := seen[id]; again {
					yield(nil, fmt.Errorf("the records of picture %s do not follow each other; pgcli merge puts them together", r.Image))
					return
				}
				seen[id] = struct{}{}
				p = &Picture{Name: r.Image}
			}
			if err := p.add(r, o); err != nil {
				yield(nil, err)
				return
			}
		}
		if p != nil {
			yield(p, nil)
		}
	}
}

func hash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// add adds a record to its picture.
func (p *Picture) add(r *record.Record, o *Options) error {
	if len(p.Answers) == maxAnswers {
		return fmt.Errorf("picture %s has more than %d answers", p.Name, maxAnswers)
	}
	size := image.Pt(r.Width, r.Height)
	if most := cmp.Or(o.MaxPixels, imageproc.DefaultMaxPixels); size.X > 0 && size.Y > most/size.X {
		return fmt.Errorf("picture %s has %d x %d pixels, want at most %d", p.Name, size.X, size.Y, most)
	}
	switch {
	case p.Size == image.Point{}:
		p.Size = size
	case size != image.Point{} && size != p.Size:
		return fmt.Errorf("picture %s is %dx%d in one record and %dx%d in another: it changed between two runs", p.Name, p.Size.X, p.Size.Y, size.X, size.Y)
	}
	a := Answer{Record: r}
	if r.Error == nil {
		if size.X < 1 || size.Y < 1 {
			return fmt.Errorf("picture %s: an answer without the picture's size", p.Name)
		}
		for i, x := range r.Objects {
			if o.keeps(x) {
				kept := Object{Object: x}
				if r.Masks != nil {
					kept.RLE = r.Masks[i]
				}
				if m := kept.RLE; m != nil && m.Size != [2]int{size.Y, size.X} {
					return fmt.Errorf("picture %s: mask of %d x %d pixels, want the picture's %d x %d", p.Name, m.Size[1], m.Size[0], size.X, size.Y)
				}
				a.Objects = append(a.Objects, kept)
			}
		}
	}
	p.Answers = append(p.Answers, a)
	return nil
}

// objects returns the number of objects.
func (p *Picture) objects() int {
	n := 0
	for _, a := range p.Answers {
		n += len(a.Objects)
	}
	return n
}

// all returns the objects of all answers.
func (p *Picture) all() iter.Seq[Object] {
	return func(yield func(Object) bool) {
		for _, a := range p.Answers {
			for _, o := range a.Objects {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// Pixels returns a box as its left, top, right and bottom edge in pixels, with two
// decimals.
func (p *Picture) Pixels(b paligemma.Box) (x0, y0, x1, y1 float64) {
	w, h := float64(p.Size.X), float64(p.Size.Y)
	return cents(b.X0 * w), cents(b.Y0 * h), cents(b.X1 * w), cents(b.Y1 * h)
}

// cents rounds to two decimals.
func cents(v float64) float64 { return math.Round(v*100) / 100 }

// unnamed is the label of objects that an answer does not name, in formats whose
// labels may not be empty.
const unnamed = "object"

// A labels numbers labels in the order in which they come. Those of the filter come
// first, so that a class has one number in every set.
type labels struct {
	names  []string
	number map[string]int
}

func newLabels(o *Options) *labels {
	l := &labels{number: map[string]int{}}
	for _, name := range o.Labels {
		l.of(name)
	}
	return l
}

// of returns a label's number, from 0.
func (l *labels) of(label string) int {
	if label == "" {
		label = unnamed
	}
	n, known := l.number[label]
	if !known {
		n = len(l.names)
		l.names, l.number[label] = append(l.names, label), n
	}
	return n
}

// name returns a label as formats have it.
func (l *labels) name(label string) string { return l.names[l.of(label)] }
