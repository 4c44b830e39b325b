module github.com/pgcli/paligemma

go 1.26.0

require (
	github.com/bep/imagemeta v1.0.1 // indirect
	github.com/ebitengine/purego v0.11.2 // indirect
	github.com/ollama/ollama v0.17.4 // indirect
	golang.org/x/image v0.47.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
