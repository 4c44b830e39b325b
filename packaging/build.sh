#!/bin/sh
# Builds pgcli as .goreleaser.yaml does, and leaves it in a file.
#
#   CGO_ENABLED=0|1 packaging/build.sh FILE      GOOS=windows with mingw-w64; GOARCH=arm64 with gcc-aarch64-linux-gnu
set -eu
cd "$(dirname "$0")/.."
. packaging/flags.sh
go build -trimpath -buildvcs=true -ldflags '-s -w' -o "$1" ./cmd/pgcli
