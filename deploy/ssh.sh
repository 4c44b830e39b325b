#!/bin/bash
# One shard on each host, in a folder that all of them see: deploy/ssh.sh HOST...
# FOLDER names it (default: this one, by the same path on each host). SSH names the ssh command.
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: deploy/ssh.sh HOST..." >&2; exit 2; }
folder=$(printf %q "${FOLDER:-$PWD}")
shards=$# index=0 failed=0
declare -A host_of=()

for host; do
  # -n: ssh must not read this script's input. -tt would send Ctrl-C on; without it a
  # host finishes its shard by itself.
  ${SSH:-ssh} -n -o BatchMode=yes -- "$host" \
    "cd $folder && mkdir -p shards && pgcli batch pictures -m model.gguf -p 'detect car ; person' --shard $index/$shards -o shards/$index.jsonl" &
  host_of[$!]=$host
  index=$((index + 1))
done
for run in "${!host_of[@]}"; do
  code=0
  wait "$run" || code=$?
  # 3 says that some pictures failed, which their records say too.
  if [ "$code" -ne 0 ] && [ "$code" -ne 3 ]; then
    echo "${host_of[$run]}: exit code $code; start this again, it goes on where each host was" >&2
    failed=1
  fi
done
[ "$failed" -eq 0 ] || exit 1
pgcli merge shards/*.jsonl -o all.jsonl --force
