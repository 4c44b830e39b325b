#!/bin/bash
# An array of 16 shards, at most 8 at a time: sbatch deploy/slurm.sh
#SBATCH --job-name=pgcli-batch
#SBATCH --array=0-15%8
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=shards/%a.log
#SBATCH --signal=B:TERM@60
set -euo pipefail
shards=${SLURM_ARRAY_TASK_COUNT:?start this with sbatch}
mkdir -p shards

# Slurm signals this shell, which passes SIGTERM on: pgcli finishes its answers and stops.
pgcli batch pictures -m model.gguf -p "detect car ; person" -t "${SLURM_CPUS_PER_TASK:-8}" \
  --shard "$SLURM_ARRAY_TASK_ID/$shards" -o "shards/$SLURM_ARRAY_TASK_ID.jsonl" &
run=$!
trap 'kill -TERM "$run"' TERM
code=0
wait "$run" || code=$?
if kill -0 "$run" 2>/dev/null; then # the signal ended wait, not pgcli
  code=0
  wait "$run" || code=$?
fi
# 3 says that some pictures failed, which their records say too.
[ "$code" -eq 3 ] && code=0
exit "$code"
