"""Goldens of package eval: held-out scenes, answers with faults, and the figures that
scripts/tiny/evaluate.py computes from them.

    pip install -r scripts/eval/requirements.txt
    python scripts/eval/golden.py [DIR]      # DIR is testdata/metrics/heldout by default

Writes data.jsonl, the true masks, and golden.json: an answer to each line, and the
figures. The pictures are left out, as no figure needs them.
"""

import json
import pathlib
import random
import re
import sys

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/tiny"))
import evaluate  # noqa: E402
import heldout  # noqa: E402
import scenes  # noqa: E402
import vqvae  # noqa: E402

SIDE, SCENES = 112, 12


def move(text, rng):
    """The answer with every number moved by up to a thirtieth of the picture."""
    return re.sub(r"\d{4}", lambda m: f"{min(1023, max(0, int(m[0]) + rng.randint(-34, 34))):04d}", text)


def drop(text, rng):
    """The answer without one of its tokens."""
    tokens = re.findall(r"<[a-z]+\d+>", text)
    return text.replace(rng.choice(tokens), "", 1)


def flip(text, rng):
    """The answer with the corners of its first box exchanged."""
    return re.sub(r"(<loc\d{4}>)(<loc\d{4}>)(<loc\d{4}>)(<loc\d{4}>)", r"\3\4\1\2", text, count=1)


FAULTS = [move, move, move, drop, flip,
          lambda t, rng: t,
          lambda t, rng: t.split(" ; ")[0],
          lambda t, rng: t + " ; " + move(t, rng),
          lambda t, rng: re.sub(r" \w+$", " moon", t),
          lambda t, rng: re.sub(r"<seg\d{3}>", "", t),
          lambda t, rng: "no such thing"]


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "testdata/metrics/heldout"
    vae, rng = vqvae.load(ROOT / "models/tiny/vae.npz"), random.Random(7)
    out.mkdir(parents=True, exist_ok=True)
    lines, texts = [], []
    for i in range(SCENES):
        scene = scenes.compose(heldout.FIRST + 5000 + i)
        _, visible = scenes.render(scene, SIDE)
        what = heldout.drawn(scene, visible, vae)
        for task in heldout.pick(scene, what, random.Random(i)):
            line = heldout.line(task, what, f"{i:02d}")
            for k in task.items if task.kind == "segment" else ():
                Image.fromarray(visible[k].astype(np.uint8) * 255).convert("1").save(out / f"{i:02d}-{k}.png")
            lines.append(line)
            pointing = task.kind in ("detect", "segment")
            texts.append(rng.choice(FAULTS)(task.answer, rng) if pointing else rng.choice([task.answer, task.answer, "something else"]))
    (out / "data.jsonl").write_text("".join(json.dumps(v) + "\n" for v in lines))
    golden = {"side": SIDE, "answers": texts, "figures": evaluate.score(lines, texts, vae, out)}
    (out / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
