#!/usr/bin/env python3
"""Goldens of the model run in bfloat16: how far the reference itself is from its results in float32.

    pip install -r scripts/oracle/requirements.txt
    python scripts/oracle/bfloat16.py            # rewrites testdata/bfloat16, prints the differences from float32

transformers computes with the tiny checkpoints of golden.py whose matrices are rounded to bfloat16.
With dtype=torch.bfloat16 it rounds the other weights and every intermediate result, too.
testdata/bfloat16/<name>.safetensors has the pixels, the ids, and the taps up to the first logits,
named as in golden.py, stored in float32.
"""

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

import checkpoints
import golden as goldens
import hf
import quantize
import reference

OUT = checkpoints.ROOT / "testdata" / "bfloat16"


@torch.no_grad()
def run(model, spec, vocab, exact):
    """The taps of the prompt and its first logits, in float32."""
    ids = torch.from_numpy(exact["ids"]).long()[None]
    with hf.taps(model, 1) as (got, logits):
        model(input_ids=ids, pixel_values=torch.from_numpy(checkpoints.pixels(spec)).to(torch.bfloat16),
              token_type_ids=torch.zeros_like(ids), attention_mask=torch.ones_like(ids))
    taps = {"pixels": exact["pixels"], "ids": exact["ids"], "logits": logits[0][:vocab.pieces]} | got
    return {k: np.ascontiguousarray(v) for k, v in taps.items()}


def main():
    OUT.mkdir(exist_ok=True)
    vocab = checkpoints.Vocabulary()
    for spec in checkpoints.SPECS:
        if "bf16" not in spec.variants:
            continue
        folder = goldens.TESTDATA / spec.name
        exact = load_file(folder / "golden-bf16.safetensors")
        used, _ = quantize.rounded("bf16", checkpoints.weights(spec, vocab))
        model = hf.load(folder)
        hf.set_weights(model, used)
        taps = run(model.to(torch.bfloat16), spec, vocab, exact)
        left = {k for k in exact if not k.startswith(("step_logits.", "tokens"))} ^ set(taps)
        if left:
            raise RuntimeError(f"{spec.name}: only one golden has {sorted(left)}")
        save_file(taps, OUT / f"{spec.name}.safetensors")
        worst = sorted(((reference.difference(v, exact[k]), k) for k, v in taps.items()), reverse=True)
        shown = worst[:3] + [w for w in worst[3:] if w[1] in ("mm.out", "logits")]
        print(f"{spec.name}: " + ", ".join(f"{k} {d:.1e}" for d, k in shown))


if __name__ == "__main__":
    main()
