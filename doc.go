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
// A prompt is read by one rule, [Prompt.Read], in the library as in the command: as
// it is written, white space included, but without line breaks at its end, since
// the model adds the one that it was trained with. An <image> at the start, as
// transformers asks for, stands for the picture. <bos> and other tokens of the model
// are refused, as is text that is not UTF-8. Options.Logger hears of a prompt that
// is asked otherwise than it is written.
//
// An answer ends by itself, at Sampling.MaxTokens, when the session is full, or with
// [StopRepeat] when it only repeats itself: when its last 96 tokens repeat one run of
// at most 24.
//
// # Boxes and masks
//
// [Result].Objects holds the things that an answer points at: labels, boxes in
// fractions and pixels, masks as alpha if the file has a mask decoder, and
// scores to rank them by:
//
//	r, err := m.Run(ctx, img, paligemma.Segment("cat"), nil)
//	for _, o := range r.Objects {
//		if o.Mask != nil {
//			draw.DrawMask(dst, o.Pixels, red, image.Point{}, o.Mask, o.Pixels.Min, draw.Over)
//		}
//	}
//
// A grammar holds the answer to a detect or segment prompt to objects with the labels
// of the prompt. With Sampling.AnyText the model may say anything: then
// [Result].Problems holds parts of the answer that look like an object and are not one.
// Package grammar has other grammars, such as a choice among texts.
//
// # Engine
//
// The engine is ggml. A program compiles one in, with cgo, by importing it:
//
//	import _ "github.com/pgcli/paligemma/ggml"
//
// Without that import the engine is a shared library: see [EngineOptions].
// [LoadEngine] tells whether it is slow, and how to get a faster one; Open logs
// that, too.
//
// # Memory, threads, devices
//
// On the CPU most of the time goes into kernels of this module. Then Open reads
// the weights that they multiply by into a layout of their own; other weights stay
// where the file is mapped. With Options.Kernels "off", ggml multiplies weights in
// place, or copies those for which it has a faster layout. On other devices all
// weights are copied.
//
// A file that is mapped must stay as it is while its model is open; it may be
// replaced by a rename, or removed. Every call that computes looks at its size and time first, and
// at every token: a file that was written to is an [ErrFileChanged]. But if it is
// shortened while a call computes, the system ends the process. With Options.NoMmap
// all weights are read, which takes as much memory, and the file is not looked at
// after Open: it may be shortened, overwritten, or lie on a disk that goes away.
//
// Open refuses a model that, with a session and a picture, does not fit in
// Options.MemoryLimit or in the memory that the system allows, with [ErrNoMemory] and
// the sum of its parts: beyond, the system would end the process.
//
// A session adds its key-value cache, a running picture or prompt its intermediate
// results: [Model.Memory] tells how much. A model has Options.Threads threads,
// whoever computes. Every call that computes takes a context and returns soon
// after it ends.
//
// # Many at once
//
// A model is safe for concurrent use: call Run, or have a session for each answer.
// The tokens that answers wait for are computed together, which takes little longer
// than one: the weights are read once for all. Pictures and prompts take turns with
// them, one picture or prompt at a time, and pause after each layer. On the kernels
// of this module an answer is the same to the bit, alone or in company; on ggml's,
// and on other devices, it may differ in the last digits of a logit.
//
// A session that two goroutines use at once answers the second with [ErrBusy].
//
// # In a server
//
// A handler needs no more than this:
//
//	func answer(w http.ResponseWriter, r *http.Request) {
//		img, err := m.ReadImage(http.MaxBytesReader(w, r.Body, 20<<20))
//		if err != nil {
//			http.Error(w, err.Error(), http.StatusBadRequest)
//			return
//		}
//		ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
//		defer cancel()
//		res, err := m.Run(ctx, img, paligemma.Caption("en"), &paligemma.Sampling{MaxTokens: 100})
//		switch {
//		case errors.Is(err, paligemma.ErrNoMemory): // too many at once
//			w.Header().Set("Retry-After", "1")
//			http.Error(w, err.Error(), http.StatusServiceUnavailable)
//		case errors.Is(err, paligemma.ErrRequest): // the picture, or a prompt that is too long
//			http.Error(w, err.Error(), http.StatusBadRequest)
//		case ctx.Err() != nil: // the client left, or the time is over
//			http.Error(w, err.Error(), http.StatusGatewayTimeout)
//		case err != nil:
//			http.Error(w, err.Error(), http.StatusInternalServerError)
//		default:
//			json.NewEncoder(w).Encode(res)
//		}
//	}
//
// Limits: Options.MaxPixels bounds a picture before it is decoded, Sampling.MaxTokens
// an answer ([DefaultMaxTokens] if 0), Options.Context a prompt and its answer,
// Options.CacheMemory all sessions together, Options.Parallel those that are computed
// in one step. Run's Result is never nil; when its context ends it holds the answer
// so far, and Stop is [StopCancelled].
//
// After an error a session can be used again, from its next Prefill on, and a model
// always. To shut down, stop taking requests, end their contexts or wait for them,
// close the sessions, and close the model last: while any is in use, Close fails and
// changes nothing.
//
// # Errors
//
// errors.Is(err, [ErrRequest]) tells a request that is wrong, which a server answers
// with HTTP's status 400, from a failure of the model or the machine. [ErrPrompt], [ErrPicture] and
// [ErrSampling] tell which part of it is wrong, [ErrContextFull] that the prompt is
// too long, and [image.ErrFormat] that a file is no picture. A nil picture is an
// ErrPicture; Session.Run with no pictures asks without one.
//
// # What is promised
//
// Files in float32 give the reference implementation's activations within 1e-4
// and its greedy tokens; other types differ by their rounding. Where our kernels
// multiply bfloat16 by bfloat16, pictures and prompts of files in bfloat16 are within
// 1.5e-2 of the reference in float32 with the same weights, for the test models of two
// and three layers, and nearer than the reference run in bfloat16. At other levels, and
// with Options.Precise, activations of such files are not rounded. The same seed,
// model, engine and level of kernels give the same bytes, in any process and with any
// number of threads: soft tokens, logits, answers and masks. Levels differ by their
// rounding, the logits of the test models by less than 1e-5 of their size in float32 and
// 3e-2 in Q8_0. Errors name the value that is wrong and the values that are right; no
// file, picture or prompt ends the process.
package paligemma
