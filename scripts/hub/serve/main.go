// Command serve serves a folder as a repository of the Hugging Face Hub, to measure with
// checkpoints of full size:
//
//	go run ./scripts/hub/serve -folder CHECKPOINT &
//	HF_ENDPOINT=http://127.0.0.1:8731 pgcli convert hf://local/model -o FILE.gguf --type q4_0
package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

func main() {
	folder := flag.String("folder", "", "folder with the files")
	address := flag.String("address", "127.0.0.1:8731", "address to listen on")
	flag.Parse()
	entries, err := list(*folder)
	if err != nil {
		log.Fatal(err)
	}
	const api, files = "/api/models/local/model/", "/local/model/resolve/" + commit + "/"
	answer := func(v any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(v) }
	}
	http.Handle(api+"revision/main", answer(map[string]any{"sha": commit}))
	http.Handle(api+"tree/"+commit, answer(entries))
	http.Handle(files, http.StripPrefix(strings.TrimSuffix(files, "/"), http.FileServer(http.Dir(*folder))))
	log.Printf("serving %d files at %s", len(entries), *address)
	log.Fatal(http.ListenAndServe(*address, nil))
}

// list describes the files of a folder as the Hub's API does.
func list(folder string) (entries []map[string]any, err error) {
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: %v, want a file", name, err)
		}
		entry := map[string]any{"type": "file", "path": info.Name(), "size": info.Size()}
		if filepath.Ext(name) == ".safetensors" {
			hash := sha256.New()
			if _, err := io.Copy(hash, f); err != nil {
				return nil, err
			}
			entry["oid"] = strings.Repeat("b", 40) // of the pointer
			entry["lfs"] = map[string]any{"oid": fmt.Sprintf("%x", hash.Sum(nil)), "size": info.Size()}
		} else {
			hash := sha1.New()
			fmt.Fprintf(hash, "blob %d\x00", info.Size())
			if _, err := io.Copy(hash, f); err != nil {
				return nil, err
			}
			entry["oid"] = fmt.Sprintf("%x", hash.Sum(nil))
		}
		entries = append(entries, entry)
	}
	return entries, nil
}
