package paligemma

import (
	"slices"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// logitsAfter returns the logits of the first token after a prompt, followed by
// those after each of the given ids.
func logitsAfter(t *testing.T, s *Session, images []*Image, p Prompt, ids ...int32) []float32 {
	t.Helper()
	must(t, s.Prefill(t.Context(), images, p))
	all := logitsOf(t, s)
	for _, id := range ids {
		must(t, s.Append(t.Context(), id))
		all = append(all, logitsOf(t, s)...)
	}
	return all
}

// TestBatches cuts prefixes of 38 to over 140 tokens, with one and two
// pictures, at every kind of place: within the picture, within the text, into
// single tokens.
func TestBatches(t *testing.T) {
	for _, name := range []string{"pg1-a", "pg1-c", "pg2-b", "pg2-c"} {
		t.Run(name, func(t *testing.T) {
			file, q := testmodel.Convert(t, name, convert.Options{Type: "f32"}), readQuestion(t, name)
			var whole []float32
			for _, batch := range []int{4096, 64, 7, 1} {
				m := open(t, file, Options{Batch: batch, CacheF32: true})
				got := logitsAfter(t, newSession(t, m), encodeAll(t, m, q.pictures), q.prompt, int32(q.tokens[0]))
				if whole == nil {
					whole = got
				}
				if d := testmodel.Distance(got, whole); !(d <= 1e-4) {
					t.Errorf("batches of %d: logits differ by %.1e from those of one batch", batch, d)
				}
			}
		})
	}
}

// TestPromptsDoNotMix asks several prompts about one encoded picture, in
// several orders and sessions: every answer is that of a fresh session.
func TestPromptsDoNotMix(t *testing.T) {
	m, q := openOracle(t, "pg1-a", Options{}), readQuestion(t, "pg1-a")
	images := encodeAll(t, m, q.pictures)
	sm := &Sampling{MaxTokens: 20}
	prompts := []Prompt{q.prompt, "", Caption("en"), Detect("cat", "dog"), Prompt(OCR())}
	alone := map[Prompt][]int32{}
	for _, p := range prompts {
		s, err := m.NewSession()
		must(t, err)
		alone[p] = answer(t, s, images, p, sm)
		must(t, s.Close())
	}
	if slices.Equal(alone[prompts[0]], alone[prompts[1]]) {
		t.Fatal("two prompts have the same answer: the test shows nothing")
	}
	s := newSession(t, m)
	for _, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 2, 0, 4, 1}} {
		for _, i := range order {
			if got := answer(t, s, images, prompts[i], sm); !slices.Equal(got, alone[prompts[i]]) {
				t.Errorf("order %v: answer to %q is %v, want %v", order, prompts[i], got, alone[prompts[i]])
			}
		}
	}
}

// TestEncodeOnce makes sure that a second prompt on a picture costs no tower.
func TestEncodeOnce(t *testing.T) {
	rec := &testmodel.Recorder{}
	m, q := openOracle(t, "pg1-a", Options{Trace: rec.Trace}), readQuestion(t, "pg1-a")
	images := encodeAll(t, m, q.pictures)
	tower := func(list []testmodel.Tap) bool {
		return slices.ContainsFunc(list, func(x testmodel.Tap) bool { return x.Name == "v.patch_embd" })
	}
	if !tower(rec.Take()) {
		t.Fatal("Encode traces no patches")
	}
	s := newSession(t, m)
	for range 2 {
		must(t, s.Prefill(t.Context(), images, q.prompt))
		if tower(rec.Take()) {
			t.Error("Prefill runs the tower")
		}
	}
}

// TestPictures makes sure that each picture counts, and its place too.
func TestPictures(t *testing.T) {
	m, q := openOracle(t, "pg1-c", Options{}), readQuestion(t, "pg1-c")
	a := encodeAll(t, m, q.pictures)
	if len(a) != 2 {
		t.Fatalf("%d pictures, want 2", len(a))
	}
	s := newSession(t, m)
	seen := map[string][]float32{}
	for name, images := range map[string][]*Image{
		"both": {a[0], a[1]}, "swapped": {a[1], a[0]}, "first": {a[0]}, "twice": {a[0], a[0]}, "none": nil,
	} {
		logits := logitsAfter(t, s, images, q.prompt)
		if want := len(images)*m.cfg.ImageTokens + len(m.PromptIDs(q.prompt)); s.sequence.Len() != want {
			t.Errorf("%s: prefix of %d tokens, want %d", name, s.sequence.Len(), want)
		}
		for other, l := range seen {
			if d := testmodel.Distance(logits, l); d < 1e-2 {
				t.Errorf("%s and %s give the same logits, %.1e apart", name, other, d)
			}
		}
		seen[name] = logits
	}
}

// TestDoors generates 64 tokens through each way into ggml. In float32 they are
// equal. Where products round their factors, sums in another order may round
// to another step, so that near ties fall differently: then both are led along
// one path, and must choose alike wherever the lead is clear.
func TestDoors(t *testing.T) {
	for _, typ := range []string{"f32", "f16", "q8_0"} {
		file, q := testmodel.Convert(t, "pg2-b", convert.Options{Type: typ}), readQuestion(t, "pg2-b")
		var path []int32
		var logits [][]float32
		eachDoor(t, func(t *testing.T, e EngineOptions) {
			m := open(t, file, Options{Engine: e, CacheF32: true})
			s := newSession(t, m)
			must(t, s.Prefill(t.Context(), encodeAll(t, m, q.pictures), q.prompt))
			for i := range 64 {
				next := logitsOf(t, s)
				_, id, err := greedy.Choose(next, m.everything(), i)
				must(t, err)
				if len(logits) == i { // the first door
					path, logits = append(path, id), append(logits, next)
				}
				off := testmodel.Farthest(next, logits[i])
				if lead := logits[i][path[i]] - logits[i][id]; id != path[i] && (typ == "f32" || float64(lead) > 2*off) {
					t.Fatalf("%s: token %d is %d, want %d, which leads by %.2g; logits are %.1e apart", typ, i, id, path[i], lead, off)
				}
				if d := testmodel.Distance(next, logits[i]); !(d <= max(exactTaps, roundedTaps[typ])) {
					t.Fatalf("%s: logits of token %d are %.1e apart", typ, i, d)
				}
				must(t, s.Append(t.Context(), path[i]))
			}
		})
	}
}

// TestThreads compares an answer of one thread with that of three.
func TestThreads(t *testing.T) {
	file, q := testmodel.Convert(t, "pg2-b", convert.Options{Type: "q8_0"}), readQuestion(t, "pg2-b")
	var answers [][]int32
	for _, threads := range []int{1, 3} {
		m := open(t, file, Options{Threads: threads})
		answers = append(answers, answer(t, newSession(t, m), encodeAll(t, m, q.pictures), q.prompt, &Sampling{MaxTokens: 6}))
	}
	if len(answers[0]) != 6 || !slices.Equal(answers[0], answers[1]) {
		t.Errorf("one thread gives %v, three %v", answers[0], answers[1])
	}
}

// TestForms opens the same weights as one file, from memory, and as llama.cpp's
// two files.
func TestForms(t *testing.T) {
	for _, name := range []string{"pg1-a", "pg2-a"} {
		q := readQuestion(t, name)
		one := testmodel.Convert(t, name, convert.Options{Type: "f32"})
		want := first(t, open(t, one, Options{}), q)

		file := testmodel.Read(t, one)
		fromMemory, err := New(file, &Options{Engine: anyEngine(t), Threads: 1})
		must(t, err)
		t.Cleanup(func() { must(t, fromMemory.Close()) })
		if got := first(t, fromMemory, q); testmodel.Farthest(got, want) != 0 {
			t.Errorf("%s: New gives other logits than Open, %.1e apart", name, testmodel.Farthest(got, want))
		}

		two := testmodel.Convert(t, name, convert.Options{Type: "f32", Split: true})
		split := open(t, two, Options{Projector: projectorOf(two)})
		if got := first(t, split, q); testmodel.Farthest(got, want) != 0 {
			t.Errorf("%s: two files give other logits than one, %.1e apart", name, testmodel.Farthest(got, want))
		}
		if got, want := split.Config(), open(t, one, Options{}).Config(); got != want {
			t.Errorf("%s: two files give %+v, one gives %+v", name, got, want)
		}
	}
}

// first returns the logits of the first token of a question's answer.
func first(t *testing.T, m *Model, q question) []float32 {
	t.Helper()
	return logitsAfter(t, newSession(t, m), encodeAll(t, m, q.pictures), q.prompt)
}

// TestCacheTypes compares caches of halves and of float32: close, not equal.
func TestCacheTypes(t *testing.T) {
	file, q := testmodel.Convert(t, "pg1-b", convert.Options{Type: "f32"}), readQuestion(t, "pg1-b")
	var got [2][]float32
	var bytes [2]int
	for i, f32 := range []bool{false, true} {
		m := open(t, file, Options{CacheF32: f32})
		s := newSession(t, m)
		got[i] = logitsAfter(t, s, encodeAll(t, m, q.pictures), q.prompt, int32(q.tokens[0]), int32(q.tokens[1]))
		bytes[i] = s.sequence.Bytes()
	}
	if d := testmodel.Distance(got[0], got[1]); !(d > 0 && d <= 2e-3) {
		t.Errorf("logits with a cache in halves are %.1e apart from those in float32, want up to 2e-3 and not 0", d)
	}
	if bytes[1] != 2*bytes[0] {
		t.Errorf("caches take %d and %d bytes, want the second twice the first", bytes[0], bytes[1])
	}
}

// TestOtherDevice refuses a device that there is not.
func TestOtherDevice(t *testing.T) {
	_, err := Open(testmodel.Convert(t, "pg1-a", convert.Options{Type: "f32"}), &Options{Engine: anyEngine(t), Device: "TPU7"})
	if err == nil {
		t.Fatal("device TPU7 is accepted")
	}
	t.Log(err)
	if lib, _ := bindings.Open(anyEngine(t).Library); lib.Live() != 0 {
		t.Errorf("%d native handles are left", lib.Live())
	}
}
