package metrics

import (
	"math"
	"strings"
	"unicode"
)

// Constants of CIDEr-D (Vedantam et al., arXiv:1411.5726): n-grams of up to
// four words, and how fast a difference in length is punished.
const (
	ciderN     = 4
	ciderSigma = 6.0
)

// A Corpus counts, for each n-gram, the pictures with a caption that contains it.
// Its memory grows with the number of different n-grams. The zero value is empty.
type Corpus struct {
	pictures int
	seen     map[string]int
}

// Add counts the captions of one picture.
func (c *Corpus) Add(captions []string) {
	if c.seen == nil {
		c.seen = map[string]int{}
	}
	c.pictures++
	once := map[string]bool{}
	for _, caption := range captions {
		for _, grams := range ngrams(caption) {
			for _, g := range grams {
				if !once[g.words] {
					once[g.words] = true
					c.seen[g.words]++
				}
			}
		}
	}
}

// CIDErD scores a caption by the expected captions of its picture, which must have
// been added: 0 to 10, and 0 if no caption is expected. Words are separated by
// spaces; case does not count, nor do characters around a word that are not
// letters, digits or marks.
func (c *Corpus) CIDErD(caption string, expected []string) float64 {
	if len(expected) == 0 {
		return 0
	}
	mine := c.weigh(ngrams(caption))
	sum := 0.0
	for _, e := range expected {
		sum += mine.similarity(c.weigh(ngrams(e)))
	}
	return 10 * sum / float64(len(expected))
}

// A gram is an n-gram with its count in a caption.
type gram struct {
	words string
	count int
}

// ngrams returns the n-grams of a caption in order of appearance; grams[n] has the
// n-grams of n+1 words.
func ngrams(caption string) (grams [ciderN][]gram) {
	var words []string
	for _, w := range strings.Fields(strings.ToLower(caption)) {
		w = strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) })
		if w != "" {
			words = append(words, w)
		}
	}
	place := map[string]int{}
	for n := range grams {
		for i := range len(words) - n {
			g := strings.Join(words[i:i+n+1], " ")
			at, ok := place[g]
			if !ok {
				at = len(grams[n])
				place[g] = at
				grams[n] = append(grams[n], gram{words: g})
			}
			grams[n][at].count++
		}
	}
	return grams
}

// A weighed caption has, for each length of n-grams, their counts times their
// rarity: log(pictures) - log(pictures with the n-gram).
type weighed struct {
	grams  [ciderN][]gram
	weight [ciderN]map[string]float64
	norm   [ciderN]float64 // Euclidean, of the weights
	length int             // in words
}

// weigh weighs the n-grams of a caption.
func (c *Corpus) weigh(grams [ciderN][]gram) weighed {
	w := weighed{grams: grams}
	for n := range grams {
		w.weight[n] = map[string]float64{}
		for _, g := range grams[n] {
			v := float64(g.count) * (math.Log(float64(max(1, c.pictures))) - math.Log(float64(max(1, c.seen[g.words]))))
			w.weight[n][g.words] = v
			w.norm[n] += v * v
			if n == 0 {
				w.length += g.count
			}
		}
		w.norm[n] = math.Sqrt(w.norm[n])
	}
	return w
}

// similarity is the mean cosine over the lengths of n-grams. Repeating an
// n-gram more often than other does earns nothing more; a difference in length
// lowers the result.
func (w weighed) similarity(other weighed) float64 {
	sum := 0.0
	for n := range ciderN {
		dot := 0.0
		for _, g := range w.grams[n] {
			theirs := other.weight[n][g.words]
			dot += min(w.weight[n][g.words], theirs) * theirs
		}
		if w.norm[n] != 0 && other.norm[n] != 0 {
			dot /= w.norm[n] * other.norm[n]
		}
		sum += dot
	}
	delta := float64(w.length - other.length)
	return sum / ciderN * math.Exp(-delta*delta/(2*ciderSigma*ciderSigma))
}
