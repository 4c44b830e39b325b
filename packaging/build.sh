#!/bin/sh
# Builds pgcli as .goreleaser.yaml does, and leaves it in a file.
#
#   CGO_ENABLED=0|1 packaging/build.sh FILE
#
# Without the make variables: no -march, so that the program runs on every processor of its architecture.
set -eu
cd "$(dirname "$0")/.."
export CGO_CFLAGS="-O3 -ffp-contract=off -DGGML_USE_CPU_REPACK"
export CGO_CXXFLAGS="$CGO_CFLAGS -Wno-stringop-overflow"
go build -trimpath -buildvcs=true -ldflags '-s -w' -o "$1" ./cmd/pgcli
