"""Writes held-out scenes as a data set: pictures, masks and data.jsonl.

    python scripts/tiny/heldout.py --vae models/tiny/vae.npz --out HELD --count 1000

`pgcli eval` reads data.jsonl. A line has image, task, prompt and expected; for detect and
segment also boxes (ymin, xmin, ymax, xmax as fractions) and labels in the order of the
answer; for segment also masks, PNGs of the picture's size.
"""

import argparse
import json
import os
import pathlib
import random

import numpy as np
import torch
from PIL import Image

import data
import scenes
import tasks
import vqvae

FIRST = 2**41  # seeds that training and the tokenizer's corpus never reach
SIDE = 336
PER_SCENE = {"caption": 1, "answer": 2, "ocr": 1, "detect": 2, "segment": 1}


def drawn(scene, visible, vae):
    boxes = [scenes.box(v) for v in visible]
    masks = torch.from_numpy(np.stack([data.crop_mask(v, b) for v, b in zip(visible, boxes)]))
    with torch.no_grad():
        return tasks.Drawn(scene, boxes, vae.codes(masks).tolist())


def pick(scene, what, rng):
    """Yields a few tasks of each kind."""
    every = tasks.all_tasks(scene, rng, what)
    for kind, count in PER_SCENE.items():
        these = [t for t in every if t.kind == kind]
        yield from rng.sample(these, min(count, len(these)))


def line(task, what, name):
    """The line in data.jsonl for a task about picture `name`.png, with masks `name`-k.png."""
    out = dict(image=f"{name}.png", task=task.kind, prompt=task.prompt, expected=task.answer)
    if task.items:
        out["boxes"] = [[round(float(v), 5) for v in what.boxes[k]] for k in task.items]
        out["labels"] = [s.rsplit(">", 1)[1].strip() for s in task.answer.split(" ; ")]
    if task.kind == "segment":
        out["masks"] = [f"{name}-{k}.png" for k in task.items]
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--vae", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--count", type=int, default=1000)
    args = parser.parse_args()
    out, vae = pathlib.Path(args.out), vqvae.load(args.vae)
    out.mkdir(parents=True, exist_ok=True)
    temporary = out / "data.jsonl.tmp"
    with open(temporary, "w") as f:
        for i in range(args.count):
            scene = scenes.compose(FIRST + i)
            image, visible = scenes.render(scene, SIDE)
            what = drawn(scene, visible, vae)
            name = f"{i:04d}"
            Image.fromarray(image).save(out / f"{name}.png")
            for k, v in enumerate(visible):
                Image.fromarray(v.astype(np.uint8) * 255).save(out / f"{name}-{k}.png")
            for task in pick(scene, what, random.Random(i)):
                f.write(json.dumps(line(task, what, name)) + "\n")
    os.replace(temporary, out / "data.jsonl")


if __name__ == "__main__":
    main()
