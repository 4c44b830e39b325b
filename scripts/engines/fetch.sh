#!/bin/sh
# Fetches third-party ggml builds, to test with: the library can load any ggml at run time.
#
#   scripts/engines/fetch.sh [--vulkan] [--all] [DIR]      or make engines
#
# DIR defaults to .engines in the repository. It gets only ggml's and llama.cpp's libraries:
#   DIR/linux-x64/*.so           one CPU plug-in per processor level
#   DIR/linux-x64-vulkan/*.so    with libggml-vulkan.so, when --vulkan is given
#   DIR/{mac,win,linux}-*        of every other system, and with CUDA, when --all is given: 180 MB,
#                                whose exports the tests of bindings read; 3.21.1 is the last for mac and win
# A package's SHA-512 is compared with the one pinned here before anything is unpacked.
# A complete folder is left alone, so a second run costs nothing.
set -eu

version=3.22.1
cpu_integrity='5uCCDNqWCNfaAm8aR/Uzxbo4HBpKgNF91kCHPepKhgMgV2OAmatoefbOlMihsqCiH2Od35E/eUHQCFbfRBJuOg=='
vulkan_integrity='bBxqU+JOcBu1nb5Qj2zcMci+JByT1E8EajHvYodyNfVIPkEhXh+/HMwR1/BT7xP08YK0hks+kM8fglER0P8JEg=='
cuda_integrity='8rQCjyNNLZJUFit+YpjwlC4hwkKgOMIkB2wuycKBf8NU2O3ySKbiWZQ8aw9ku2nUTXjSnUIrE6KB88itduTBuA=='
linux_arm64_integrity='W+7naKCXX9/eEjjFmRS8vvx91QyLXDbeFxexZc3bh/PtQABZgmRL3C0AtYYXn4YGTj/3Qor4lWZn2tpjZFPLdQ=='
laptops_version=3.21.1
mac_arm64_integrity='6MIDAZV7DXD9R1+jEXWJkFuolni3GATGE6mmuyFYc6ZmtOh9djAy15df0T0AXK3sCmVKL+fQcOAWZezxx4MvQQ=='
mac_x64_integrity='Q4nyNmbcNiKygBZQZjX+qLk2w3YzoiFpLWsxNURQN7xjyUi2p2rWxjRa7Otg0FrjGf/ri4aQ+X3Uj5Y0zD06eg=='
win_x64_integrity='JcIpCnra7bAd7JNWA8ehdn2DIRaTMuj+fBC8bw+5rKSNzszWFbuj2XA05c5QHovonDMBLN1ePXE/hcfZtzXoUQ=='
win_arm64_integrity='/UDR7Y0B8iKfc/tqxBmWkcgRdZQ9Wrkwod7fYl4J6iZXcTIj286RkHvZSED7VMY67TrcUXVvxJVMNFtmjeYnDg=='

fail() {
	echo "fetch.sh: $*" >&2
	exit 1
}

need() { # need COMMAND PACKAGE
	command -v "$1" >/dev/null 2>&1 || fail "$1 not found: apt-get install $2"
}

# fetch NAME INTEGRITY [VERSION] puts the libraries of one package into $dir/NAME. It works in a
# temporary folder beside it and renames last, so $dir/NAME exists only when complete.
fetch() {
	if [ "$(cat "$dir/$1/.integrity" 2>/dev/null)" = "$2" ]; then
		echo "$dir/$1: up to date"
		return
	fi
	work=$(mktemp -d "$dir/.$1.XXXXXX")
	package="@node-llama-cpp/$1@${3:-$version}"
	(cd "$work" && npm pack --loglevel=error "$package" >npm.out 2>&1) ||
		fail "npm pack $package failed: $(sed -n 's/^npm error //p' "$work/npm.out" | head -n 3 | tr '\n' ' ')"
	archive=$(find "$work" -name '*.tgz')
	got=$(openssl dgst -sha512 -binary "$archive" | openssl base64 -A)
	[ "$got" = "$2" ] || fail "$package: sha512 is $got, expected $2"

	mkdir "$work/package"
	case $1 in # Windows' and macOS' cores are ggml*.dll and libggml*.dylib
	linux-*) set -- "$1" "$2" 'libggml*.so' 'libllama*.so' ;;
	mac-*) set -- "$1" "$2" 'libggml*.dylib' 'libggml*.so' ;;
	*) set -- "$1" "$2" 'ggml-*.dll' 'ggml.*.dll' ;;
	esac
	tar -xzf "$archive" -C "$work/package" --strip-components=3 --wildcards "package/bins/*/$3" "package/bins/*/$4" ||
		fail "$package: no ggml libraries in the archive"
	echo "$2" >"$work/package/.integrity"
	rm -rf "${dir:?}/$1"
	mv "$work/package" "$dir/$1"
	rm -rf "$work"
	echo "$dir/$1: $(find "$dir/$1" -name '*ggml*' | wc -l | tr -d ' ') libraries"
}

vulkan=no all=no
dir=
for arg in "$@"; do
	case $arg in
	--vulkan) vulkan=yes ;;
	--all) vulkan=yes all=yes ;;
	-h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 0 ;;
	-*) fail "unknown option $arg: expected [--vulkan] [--all] [DIR]" ;;
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
if [ "$all" = yes ]; then
	fetch linux-arm64 "$linux_arm64_integrity"
	fetch linux-x64-cuda "$cuda_integrity"
	fetch mac-arm64-metal "$mac_arm64_integrity" "$laptops_version"
	fetch mac-x64 "$mac_x64_integrity" "$laptops_version"
	fetch win-x64 "$win_x64_integrity" "$laptops_version"
	fetch win-arm64 "$win_arm64_integrity" "$laptops_version"
fi
