package metrics

import (
	"regexp"
	"slices"
	"strings"
)

// fullMarks is the number of people who must give an answer for it to be right.
const fullMarks = 3

// VQA returns the accuracy of an answer by the rules of the VQA challenge
// (https://visualqa.org/evaluation.html): min(n/3, 1) for n people who gave the
// same answer, averaged over leaving out one person at a time. The challenge asks
// ten people; of three or fewer, one who agrees is enough. All answers are
// compared as VQANormal spells them.
func VQA(answer string, people []string) float64 {
	same := 0
	answer = VQANormal(answer)
	for _, p := range people {
		if VQANormal(p) == answer {
			same++
		}
	}
	if len(people) <= fullMarks {
		return float64(min(same, 1))
	}
	// Leaving out one who agrees leaves same-1 who agree; leaving out another, same.
	mark := func(n int) float64 { return min(float64(n)/fullMarks, 1) }
	return (float64(same)*mark(same-1) + float64(len(people)-same)*mark(same)) / float64(len(people))
}

var (
	thousands = regexp.MustCompile(`\p{Nd},\p{Nd}`)
	period    = regexp.MustCompile(`\.(\P{Nd}|$)`)
	// Apostrophes and colons stay: they may mean a possessive or a time.
	punctuation = strings.Split(";/[]\"{}()=+\\_-><@`,?!", "")
	articles    = []string{"a", "an", "the"}
	numbers     = strings.Fields("zero one two three four five six seven eight nine ten")
)

// VQANormal spells an answer as the VQA challenge compares it: lower case,
// numbers up to ten as digits, no articles, no periods except in decimals, and
// apostrophes put back into contractions. Other punctuation becomes a space, or
// nothing if it touches a space or the text has a comma between digits.
func VQANormal(s string) string {
	s = strings.TrimSpace(strings.NewReplacer("\n", " ", "\t", " ").Replace(s))
	original, joined := s, thousands.MatchString(s)
	for _, p := range punctuation {
		with := " "
		if joined || strings.Contains(original, p+" ") || strings.Contains(original, " "+p) {
			with = ""
		}
		s = strings.ReplaceAll(s, p, with)
	}
	for period.MatchString(s) { // again, since another period may follow
		s = period.ReplaceAllString(s, "$1")
	}
	var words []string
	for _, w := range strings.Fields(strings.ToLower(s)) {
		if i := slices.Index(numbers, w); i >= 0 {
			w = digits[i]
		} else if w == "none" {
			w = "0"
		}
		if slices.Contains(articles, w) {
			continue
		}
		if full, ok := contractions[w]; ok {
			w = full
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

var digits = strings.Fields("0 1 2 3 4 5 6 7 8 9 10")

// contractions maps each contraction without one of its apostrophes to the whole
// one.
var contractions = incomplete(strings.Fields(`
	ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
	he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've
	o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's
	someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've
	there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's
	what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've
	wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've`))

// incomplete returns the map from each spelling without one apostrophe to the whole
// word.
func incomplete(whole []string) map[string]string {
	m := map[string]string{"somebody'd": "somebodyd"} // the challenge has this one reversed
	for _, w := range whole {
		for i, r := range w {
			if r == '\'' {
				m[w[:i]+w[i+1:]] = w
			}
		}
	}
	return m
}
