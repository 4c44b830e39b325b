#!/bin/sh
# Writes the files that packages install beside the program to build/extras: completions of four
# shells and the manual page, which pgcli prints, so that they have its commands and flags, and the
# licences of the modules that are linked into it.
#
#   sh packaging/extras.sh
set -eu
cd "$(dirname "$0")/.."
out=build/extras
rm -rf "$out"
mkdir -p "$out"

# Of this machine, whatever is being built for. Without cgo: printing needs no ggml.
unset GOOS GOARCH
CGO_ENABLED=0 go build -trimpath -buildvcs=true -ldflags '-s -w' -o "$out/pgcli" ./cmd/pgcli
"$out/pgcli" completion bash >"$out/pgcli.bash"
"$out/pgcli" completion zsh >"$out/_pgcli"
"$out/pgcli" completion fish >"$out/pgcli.fish"
"$out/pgcli" completion powershell >"$out/pgcli.ps1"
"$out/pgcli" man >"$out/pgcli.1"
gzip -9n "$out/pgcli.1" # -n: no time in the file
rm "$out/pgcli"
sh packaging/licenses.sh "$out/licenses.txt"
