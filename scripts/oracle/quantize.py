"""Rounds weights to the types of a converted file and reads them back."""

import gguf
import ml_dtypes
import numpy as np

PADDING = 256  # the converter pads the tower's MLP with zeros to a multiple of this
RULES = {
    "f16": "IEEE binary16, to nearest even",
    "bf16": "bfloat16, to nearest even",
    "q8_0": "ggml's: rows in blocks of 32, scale max|x|/127 kept in F16, integers to nearest; rows of fc2 padded with zeros to 256 first",
    "others": "as stored: norms, biases, position table; patch kernel and projector, whose values F16 and BF16 hold exactly",
}


def matrix(name):
    """Tells whether the converter stores a tensor in the type that was asked for.

    Norms, biases and the position table stay F32. The patch kernel and the
    projector keep 16 bits in quantized files; the checkpoints hold values there
    that F16 and BF16 represent exactly, so they come out the same in any file.
    """
    layer = ".layers." in name and name.endswith(("_proj.weight", "fc1.weight", "fc2.weight"))
    return layer or name.endswith("embed_tokens.weight")


def round_to(kind, name, x):
    if kind == "f16":
        return x.astype(np.float16).astype(np.float32)
    if kind == "bf16":
        return x.astype(ml_dtypes.bfloat16).astype(np.float32)
    if kind == "q8_0":
        rows, cols = x.shape
        padding = -cols % PADDING if name.endswith("fc2.weight") else 0
        padded = np.pad(x, ((0, 0), (0, padding)))
        q = gguf.quants.quantize(padded, gguf.GGMLQuantizationType.Q8_0)
        return gguf.quants.dequantize(q, gguf.GGMLQuantizationType.Q8_0)[:, :cols]
    raise ValueError(f"type {kind!r}")


def rounded(kind, weights):
    """The weights in a file of a type, and the names of the tensors that have that type."""
    out, names = {}, []
    for name, x in weights.items():
        if matrix(name):
            names.append(name)
            x = np.ascontiguousarray(round_to(kind, name, x))
        out[name] = x
    return out, names
