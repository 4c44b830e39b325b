"""Golden masks of internal/overlay, encoded by pycocotools.

    pip install -r scripts/overlay/requirements.txt
    python scripts/overlay/golden.py [DIR]      # writes coco.json to DIR, internal/overlay/testdata by default

A case has the size of the picture, the box of the mask (x0, y0, x1, y1), which may reach
beyond the picture, the bits of the mask row by row, and the compressed run lengths of the
whole picture.
"""

import base64
import json
import pathlib
import sys

import numpy as np
from pycocotools import mask as coco

TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "internal/overlay/testdata"
rng = np.random.default_rng(5)


def ellipse(h, w):
    y, x = np.mgrid[:h, :w]
    return ((x + 0.5) / w * 2 - 1) ** 2 + ((y + 0.5) / h * 2 - 1) ** 2 <= 1


def cases():
    """Yields the name of a case, width and height of its picture, the corner of the mask (x, y) and the mask."""
    yield "empty", 7, 5, (2, 1), np.zeros((3, 4), bool)
    yield "no mask at all", 7, 5, (0, 0), np.zeros((0, 0), bool)
    yield "full", 7, 5, (0, 0), np.ones((5, 7), bool)
    yield "one pixel", 1, 1, (0, 0), np.ones((1, 1), bool)
    yield "first pixel", 9, 4, (0, 0), np.ones((1, 1), bool)
    yield "last pixel", 9, 4, (8, 3), np.ones((1, 1), bool)
    yield "last column", 9, 4, (8, 0), np.ones((4, 1), bool)
    yield "down to the bottom", 9, 6, (3, 2), np.ones((4, 3), bool)
    yield "from the top", 9, 6, (3, 0), np.ones((4, 3), bool)
    yield "noise", 40, 30, (5, 6), rng.random((20, 25)) < 0.5
    yield "sparse noise", 60, 90, (0, 0), rng.random((90, 60)) < 0.01
    yield "ellipse", 640, 480, (100, 50), ellipse(300, 250)
    yield "long runs", 4000, 3000, (3900, 2990), np.ones((10, 60), bool)
    yield "beyond the lower right", 20, 20, (15, 14), ellipse(11, 13)
    yield "beyond the upper left", 20, 20, (-4, -5), ellipse(11, 13)
    yield "outside", 20, 20, (30, 3), np.ones((4, 4), bool)


def main():
    out = []
    for name, width, height, (x, y), mask in cases():
        h, w = mask.shape
        picture = np.zeros((height, width), np.uint8, order="F")
        into = picture[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)]
        into[...] = mask[max(-y, 0) : max(-y, 0) + into.shape[0], max(-x, 0) : max(-x, 0) + into.shape[1]]
        counts = coco.encode(picture)["counts"].decode()
        assert (coco.decode({"size": [height, width], "counts": counts}) == picture).all()
        bits = base64.b64encode(np.packbits(mask).tobytes()).decode()
        out.append(dict(name=name, width=width, height=height, box=[x, y, x + w, y + h], bits=bits, counts=counts))
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TESTDATA
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "coco.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in out) + "\n]\n")


if __name__ == "__main__":
    main()
