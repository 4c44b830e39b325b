"""Draws the pictures of pgcli demo, which are held-out scenes, and writes the prompts about each.

    python scripts/tiny/demo.py --out cmd/pgcli/demo
"""

import argparse
import json
import pathlib
import random

from PIL import Image

import heldout
import scenes
import tasks

PICTURES = [5, 21, 8, 38, 26, 43, 44, 37]  # numbers of held-out scenes: every background, half of them with a sign
QUESTIONS = 3


def asks(scene, rng):
    """Yields a caption, a few questions, the text of the sign, one prompt to detect and two to segment."""
    every = tasks.all_tasks(scene, rng)
    of = lambda kind: [t for t in every if t.kind == kind]
    yield from of("caption")
    yield from rng.sample(of("answer"), QUESTIONS)
    yield from of("ocr")
    detect, segment = of("detect"), [t for t in of("segment") if "sign" not in t.prompt]
    yield max(detect, key=lambda t: (";" in t.prompt, len(t.items)))  # a pair of things if there is one
    most = max(segment, key=lambda t: len(t.items))
    yield most
    yield rng.choice([t for t in segment if not set(t.items) <= set(most.items)] or segment)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True)
    out = pathlib.Path(parser.parse_args().out)
    out.mkdir(parents=True, exist_ok=True)
    pictures = []
    for i in PICTURES:
        scene = scenes.compose(heldout.FIRST + i)
        image, _ = scenes.render(scene, heldout.SIDE)
        name = f"scene-{i:02d}.jpg"
        Image.fromarray(image).save(out / name, quality=90)
        prompts = [dict(prompt=t.prompt) if t.items else dict(prompt=t.prompt, expected=t.answer) for t in asks(scene, random.Random(i))]
        pictures.append(dict(image=name, asks=prompts))
    with open(out / "scenes.json", "w") as f:
        json.dump(pictures, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
