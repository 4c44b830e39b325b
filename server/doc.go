// Package server answers HTTP requests with a PaliGemma model: OpenAI's chat
// completions, ollama's API, Label Studio's ML backend, and endpoints of its own for
// boxes, masks, captions, answers and choices. openapi.yaml describes them all.
//
// A Server is an http.Handler, which a program can mount in its own mux:
//
//	m, err := paligemma.Open("mix-224.gguf", nil)
//	if err != nil {
//		return err
//	}
//	defer m.Close()
//	s, err := server.New(m, &server.Options{Name: "mix-224", Keys: keys})
//	if err != nil {
//		return err
//	}
//	defer s.Close()
//	mux.Handle("/vision/", http.StripPrefix("/vision", s))
//
// Its root is a page for browsers (package page), which asks about pictures.
//
// # Prompts and pictures
//
// The last message of the user is the prompt, as PaliGemma was not trained on
// conversations: there is no chat template. Other messages are named in the header
// X-Paligemma-Ignored. A picture is a data URI, base64 or, of hosts in
// Options.AllowURLs, a URL; no file is read. It is encoded once for all prompts that
// come while it is remembered. Keys and values of a prompt serve no other: the model
// reads picture and prompt in both directions.
//
// # Limits
//
// Options.Parallel requests are computed together, each with a session that is kept;
// Options.Queue more wait or are being read. Others are answered with status 429, and
// while the Server drains with 503, both with Retry-After. A request that takes longer than
// Options.Timeout is answered with 504. A client that leaves frees its slot at once. Request
// bodies of more than a megabyte share 256 MiB of memory, and wait for room in it; a client
// that leaves meanwhile keeps its place until there is room, or until Options.Timeout. Pictures
// are bounded by the model's MaxPixels before they are decoded.
package server
