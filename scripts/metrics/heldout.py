"""Goldens of the Go package eval: held-out scenes, answers with faults, and what
scripts/tiny/evaluate.py makes of them.

    python scripts/metrics/heldout.py --vae models/tiny/vae.npz --out testdata/metrics/heldout

Needs what scripts/tiny needs. Writes data.jsonl (without the pictures, which no figure
needs), true masks, and golden.json: an answer to each line, and the figures.
"""

import argparse
import json
import pathlib
import random
import re
import sys

import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tiny"))
import evaluate
import heldout
import scenes
import vqvae

SIDE, SCENES = 112, 12


def move(text, rng):
    """Coordinates that are off by up to a thirtieth of the picture."""
    return re.sub(r"\d{4}", lambda m: f"{min(1023, max(0, int(m[0]) + rng.randint(-34, 34))):04d}", text)


def drop(text, rng):
    """The answer without one of its tokens."""
    tokens = re.findall(r"<[a-z]+\d+>", text)
    return text.replace(rng.choice(tokens), "", 1)


def flip(text, rng):
    """Corners the other way round."""
    return re.sub(r"(<loc\d{4}>)(<loc\d{4}>)(<loc\d{4}>)(<loc\d{4}>)", r"\3\4\1\2", text, count=1)


FAULTS = [move, move, move, drop, flip,
          lambda t, rng: t,
          lambda t, rng: t.split(" ; ")[0],
          lambda t, rng: t + " ; " + move(t, rng),
          lambda t, rng: re.sub(r" \w+$", " moon", t),
          lambda t, rng: re.sub(r"<seg\d{3}>", "", t),
          lambda t, rng: "no such thing"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--vae", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    out, vae, rng = pathlib.Path(args.out), vqvae.load(args.vae), random.Random(7)
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
