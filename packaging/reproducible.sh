#!/bin/sh
# Builds the committed state twice, in clones in two folders and each with an empty cache, and
# compares the programs byte for byte: first without cgo, then with it.
#
#   packaging/reproducible.sh DIR ["0 1"]
set -eu
cgos=${2:-0 1}
mkdir -p "$1"
dir=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/.." && pwd)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

commit=$(git -C "$source" rev-parse HEAD)

for cgo in $cgos; do
	for clone in a another/folder; do
		rm -rf "${dir:?}/$clone" "$dir/cache"
		git clone --quiet --shared --no-checkout "$source" "$dir/$clone"
		git -C "$dir/$clone" checkout --quiet "$commit"
		GOCACHE="$dir/cache" CGO_ENABLED=$cgo sh "$dir/$clone/packaging/build.sh" "$dir/$clone/pgcli"
	done
	if ! cmp "$dir/a/pgcli" "$dir/another/folder/pgcli"; then
		echo "reproducible.sh: two builds with CGO_ENABLED=$cgo differ" >&2
		exit 1
	fi
	echo "CGO_ENABLED=$cgo: $(wc -c <"$dir/a/pgcli") bytes, the same twice, sha256 $(sha256sum <"$dir/a/pgcli" | cut -c1-64)"
done
