package eval

import (
	"context"
	"errors"
	"fmt"
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
	var forced []int32
	if c.expected {
		forced = append(c.side[0].model.Tokenize(e.Expected[0]), eos)
	}
	var all []place // counted only when the answer is whole
	for same = true; ; {
		p, err := c.predict(ctx) // p.id is A's likeliest token
		if err != nil {
			return nil, false, err
		}
		if c.expected {
			p.id = forced[len(all)]
		}
		all, same = append(all, p), same && p.agreed
		if p.id == eos {
			break
		}
		err = c.append(ctx, p.id)
		if errors.Is(err, paligemma.ErrContextFull) {
			break
		}
		if err != nil {
			return nil, false, err
		}
		if said = append(said, p.id); len(said) == c.opts.MaxTokens {
			break
		}
	}
	for _, p := range all {
		c.all.add(p.kl, p.agreed)
		c.placesOf(p.id).add(p.kl, p.agreed)
	}
	return said, same, nil
}

// append has both models read a token.
func (c *comparer) append(ctx context.Context, id int32) error {
	for _, s := range c.side {
		if err := s.session.Append(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// predict has both models predict the next token. The place's id is A's likeliest.
func (c *comparer) predict(ctx context.Context) (place, error) {
	var logits [2][]float32
	var tops [2]int32
	for i, s := range c.side {
		var err error
		if logits[i], err = s.session.Logits(ctx); err != nil {
			return place{}, err
		}
		for id, v := range logits[i] {
			if v-v != 0 { // true only for NaN and infinities
				return place{}, fmt.Errorf("model %c: logit of token %d is %v", 'A'+i, id, v)
			}
		}
		tops[i] = int32(metrics.Argmax(logits[i]))
	}
	return place{tops[0], metrics.KL(logits[0], logits[1]), tops[0] == tops[1]}, nil
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
