#!/bin/sh
# Runs pgcli.exe of .goreleaser.yaml for x86-64 under Wine 10: versions, a conversion whose bytes are
# compared with Linux's, --force, and an answer. CGO_ENABLED=1 runs the one with kernels and ggml built
# in; without, which is the default, ggml's Windows libraries are laid beside it.
#
#   packaging/wine.sh DIR      in this repository or /tmp; needs mingw-w64 with CGO_ENABLED=1, bin/pgcli,
#                              what wine_root.sh needs and, without cgo, scripts/engines/fetch.sh --all
#
# WINE is another command that runs Windows programs. Of ggml's CPU plug-ins only the one for Haswell
# lies beside the program: the one with AMX ends Wine.
set -eu
fail() {
	echo "wine.sh: $*" >&2
	exit 1
}
cd "$(dirname "$0")/.."
source=$PWD
ggml=.engines/win-x64
cgo=${CGO_ENABLED:-0}
wine=${WINE:-$source/packaging/wine_root.sh}
[ "$cgo" = 1 ] || [ -f $ggml/ggml-base.dll ] || fail "no $ggml: run scripts/engines/fetch.sh --all"
[ -x bin/pgcli ] || fail "no bin/pgcli: run make"
mkdir -p "$1"
dir=$(cd "$1" && pwd)

rm -f "$dir"/*.dll
GOOS=windows GOARCH=amd64 CGO_ENABLED=$cgo sh packaging/build.sh "$dir/pgcli.exe"
[ "$cgo" = 1 ] || cp $ggml/ggml-base.dll $ggml/ggml.*.dll $ggml/ggml-cpu-haswell.dll "$dir"

cd "$dir"
"$wine" cmd /c ver >wine.log || fail "wine does not start"
rm -f windows.gguf linux.gguf
pgcli() { timeout "${TIMEOUT:-10m}" "$wine" pgcli.exe "$@" 2>>wine.log; }
convert() { pgcli convert "Z:$source/models/tiny" -o windows.gguf --type q8_0 --mask-decoder "Z:$source/models/tiny/vae.npz" "$@"; }
pgcli version || fail "pgcli version: see $dir/wine.log"
convert || fail "pgcli convert: see $dir/wine.log"
convert && fail "pgcli convert replaced a file without --force"
convert --force || fail "pgcli convert --force: see $dir/wine.log"
"$source/bin/pgcli" convert "$source/models/tiny" -o linux.gguf --type q8_0 --mask-decoder "$source/models/tiny/vae.npz" 2>>wine.log
cmp windows.gguf linux.gguf || fail "Windows and Linux convert to different bytes"
pgcli segment "Z:$source/cmd/pgcli/demo/scene-08.jpg" heart -m windows.gguf | tee answer
[ "$(grep -c '^heart' answer)" = 2 ] || fail "pgcli segment found not two hearts in cmd/pgcli/demo/scene-08.jpg; see $dir/wine.log"
echo "pgcli.exe, CGO_ENABLED=$cgo: converted and answered under $("$wine" --version 2>/dev/null)"
