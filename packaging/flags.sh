# The compilers and flags of releases, for scripts to source: those of .goreleaser.yaml.
#
# Without the make variables: no -march, so that the program runs on every processor of its architecture.
export CGO_CFLAGS="-O3 -ffp-contract=off -DGGML_USE_CPU_REPACK"
export CGO_CXXFLAGS="$CGO_CFLAGS -Wno-stringop-overflow"
if [ "${GOOS:-}" = windows ]; then # mingw-w64 with POSIX threads, which ggml's C++ needs
	export CC=x86_64-w64-mingw32-gcc-posix CXX=x86_64-w64-mingw32-g++-posix
elif [ "${GOARCH:-}" = arm64 ] && [ "$(uname -sm)" = "Linux x86_64" ]; then
	export CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++
fi
