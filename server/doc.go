// Package server answers HTTP requests with a PaliGemma model: OpenAI's chat
// completions, ollama's API, Label Studio's ML backend, and endpoints of its own for
// boxes, masks, captions, answers and choices.
package server
