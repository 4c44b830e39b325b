#!/usr/bin/env python3
"""The error of an engine whose matrix products round their input, as ggml's CPU kernels do.

ggml multiplies an F16 matrix by activations rounded to F16, a BF16 one by BF16,
and a Q8_0 one by activations quantized to Q8_0. The goldens of these types have
exact activations. The script prints how far from them an engine is that rounds and
has no fault: at the two worst taps, the projector and the logits.

    pip install -r scripts/oracle/requirements.txt
    python scripts/oracle/precision.py
"""

import gguf
import ml_dtypes
import numpy as np
from safetensors.numpy import load_file

import checkpoints
import golden as goldens
import quantize
import reference


def rounding(kind):
    """The function that a product with a matrix of the type applies to its input [n, in]."""

    def apply(name, x):
        if not quantize.matrix(name):
            return x
        if kind == "f16":
            return x.astype(np.float16).astype(np.float64)
        if kind == "bf16":
            return x.astype(ml_dtypes.bfloat16).astype(np.float64)
        padded = np.pad(x, ((0, 0), (0, -x.shape[1] % 32))).astype(np.float32)
        q8_0 = gguf.GGMLQuantizationType.Q8_0
        return gguf.quants.dequantize(gguf.quants.quantize(padded, q8_0), q8_0)[:, : x.shape[1]].astype(np.float64)

    return apply


def main():
    vocab = checkpoints.Vocabulary()
    for spec in checkpoints.SPECS:
        for kind in spec.variants:
            golden = load_file(goldens.TESTDATA / spec.name / f"golden-{kind}.safetensors")
            used, _ = quantize.rounded(kind, checkpoints.weights(spec, vocab))
            model = reference.Reference(spec, vocab, used, activations=rounding(kind))
            logits, _ = model.forward([golden["pixels"]], golden["ids"].tolist(), golden["tokens"].tolist()[:-1])
            worst = sorted(((reference.difference(v, golden[k]), k) for k, v in model.taps.items()), reverse=True)
            same = int((logits.argmax(1) == golden["tokens"]).sum())
            shown = worst[:2] + [w for w in worst[2:] if w[1] in ("mm.out", "logits")]
            print(f"{spec.name} {kind:5} {same}/{len(logits)} tokens equal; " + ", ".join(f"{k} {d:.1e}" for d, k in shown))


if __name__ == "__main__":
    main()
