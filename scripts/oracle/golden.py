#!/usr/bin/env python3
"""Goldens of the model: tiny checkpoints, and every intermediate that Hugging Face transformers computes on them.

    pip install -r scripts/oracle/requirements.txt
    python scripts/oracle/golden.py            # rewrites testdata/oracle, prints the table of mistakes
    python scripts/oracle/golden.py --check    # rebuilds elsewhere and compares every byte

testdata/oracle/<name>/ holds one checkpoint in the form of a Hugging Face folder
(config.json, safetensors, tokenizer.model) and its goldens:

    golden.safetensors            the checkpoint as it is, computed in float32
    golden-{f16,bf16,q8_0}.safetensors   its matrices rounded to that type first
    golden.json                   prompt, versions, which tensors were rounded and how

precision.py prints how far an engine that also rounds the inputs of its products, as
ggml does on the CPU, must be from the rounded goldens.

Tensors of a golden, shapes in row-major order (ggml's read backwards):

    pixels [3,56,56]        the image, normalized to [-1,1]; round((x+1)*127.5) gives its bytes
    ids [n]                 the prompt: <image> x 16 per image, <bos>, text, newline
    v.patch_embd v.embd     [16,W] patches after the convolution and its bias; positions added
    v.blk.i.{attn_out,ffn_out,out}   [16,W] each branch before its residual sum; the block
    v.post_ln mm.out        [16,W] [16,D] the last norm; the projector, unscaled
    prefix                  [n,D] into the first decoder block: mm.out, text rows times sqrt(D)
    blk.i.{attn_out,ffn_out,out}     [n,D] each branch before any norm after it; the block
    output_norm             [n,D]
    logits                  [V] at the last prefix token, before any softcap, without the rows
                            of <image> and of padding
    tokens                  [64] greedy, not stopped by <eos>, never <image> or padding
    step_logits.k           [V] that chose token k, k = 1, 7, 63

A second image has its own taps, named image1.pixels, image1.v.embd and so on.

Everything is seeded and single-threaded, so the same processor gives the same bytes.
PyTorch chooses its kernels by the processor: another one may differ in the last bits.
"""

import argparse
import pathlib
import shutil
import tempfile

import numpy as np
import torch
import transformers
from safetensors.numpy import save_file

import checkpoints
import hf
import quantize
import reference
import traps

TESTDATA = checkpoints.ROOT / "testdata" / "oracle"
SMALLEST_LEAD = 0.02  # of a greedy token's logit over the next one; 20 times the error that logits may have
FILE_LIMIT, TOTAL_LIMIT = 1_000_000, 8_000_000  # bytes


def build(out):
    """Writes every folder. Returns by name the spec, vocabulary, weights and golden, for the table of mistakes."""
    vocab, cases = checkpoints.Vocabulary(), {}
    for spec in checkpoints.SPECS:
        folder = out / spec.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        weights = checkpoints.weights(spec, vocab)
        hf.save(spec, vocab, weights, folder)
        model, ids = hf.load(folder), vocab.prompt(spec)
        about = {
            "prompt": spec.prompt, "layout": spec.layout, "dtype": spec.dtype, "pieces": vocab.pieces,
            "made_with": {"transformers": transformers.__version__, "torch": torch.__version__, "attention": "eager", "computed_in": "float32"},
            "goldens": {},
        }
        for kind in (spec.dtype,) + spec.variants:
            exact = kind == spec.dtype
            used = weights
            if not exact:
                used, names = quantize.rounded(kind, weights)
                hf.set_weights(model, used)
            golden, facts = hf.run(model, vocab, checkpoints.pixels(spec), ids)
            worst, score = agree(spec, vocab, used, golden)
            if spec.score_std > 10 and score < 60:
                raise RuntimeError(f"{spec.name}: scores reach {score:.0f} only, the softcap of 50 hardly binds")
            file = "golden.safetensors" if exact else f"golden-{kind}.safetensors"
            about["goldens"][file] = {"matrices": kind}
            if not exact:
                about["rounded"], about["rounding"] = names, quantize.RULES
            save_file(golden, folder / file)
            print(f"{spec.name} {kind}: {len(ids)} ids, NumPy agrees within {worst:.1e}, scores to {score:.0f}, {facts}", flush=True)
            if exact:
                cases[spec.name] = spec, vocab, weights, golden
                if facts["smallest_lead"] < SMALLEST_LEAD:
                    raise RuntimeError(f"{spec.name}: a token leads by {facts['smallest_lead']:.4f} only, take another seed")
        checkpoints.write_json(folder / "golden.json", about)
    return cases


def agree(spec, vocab, weights, golden):
    """Fails unless the NumPy implementation gives the same taps, logits and tokens.

    Returns the largest difference, and the largest attention score before the softcap.
    """
    model = reference.Reference(spec, vocab, weights)
    images = [golden["pixels"]] + [golden[f"image{i}.pixels"] for i in range(1, spec.images)]
    logits, _ = model.forward(images, golden["ids"].tolist(), golden["tokens"].tolist()[:-1])
    found = dict(model.taps) | {k: logits[int(k.split(".")[1])] for k in golden if k.startswith("step_logits.")}
    left = set(golden) - set(found) - {"ids", "tokens"}
    if any(not k.endswith("pixels") for k in left):
        raise RuntimeError(f"{spec.name}: only one implementation has {sorted(left)}")
    worst = {k: reference.difference(v, golden[k]) for k, v in found.items()}
    bad = {k: d for k, d in worst.items() if not d < 2e-5}
    if bad or not np.array_equal(logits.argmax(1), golden["tokens"]):
        raise RuntimeError(f"{spec.name}: the implementations disagree: {bad}")
    return max(worst.values()), model.largest_score


def sizes(out):
    files = [p for p in out.rglob("*") if p.is_file()]
    total = sum(p.stat().st_size for p in files)
    large = [p.name for p in files if p.stat().st_size >= FILE_LIMIT]
    print(f"{len(files)} files, {total:,} bytes")
    if large or total >= TOTAL_LIMIT:
        raise RuntimeError(f"too large: {large or total}")


def compare(a, b):
    names = lambda root: {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    unlike = names(a) ^ names(b) | {n for n in names(a) & names(b) if (a / n).read_bytes() != (b / n).read_bytes()}
    if unlike:
        raise RuntimeError(f"not the same: {sorted(unlike)}")
    print(f"{len(names(a))} files, all bytes equal")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="rebuild in a temporary folder and compare with testdata/oracle")
    args = parser.parse_args()
    if args.check:
        with tempfile.TemporaryDirectory() as scratch:
            build(pathlib.Path(scratch))
            compare(TESTDATA, pathlib.Path(scratch))
        return
    traps.table(build(TESTDATA))
    sizes(TESTDATA)


if __name__ == "__main__":
    main()
