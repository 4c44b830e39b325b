#!/bin/sh
# Runs the tests of packages under Wine, for x86-64, and says for each package how many passed,
# failed and were skipped.
#
#   packaging/wine_suite.sh DIR [PACKAGES...]      needs what wine_root.sh needs; all packages without names
#
# CGO_ENABLED=1 builds kernels and ggml in, with mingw-w64; 0 is the default. WINE is another command
# that runs Windows programs: Wine 10 or newer. RUN="-run PATTERN" chooses tests. Tests of the shared library need
# scripts/engines/fetch.sh --all, and are skipped without. DIR/*.log has what each package prints.
set -eu
cd "$(dirname "$0")/.."
source=$PWD
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- ./...
set -- $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "$@")

# The first ask the go command about the module, whose answers are the same on Linux and which is not
# in the root; the last ones need a port of UDP, which Wine 10 does not open for Go.
without='^(TestABI.*|TestProgramsChooseTheDoor|TestProgramWithoutTheDoor|TestLibraryHasNoNetwork|TestImportsPointDown|TestVexIsAboutWhatIsBuiltIn|TestPin|TestTableIsUpToDate|TestRefused)$'
ggml=.engines/win-x64
if [ -f $ggml/ggml-base.dll ]; then # of the CPU's plug-ins the one for Haswell: the one with AMX ends Wine
	mkdir -p "$dir/ggml"
	cp $ggml/ggml-base.dll $ggml/ggml.*.dll $ggml/ggml-cpu-haswell.dll "$dir/ggml"
	export PALIGEMMA_TEST_ENGINE="Z:$dir/ggml"
fi
export GOOS=windows GOARCH=amd64 CGO_ENABLED="${CGO_ENABLED:-0}"
. packaging/flags.sh
failed=
for package; do
	log=$dir/$(echo "$package" | tr / _).log
	go test -vet=off -count=1 -timeout "${TIMEOUT:-10m}" -exec "${WINE:-$source/packaging/wine_root.sh}" \
		${RUN:-} -skip "$without" -v "$package" >"$log" 2>&1 && end=ok || { end=FAILED; failed=1; }
	count() { grep -c "^ *--- $1" "$log" || true; }
	printf '%-6s %-55s %4d passed %4d failed %4d skipped\n' "$end" "$package" "$(count PASS)" "$(count FAIL)" "$(count SKIP)"
done
[ -z "$failed" ]
