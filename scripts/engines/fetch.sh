#!/bin/sh
# Fetches third-party ggml builds, to test with: the library can load any ggml at run time.
#
#   scripts/engines/fetch.sh [--vulkan] [DIR]      or make engines
#
# DIR defaults to .engines in the repository. It gets only ggml's and llama.cpp's libraries:
#   DIR/linux-x64/*.so           one CPU plug-in per processor level
#   DIR/linux-x64-vulkan/*.so    with libggml-vulkan.so, when --vulkan is given
# A package's SHA-512 is compared with the one pinned here before anything is unpacked.
# A complete folder is left alone, so a second run costs nothing.
set -eu

version=3.22.1
cpu_integrity='5uCCDNqWCNfaAm8aR/Uzxbo4HBpKgNF91kCHPepKhgMgV2OAmatoefbOlMihsqCiH2Od35E/eUHQCFbfRBJuOg=='
vulkan_integrity='bBxqU+JOcBu1nb5Qj2zcMci+JByT1E8EajHvYodyNfVIPkEhXh+/HMwR1/BT7xP08YK0hks+kM8fglER0P8JEg=='

fail() {
	echo "fetch.sh: $*" >&2
	exit 1
}

need() { # need COMMAND PACKAGE
	command -v "$1" >/dev/null 2>&1 || fail "$1 not found: apt-get install $2"
}

# fetch NAME INTEGRITY puts the libraries of one package into $dir/NAME. It works in a
# temporary folder beside it and renames last, so $dir/NAME exists only when complete.
fetch() {
	if [ "$(cat "$dir/$1/.integrity" 2>/dev/null)" = "$2" ]; then
		echo "$dir/$1: up to date"
		return
	fi
	work=$(mktemp -d "$dir/.$1.XXXXXX")
	package="@node-llama-cpp/$1@$version"
	(cd "$work" && npm pack --loglevel=error "$package" >npm.out 2>&1) ||
		fail "npm pack $package failed: $(sed -n 's/^npm error //p' "$work/npm.out" | head -n 3 | tr '\n' ' ')"
	archive=$(find "$work" -name '*.tgz')
	got=$(openssl dgst -sha512 -binary "$archive" | openssl base64 -A)
	[ "$got" = "$2" ] || fail "$package: sha512 is $got, expected $2"

	mkdir "$work/package"
	tar -xzf "$archive" -C "$work/package" --strip-components=3 --wildcards \
		'package/bins/*/libggml*.so' 'package/bins/*/libllama*.so' ||
		fail "$package: no ggml libraries in the archive"
	echo "$2" >"$work/package/.integrity"
	rm -rf "${dir:?}/$1"
	mv "$work/package" "$dir/$1"
	rm -rf "$work"
	echo "$dir/$1: $(find "$dir/$1" -name '*.so' | wc -l | tr -d ' ') libraries"
}

vulkan=no
dir=
for arg in "$@"; do
	case $arg in
	--vulkan) vulkan=yes ;;
	-h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 0 ;;
	-*) fail "unknown option $arg: expected [--vulkan] [DIR]" ;;
	*) [ -z "$dir" ] || fail "one folder expected, got $dir and $arg"; dir=$arg ;;
	esac
done
dir=${dir:-$(dirname "$0")/../../.engines}

need npm npm
need openssl openssl
need tar tar
mkdir -p "$dir" 2>/dev/null || fail "cannot create folder $dir"
dir=$(cd "$dir" && pwd)
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

fetch linux-x64 "$cpu_integrity"
if [ "$vulkan" = yes ]; then
	fetch linux-x64-vulkan "$vulkan_integrity"
fi
