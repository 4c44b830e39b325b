"""Measures conversions at full size.

    make bench-convert                          # or, with bin/pgcli built:
    python scripts/convert_measure.py DIR [--variant paligemma2-3b-224] [--format huggingface] [--types bf16 q8_0 q4_k_m]
                                          [--llama .engines/linux-x64] [--runs 3]

writes a synthetic checkpoint to DIR (once), then in turn copies it with cp, and
converts it to each type. The table has the best of the runs, the time relative
to cp, and the peak of resident memory. Memory counts what the process holds
itself: files are read and written, not mapped. With --llama it also times
llama.cpp's own quantizer on the text half, which needs the packages of
requirements-convert.txt.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(command):
    """Seconds and peak memory in MiB of a command, and what it synced."""
    start = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], cwd=ROOT, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def copy(source, target):
    """cp of a whole checkpoint, synced as pgcli syncs what it writes: seconds and peak memory in MiB."""
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
    """Stops if dir's disk has not as many bytes free as what will take, and a twentieth more."""
    need += need // 20
    free = shutil.disk_usage(dir).free
    if free < need:
        raise SystemExit(f"{dir}: {free / 1e6:,.0f} MB are free, {what} takes {need / 1e6:,.0f} MB")


def synthesize(args, source):
    """Writes the checkpoint under another name, and renames it when it is complete."""
    part = source.with_suffix(".part")
    command = ["go", "run", "./scripts/synthetic", "-variant", args.variant, "-format", args.format]
    size = subprocess.run(command + ["-size"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    reserve(source.parent, 2 * int(size), f"{args.variant} and its copy")
    run(command + ["-o", part])
    part.rename(source)


def output_bytes(checkpoint, out, kind):
    """Bytes of tensors that a conversion would write."""
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
    largest = max(output_bytes(checkpoint, out, kind) for kind in args.types + ["bf16"])  # the copy has bf16
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
    """The text half by llama.cpp, and by us from the same file of the same values."""
    from convert_llama import Llama

    library = Llama(args.llama.resolve())
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
            seconds, _ = run(command)  # its peak begins with this process's, which has llama.cpp's
            note(best, f"{kind} text, pgcli", seconds, 0)
            ours.unlink()
            ours.with_name("mmproj-" + ours.name).unlink()
    out.unlink()
    mmproj.unlink()


if __name__ == "__main__":
    main()
