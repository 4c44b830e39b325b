"""Times conversions at full size, beside cp.

    make bench-convert                          # or, with bin/pgcli built:
    python scripts/bench/time_conversion.py DIR [--variant paligemma2-3b-224] [--format huggingface] [--types bf16 q8_0 q4_k_m]
                                           [--llama .engines/linux-x64] [--runs 3]

The script writes a synthetic checkpoint to DIR, unless it is there, then copies it
with cp and converts it to each type, in turn. It prints the best time of the runs,
that time relative to cp, and the peak of resident memory, which counts what the
process holds itself: files are read and written, not mapped. With --llama it also
times llama.cpp's own quantizer on the text half. It needs no Python package.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/engines"))
import llamacpp  # noqa: E402


def run(command):
    """Runs a command. Returns the seconds it took and its peak memory in MiB."""
    start = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], cwd=ROOT, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def copy(source, target):
    """Copies a whole checkpoint with cp and syncs it, as pgcli syncs its output. Returns seconds and peak memory in MiB."""
    start = time.monotonic()
    _, memory = run(["cp", "-r", source, target])
    for path in target.rglob("*") if target.is_dir() else [target]:
        if path.is_file():
            with open(path, "rb") as f:
                os.fsync(f.fileno())
    seconds = time.monotonic() - start
    subprocess.run(["rm", "-r", target], check=True)
    return seconds, memory


def reserve(dir, need, what):
    """Stops unless the disk of dir has need bytes free, and a twentieth more."""
    need += need // 20
    free = shutil.disk_usage(dir).free
    if free < need:
        raise SystemExit(f"{dir}: {free / 1e6:,.0f} MB are free, {what} takes {need / 1e6:,.0f} MB")


def synthesize(args, source):
    """Writes the checkpoint under another name and renames it when it is complete."""
    part = source.with_suffix(".part")
    command = ["go", "run", "./scripts/synthetic", "-variant", args.variant, "-format", args.format]
    size = subprocess.run(command + ["-size"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    reserve(source.parent, 2 * int(size), f"{args.variant} and its copy")
    run(command + ["-o", part])
    part.rename(source)


def output_bytes(checkpoint, out, kind):
    """The bytes of tensors that a conversion would write."""
    command = ["bin/pgcli", "convert", "--dry-run", "--json", "--type", kind, "-o", out, checkpoint]
    plan = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    return sum(o["bytes"] for o in plan["outputs"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--variant", default="paligemma2-3b-224")
    parser.add_argument("--format", default="huggingface")
    parser.add_argument("--types", nargs="+", default=["bf16", "q8_0", "q4_k_m"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--llama", type=pathlib.Path)
    args = parser.parse_args()

    args.dir.mkdir(parents=True, exist_ok=True)
    source = args.dir.resolve() / f"{args.variant}-{args.format}"
    if not source.exists():
        synthesize(args, source)
    checkpoint = source / "model.npz" if args.format == "big_vision" else source
    out = source.with_suffix(".gguf")
    largest = max(output_bytes(checkpoint, out, kind) for kind in args.types + ["bf16"])  # the copy is bf16
    reserve(args.dir, largest * (3 if args.llama else 1), "a copy or conversion of it")
    best = {}
    for _ in range(args.runs):
        note(best, "cp", *copy(source, source.with_suffix(".copy")))
        for kind in args.types:
            note(best, kind, *run(["bin/pgcli", "convert", "--force", "--type", kind, "-o", out, checkpoint]))
            out.unlink()
    if args.llama:
        llama(args, checkpoint, out, best)
    print(f"{args.variant} {args.format}, {os.cpu_count()} processors")
    for kind, (seconds, memory) in best.items():
        print(f"{kind:24} {seconds:8.1f} s {seconds / best['cp'][0]:6.2f} x cp {memory:8.0f} MiB")


def note(best, kind, seconds, memory):
    before = best.get(kind, (float("inf"), 0))
    best[kind] = min(before[0], seconds), max(before[1], memory)


def llama(args, checkpoint, out, best):
    """Times the text half, quantized by llama.cpp, and by pgcli from a checkpoint with the same values."""
    library = llamacpp.Library(args.llama)
    mmproj = out.with_name("mmproj-" + out.name)
    run(["bin/pgcli", "convert", "--force", "--split-mmproj", "--type", "bf16", "-o", out, checkpoint])
    for kind in [k for k in args.types if k.startswith("q")]:
        for _ in range(args.runs):
            theirs = out.with_suffix(".theirs")
            start = time.monotonic()
            library.quantize(out, theirs, kind)
            note(best, f"{kind} text, llama.cpp", time.monotonic() - start, 0)
            theirs.unlink()
            ours = out.with_suffix(".ours.gguf")
            # the tower as f16 costs next to nothing
            command = ["bin/pgcli", "convert", "--force", "--split-mmproj", "--vision-type", "f16", "--type", kind, "-o", ours, checkpoint]
            seconds, _ = run(command)  # no memory: the child's peak starts at this process's, which includes llama.cpp
            note(best, f"{kind} text, pgcli", seconds, 0)
            ours.unlink()
            ours.with_name("mmproj-" + ours.name).unlink()
    out.unlink()
    mmproj.unlink()


if __name__ == "__main__":
    main()
