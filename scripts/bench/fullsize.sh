#!/bin/sh
# Runs PaliGemma 1 3B at full size, with random weights, and prints times and peak memory.
#
#   scripts/bench/fullsize.sh DIR [RESOLUTION ...]      default: 224 448 896
#
# For each resolution the script writes a checkpoint (5.8 GB, removed again), converts it to
# Q4_0 and Q8_0, and answers one prompt with 16 tokens. DIR needs 12 GB. With random weights
# the answers mean nothing, only times and memory do.
set -eu

dir=${1:?usage: scripts/bench/fullsize.sh DIR [RESOLUTION ...]}
shift
[ $# -gt 0 ] || set -- 224 448 896
[ -x /usr/bin/time ] || { echo "fullsize.sh: GNU time is missing: apt-get install time" >&2; exit 1; }
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
make -s
mkdir -p "$dir"

for res in "$@"; do
	checkpoint=$dir/checkpoint-$res
	for type in q4_0 q8_0; do
		model=$dir/pg1-3b-$res-$type.gguf
		[ -f "$model" ] && continue
		[ -d "$checkpoint" ] || go run ./scripts/synthetic -variant "paligemma-3b-$res" -shards 3 -o "$checkpoint"
		bin/pgcli convert "$checkpoint" -o "$model" --type "$type" 2>/dev/null
	done
	rm -rf "$checkpoint"
	for type in q4_0 q8_0; do
		model=$dir/pg1-3b-$res-$type.gguf
		cat "$model" >/dev/null # into the page cache
		echo "== PaliGemma 1 3B, $res px, $type, $(stat -c %s "$model") bytes"
		/usr/bin/time -f 'peak    %M KiB resident' \
			bin/pgcli run -m "$model" --image testdata/scene.png -p "caption en" -n 16 --timings >/dev/null
	done
done
