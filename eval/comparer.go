package eval

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/metrics"
)

// A side is one of the two.
type side struct {
	viewer
	session *paligemma.Session
}

type comparer struct {
	side     [2]side
	opts     Options
	expected bool

	all, words, loc, seg places
	compared, same       int
	boxes                [2]int
	hits                 int
	boxIoU               float64
}

// places adds up what becomes a Divergence.
type places struct {
	kl     metrics.Distribution
	agreed int
}

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

func (c *comparer) close() {
	for _, s := range c.side {
		s.session.Close()
	}
}

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
		if err := c.point(ctx, e, images, said, same); err != nil {
			return fmt.Errorf("picture %s: %w", e.Image, err)
		}
	}
	c.compared++
	if same {
		c.same++
	}
	return nil
}

// A place is what both models would put somewhere.
type place struct {
	id     int32 // what is there
	kl     float64
	agreed bool
}

// read has both models read one answer, and returns it. same reports whether
// they agreed in every place.
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
	var all []place // counted when the answer is whole
	for same = true; ; {
		p, tops, err := c.look(ctx)
		if err != nil {
			return nil, false, err
		}
		p.id = tops[0]
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
		c.kind(p.id).add(p.kl, p.agreed)
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

// look asks both models for the next token.
func (c *comparer) look(ctx context.Context) (p place, tops [2]int32, err error) {
	var logits [2][]float32
	for i, s := range c.side {
		if logits[i], err = s.session.Logits(ctx); err != nil {
			return p, tops, err
		}
		for id, v := range logits[i] {
			if v-v != 0 { // so it is for NaN and infinities only
				return p, tops, fmt.Errorf("model %c: logit of token %d is %v", 'A'+i, id, v)
			}
		}
		tops[i] = int32(metrics.Top(logits[i]))
	}
	return place{kl: metrics.KL(logits[0], logits[1]), agreed: tops[0] == tops[1]}, tops, nil
}

// kind is where a place of a token is counted.
func (c *comparer) kind(id int32) *places {
	piece := c.side[0].model.Piece(id)
	switch {
	case strings.HasPrefix(piece, "<loc"):
		return &c.loc
	case strings.HasPrefix(piece, "<seg"):
		return &c.seg
	}
	return &c.words
}

// point compares the boxes of the models' own answers. said is what they read;
// if that was A's own answer and B agreed throughout, it is B's too.
func (c *comparer) point(ctx context.Context, e *Example, images [2][]*paligemma.Image, said []int32, same bool) error {
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

// pair compares B's boxes with A's.
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
