// Package paligemma runs PaliGemma 1 and 2, vision-language models, from GGUF
// files: a picture and a prompt in, text out.
//
//	m, err := paligemma.Open("mix-224.gguf", nil)
//	if err != nil {
//		return err
//	}
//	defer m.Close()
//	r, err := m.Run(ctx, img, paligemma.Answer("en", "what is this?"), nil)
//	if err != nil {
//		return err
//	}
//	fmt.Println(r.Text)
//
// Package convert makes the file of a checkpoint; the command pgcli does the
// same from a shell.
//
// # Several prompts, streaming
//
// [Model.Encode] runs the vision tower once for a picture; the result serves
// any number of prompts. A [Session] holds the memory of one answer at a time
// and is used again for the next:
//
//	pic, err := m.Encode(ctx, img)
//	s, err := m.NewSession()
//	defer s.Close()
//	err = s.Prefill(ctx, []*paligemma.Image{pic}, paligemma.Caption("en"))
//	for t, err := range s.Tokens(ctx, nil) {
//		if err != nil {
//			return err
//		}
//		fmt.Print(t.Text)
//	}
//
// # Prompts
//
// The models were trained on short prompts in lower case: [Caption], [Answer],
// [OCR], [Detect] and [Segment] spell them. Pretrained ("pt") checkpoints are
// made to be fine-tuned; "mix" checkpoints answer as they are.
//
// # Boxes and masks
//
// What an answer points at is in [Result].Objects: labels, boxes in fractions
// and pixels, masks as alpha if the file has a mask decoder, and scores to rank
// them by. What looks like an object and is none is in [Result].Problems; with
// [Sampling].Grammar there is nothing of that kind.
//
//	p := paligemma.Segment("cat")
//	r, err := m.Run(ctx, img, p, &paligemma.Sampling{Grammar: p.Grammar()})
//	for _, o := range r.Objects {
//		draw.DrawMask(dst, o.Pixels, red, image.Point{}, o.Mask, o.Pixels.Min, draw.Over)
//	}
//
// # Memory, threads, devices
//
// The file is mapped, and its tensors are used in place on the CPU, except
// those that ggml multiplies faster in a layout of its own. A session adds its
// key-value cache (see pgcli info), a running prompt its intermediate results.
// A model is safe for concurrent use; a session is not. Every call that
// computes takes a context and returns soon after it ends.
//
// The engine is ggml. A program compiles one in, with cgo, by importing it:
//
//	import _ "github.com/pgcli/paligemma/ggml"
//
// Without that import the engine is a shared library: see [EngineOptions].
//
// # What is promised
//
// Float32 files give the reference implementation's activations within 1e-4
// and its greedy tokens; other types what their rounding allows. The same seed,
// model, device and number of threads give the same tokens. Errors name what
// is wrong, its value and what was expected; no file, picture or prompt ends
// the process.
package paligemma
