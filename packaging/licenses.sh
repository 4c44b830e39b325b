#!/bin/sh
# Writes the licences of all modules that are linked into pgcli, on any system, with cgo and without,
# of Go's own packages and, where it is installed, of mingw-w64, which pgcli.exe with cgo has inside.
#
#   packaging/licenses.sh FILE
#
# For each module they are the files LICENSE, NOTICE and the like in its folder, and in the folders
# of its packages that are linked. A module without one is an error: it may not be given on.
set -eu
cd "$(dirname "$0")/.."
out=$1
list=$(mktemp)
trap 'rm -f "$list"' EXIT

# system GOOS CGO_ENABLED lists module, version, its folder and a package's folder.
system() {
	GOOS=$1 GOARCH=amd64 CGO_ENABLED=$2 go list -deps -f '{{$dir := .Dir}}{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}} {{$dir}}{{end}}{{end}}' ./cmd/pgcli
}
{ system linux 0 && system linux 1 && system darwin 0 && system windows 0 && system windows 1; } | grep . | sort -u >"$list"

# texts TITLE prints the files whose names it reads.
texts() {
	title=$1
	while read -r file; do
		printf '%s\n%s, %s\n%s\n\n' "$rule" "$title" "$(basename "$file")" "$rule"
		cat "$file"
		printf '\n'
	done
}
rule=$(printf '%078d' 0 | tr 0 -)
# of FOLDER lists licences in a folder.
of() { find "$1" -maxdepth 1 -type f | grep -iE '/((un)?licen[cs]e|copying|notice|copyright|patents)[^/]*$' | grep -v '\.go$' | LC_ALL=C sort; }

{
	echo "pgcli is built with these modules. LICENSE and NOTICE are about pgcli itself."
	echo
	of "$(go env GOROOT)" | texts "Go $(go env GOVERSION | sed 's/^go//')"
	runtime=/usr/share/doc/mingw-w64-x86-64-dev/copyright
	[ ! -f "$runtime" ] || echo "$runtime" | texts "mingw-w64: C library and threads of pgcli.exe with cgo"
	cut -d' ' -f1-3 "$list" | sort -u | while read -r module version root; do
		found=$(sed -n "s|^$module $version $root ||p" "$list" | while read -r dir; do
			while of "$dir" && [ "$dir" != "$root" ]; do dir=$(dirname "$dir"); done
		done | awk '!seen[$0]++')
		[ -n "$found" ] || {
			echo "licenses.sh: $module $version has no file LICENSE: nobody may give it on" >&2
			exit 1
		}
		echo "$found" | texts "$module $version"
	done
} >"$out.part" || { rm -f "$out.part"; exit 1; }
mv "$out.part" "$out"
