"""Draws scenes to disk, in shards whose contents follow from their number.

    python scripts/tiny/data.py --out DATA --shards 16     # continues where it stopped

A shard holds 2048 scenes: pictures as the processor makes them, boxes and masks of all
items, and labels per patch that help to train the vision tower: the item in the patch,
and the letters centred in its left and right half.
"""

import argparse
import dataclasses
import os
import pathlib

import numpy as np
from PIL import Image

import scenes

SIDE, PATCH = 112, 14
GRID = SIDE // PATCH
MASK = 64  # side of a mask inside its box
SHARD = 2048
NOTHING = 255  # in Shard.patch


@dataclasses.dataclass
class Shard:
    images: np.ndarray  # uint8 [n, 112, 112, 3]
    first: np.ndarray  # int32 [n+1]: items of scene i are first[i] to first[i+1]
    boxes: np.ndarray  # float32 [items, 4]: ymin, xmin, ymax, xmax as fractions
    masks: np.ndarray  # uint8 [items, 512]: 64x64 bits
    patch: np.ndarray  # uint8 [n, 64]: the item in the patch, numbered within the scene, or NOTHING
    letters: np.ndarray  # uint8 [n, 64, 2]: 0, or 1 + index in scenes.ALPHABET


def shrink(image):
    """Resizes as the processor does: PIL's bicubic, no cropping."""
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.BICUBIC))


def crop_mask(mask, box):
    """The part of a mask in a box, stretched to bool [64, 64]."""
    h, w = mask.shape
    y0, x0, y1, x1 = (round(v * s) for v, s in zip(box, (h, w, h, w)))
    crop = Image.fromarray(mask[y0:y1, x0:x1].astype(np.uint8) * 255)
    return np.asarray(crop.resize((MASK, MASK), Image.BILINEAR)) >= 128


def patch_items(visible):
    """For each patch the item that covers most of it, if that is more than an eighth."""
    n, size, _ = visible.shape
    step = size // GRID
    covered = visible.reshape(n, GRID, step, GRID, step).mean((2, 4)).reshape(n, -1)
    return np.where(covered.max(0) > 0.125, covered.argmax(0), NOTHING).astype(np.uint8)


def patch_letters(scene):
    out = np.zeros((GRID, GRID, 2), np.uint8)
    for item in scene.items:
        if item.text:
            for letter, (x, y) in zip(item.text, scenes.letter_centers(item)):
                column = int(x * GRID * 2)
                out[int(y * GRID), column // 2, column % 2] = 1 + scenes.ALPHABET.index(letter)
    return out.reshape(-1, 2)


def draw(seeds):
    images, first, boxes, masks, patch, letters = [], [0], [], [], [], []
    for seed in seeds:
        scene = scenes.compose(seed)
        image, visible = scenes.render(scene)
        images.append(shrink(image))
        for mask in visible:
            boxes.append(scenes.box(mask))
            masks.append(np.packbits(crop_mask(mask, boxes[-1])))
        first.append(len(boxes))
        patch.append(patch_items(visible))
        letters.append(patch_letters(scene))
    return Shard(np.stack(images), np.int32(first), np.float32(boxes), np.stack(masks), np.stack(patch), np.stack(letters))


def seeds(shard):
    """Seeds of a shard. Training uses seeds from 0; held-out scenes and the tokenizer's corpus use seeds far beyond."""
    return range(shard * SHARD, (shard + 1) * SHARD)


def path(folder, shard):
    return pathlib.Path(folder) / f"scenes-{shard:04d}.npz"


def load(folder, shard):
    with np.load(path(folder, shard)) as f:
        return Shard(**f)


def shards(folder):
    """The number of shards before the first gap."""
    n = 0
    while path(folder, n).exists():
        n += 1
    return n


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--shards", type=int, default=16)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    for i in range(args.shards):
        if not path(args.out, i).exists():
            temporary = path(args.out, i).with_suffix(".tmp")
            with open(temporary, "wb") as f:
                np.savez(f, **vars(draw(seeds(i))))
            os.replace(temporary, path(args.out, i))
            print(path(args.out, i), flush=True)


if __name__ == "__main__":
    main()
