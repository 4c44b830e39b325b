// Package paligemma runs PaliGemma vision-language models from GGUF files.
package paligemma
