package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/metrics"
)

// A side is one of the two models, with its session.
type side struct {
	viewer
	session *paligemma.Session
}

// A comparer adds up what becomes a Comparison.
type comparer struct {
	side     [2]side
	opts     Options
	expected bool

	all, words, loc, seg places
	compared, same       int
	boxes                [2]int  // of each side
	hits                 int     // A's boxes that B has with an IoU of metrics.Found or more
	boxIoU               float64 // sum over A's boxes
}

// places adds up what becomes a Divergence.
type places struct {
	kl     metrics.Distribution
	agreed int
}

// add counts a place.
func (p *places) add(kl float64, agreed bool) {
	p.kl.Add(kl)
	if agreed {
		p.agreed++
	}
}

func (p *places) report() Divergence {
	q := p.kl.Quantiles(0.5, 0.99, 1)
	n := p.kl.Len()
	return Divergence{n, p.kl.Mean(), q[0], q[1], q[2], float64(p.agreed) / float64(max(1, n))}
}

// close closes the sessions.
func (c *comparer) close() {
	for _, s := range c.side {
		s.session.Close()
	}
}

// ask compares the models on an example.
func (c *comparer) ask(ctx context.Context, e *Example) error {
	var images [2][]*paligemma.Image
	for i := range c.side {
		img, err := c.side[i].encode(ctx, e)
		if err != nil {
			return err
		}
		images[i] = []*paligemma.Image{img}
	}
	said, same, err := c.read(ctx, e, images)
	if err != nil {
		return fmt.Errorf("picture %s: %w", e.Image, err)
	}
	if e.Task.objects() {
		if err := c.compareBoxes(ctx, e, images, said, same); err != nil {
			return fmt.Errorf("picture %s: %w", e.Image, err)
		}
	}
	c.compared++
	if same {
		c.same++
	}
	return nil
}

// A place is a position in an answer, and how the models differ there.
type place struct {
	id     int32 // the answer's token
	kl     float64
	agreed bool // both have the same likeliest token
}

// read has both models read one answer, and returns it without its end. same
// reports whether they agreed at every place.
func (c *comparer) read(ctx context.Context, e *Example, images [2][]*paligemma.Image) (said []int32, same bool, err error) {
	for i, s := range c.side {
		if err := s.session.Prefill(ctx, images[i], e.Prompt); err != nil {
			return nil, false, err
		}
	}
	eos := c.side[0].model.EOS()
	next := c.own
	if c.expected {
		next = c.given(append(c.side[0].model.Tokenize(e.Expected[0]), eos))
	}
	var all []place // counted only when the answer is whole
	for end := false; !end; {
		p, err := next(ctx, c.opts.MaxTokens-len(said))
		if err == nil {
			all, err = c.predict(ctx, p, all)
		}
		if err != nil {
			return nil, false, err
		}
		said, end = append(said, p.ids...), p.end
	}
	said = slices.DeleteFunc(said, func(id int32) bool { return id == eos }) // its end
	same = true
	for _, p := range all {
		same = same && p.agreed
		c.all.add(p.kl, p.agreed)
		c.placesOf(p.id).add(p.kl, p.agreed)
	}
	return said, same, nil
}

// predict has B predict the tokens of a passage, and appends the places to all. B
// reads as A did, at once or token by token: with ggml's operations the last digits
// of logits depend on it.
func (c *comparer) predict(ctx context.Context, p passage, all []place) ([]place, error) {
	b := c.side[1].session
	add := func(i int, logits []float32) error {
		agreed := metrics.Argmax(p.logits[i]) == metrics.Argmax(logits)
		all = append(all, place{p.ids[i], metrics.KL(p.logits[i], logits), agreed})
		return finite('B', logits)
	}
	if c.expected {
		var failed error
		err := b.Read(ctx, p.ids, func(i int, logits []float32) {
			if failed == nil {
				failed = add(i, logits)
			}
		})
		return all, errors.Join(err, failed)
	}
	for i, id := range p.ids {
		logits, err := b.Logits(ctx)
		if err == nil {
			err = add(i, logits)
		}
		if last := i == len(p.ids)-1; err == nil && !(last && p.end) {
			err = b.Append(ctx, id)
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// placesOf returns the places that count a token of its kind.
func (c *comparer) placesOf(id int32) *places {
	piece := c.side[0].model.Piece(id)
	switch {
	case strings.HasPrefix(piece, "<loc"):
		return &c.loc
	case strings.HasPrefix(piece, "<seg"):
		return &c.seg
	}
	return &c.words
}

// compareBoxes compares the boxes of the models' own answers. said is the answer
// that both read; if it was A's own and B agreed throughout, it is B's own too.
func (c *comparer) compareBoxes(ctx context.Context, e *Example, images [2][]*paligemma.Image, said []int32, same bool) error {
	var own [2][]paligemma.Object
	for i, s := range c.side {
		if !c.expected && (i == 0 || same) {
			own[i], _ = s.model.ParseObjects(s.model.Detokenize(said), images[i][0].Bounds().Size())
			continue
		}
		r, err := s.session.Run(ctx, images[i], e.Prompt, c.opts.sampling(e))
		if err != nil {
			return err
		}
		own[i] = r.Objects
	}
	c.pair(own[0], own[1])
	return nil
}

// pair counts the boxes of one example and compares B's with A's.
func (c *comparer) pair(a, b []paligemma.Object) {
	ious, _ := metrics.Match(things(b), things(a))
	for _, v := range ious {
		c.boxIoU += v
		if v >= metrics.Found {
			c.hits++
		}
	}
	c.boxes[0], c.boxes[1] = c.boxes[0]+len(a), c.boxes[1]+len(b)
}

func (c *comparer) report() *Comparison {
	return &Comparison{Compared: c.compared, All: c.all.report(), Words: c.words.report(), Loc: c.loc.report(), Seg: c.seg.report(),
		Same: float64(c.same) / float64(max(1, c.compared)), BoxesA: c.boxes[0], BoxesB: c.boxes[1],
		BoxIoU: c.boxIoU / float64(max(1, c.boxes[0])), F1: metrics.F1(c.hits, c.boxes[1], c.boxes[0])}
}
