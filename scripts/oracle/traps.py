"""Known mistakes, and the table that golden.py prints: which golden notices each."""

import numpy as np

import reference
from checkpoints import SPECS

BOTH = ("pg1-b", "pg2-b")

# mistake -> checkpoints where it must show
TRAPS = {
    "newline missing": BOTH,
    "bos first": BOTH,
    "prefix causal": BOTH,
    "text causal": BOTH,
    "prefix causal by batches": ("pg2-c",),
    "tower causal": BOTH,
    "image scaled": BOTH,
    "image divided": BOTH,
    "text scale missing": BOTH,
    "scale of top-level hidden_size": BOTH,
    "scaled head": BOTH,
    "norm without 1+w": BOTH,
    "norm 1+w twice": BOTH,
    "norm roles mixed": ("pg2-b",),
    "post norms missing": ("pg2-b",),
    "post norm after residual": ("pg2-b",),
    "query scale of the head dim": ("pg2-b",),
    "attention softcap missing": ("pg2-a", "pg2-b"),
    "window": ("pg2-c",),
    "o_proj as [H*h, D]": ("pg1-a", "pg1-b", "pg2-a"),
    "kv heads interleaved": BOTH,
    "rope interleaved": BOTH,
    "rope theta": BOTH,
    "decode position off by one": BOTH,
    "positions restart per image": ("pg1-c",),
    "images swapped": ("pg1-c",),
    "tower gelu erf": BOTH,
    "text gelu erf": BOTH,
    "text gelu silu": BOTH,
    "gate and up swapped": BOTH,
    "bgr": BOTH,
    "columns first": BOTH,
}
HARMLESS = {"positions shifted": BOTH}  # RoPE is relative
STEPS_ONLY = {"decode position off by one"}  # the prefill is right

LIMITS = 1e-4, 1e-3  # tolerances of the Go tests: taps relative, logits absolute


def table(cases):
    """Prints one row per mistake and checkpoint, and fails on a mistake that the goldens do not notice.

    cases maps a name to (spec, vocab, weights, golden).
    """
    specs = {s.name: s for s in SPECS}
    print(f"{'mistake':32} {'checkpoint':10} {'first tap to differ':20} {'relative':>9} {'logits, abs':>11} {'steps, abs':>10} greedy")
    missed = []
    for trap, names in (TRAPS | HARMLESS).items():
        for name in names:
            spec, vocab, weights, golden = cases[name]
            assert spec is specs[name]
            first, relative, absolute, steps, tokens = effect(trap, spec, vocab, weights, golden)
            caught = first is not None or absolute > LIMITS[1] or trap in STEPS_ONLY and steps > LIMITS[1]
            if caught == (trap in HARMLESS):
                missed.append((trap, name))
            print(f"{trap:32} {name:10} {first or '-':20} {relative:9.1e} {absolute:11.1e} {steps:10.1e} {tokens}")
    if missed:
        raise RuntimeError(f"the goldens do not notice: {missed}")


def effect(trap, spec, vocab, weights, golden):
    model = reference.Reference(spec, vocab, weights, [trap])
    images = [golden["pixels"]] + [golden[f"image{i}.pixels"] for i in range(1, spec.images)]
    logits, _ = model.forward(images, golden["ids"].tolist(), golden["tokens"].tolist()[:-1])
    first, relative = None, 0.0
    for name, got in model.taps.items():
        d = reference.difference(got, golden[name])
        if name != "logits" and d > LIMITS[0]:
            first, relative = name, d
            break
    absolute = np.abs(logits[0] - golden["logits"]).max()
    steps = max(np.abs(logits[int(k.split(".")[1])] - golden[k]).max() for k in golden if k.startswith("step_logits."))
    same = int((logits.argmax(1) == golden["tokens"]).sum())
    return first, relative, absolute, steps, f"{same}/{len(logits)} equal"
