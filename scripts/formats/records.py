"""Writes the records and pictures of batch/export/testdata, with which the formats are tested.

    python scripts/formats/records.py

Masks are encoded by pycocotools. Labels and names hold what a careless writer would not escape.
"""

import hashlib
import json
import pathlib

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

HERE = pathlib.Path("batch/export/testdata")
MODEL = hashlib.sha256(b"model").hexdigest()
rng = np.random.default_rng(18)


def picture(name, width, height):
    path = HERE / "pictures" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], -1).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return {"image": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "width": width, "height": height}


def thing(label, loc, score, size, mask=None):
    """An object whose corners are loc tokens y0 x0 y1 x1; mask is a function of x, y from 0 to 1 in the box."""
    y0, x0, y1, x1 = loc
    w, h = size
    box = {"x0": x0 / 1024, "y0": y0 / 1024, "x1": x1 / 1024, "y1": y1 / 1024}
    px = [round(box["x0"] * w), round(box["y0"] * h), round(box["x1"] * w), round(box["y1"] * h)]
    o = {"label": label, "box": box, "pixels": dict(zip(("x0", "y0", "x1", "y1"), px)), "score": score, "first": 0, "last": 5}
    text = "".join(f"<loc{v:04d}>" for v in loc)
    rle = None
    if mask:
        o["codes"] = [int(c) for c in rng.integers(0, 128, 16)]
        text += "".join(f"<seg{c:03d}>" for c in o["codes"])
        full = np.zeros((h, w), np.uint8)
        yy, xx = np.mgrid[px[1]:px[3], px[0]:px[2]]
        full[px[1]:px[3], px[0]:px[2]] = mask((xx + 0.5 - px[0]) / (px[2] - px[0]), (yy + 0.5 - px[1]) / (px[3] - px[1]))
        rle = coco_mask.encode(np.asfortranarray(full))
        rle = {"size": list(rle["size"]), "counts": rle["counts"].decode()}
    return o, text + " " + label, rle


def record(of, prompt, text=None, things=(), error=None, stop="eos"):
    r = {"key": hashlib.sha256((of["image"] + prompt).encode()).hexdigest()[:32], **of, "prompt": prompt, "model": MODEL}
    if error:
        return {**r, "error": error}
    if things:
        text = " ; ".join(t for _, t, _ in things)
    r |= {"text": text, "tokens": [], "stop": stop,
          "timings": {"encode_ns": 0, "prefill_ns": 0, "decode_ns": 0, "prompt_tokens": 9, "generated_tokens": 5}, "ms": 12.5}
    if things:
        r["objects"] = [o for o, _, _ in things]
        if any(m for _, _, m in things):
            r["masks"] = [m for _, _, m in things]
    return r


def disc(x, y):
    return (x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.25


def holed(x, y):
    """A ring with a hole, and a part that lies apart."""
    r = (x - 0.4) ** 2 + (y - 0.4) ** 2
    return ((r < 0.16) & (r > 0.03)) | ((x > 0.85) & (y > 0.8))


def main():
    a = picture("a & b/first (1).png", 120, 80)
    b = picture("second.jpg", 64, 96)
    c = picture("third.gif", 50, 40)
    size = lambda p: (p["width"], p["height"])
    records = [
        record(a, "detect cat ; dog", things=[
            thing("cat", (102, 205, 717, 819), 0.9, size(a)),
            thing('"dog": it\'s, 100%', (0, 0, 1023, 512), 0.4, size(a)),
            thing("cat", (300, 300, 700, 700), 0.25, size(a))]),
        record(a, "caption en", text="=HYPERLINK(\"http://evil\") & more"),
        record(b, "segment 猫 😀", things=[
            thing("猫 😀", (100, 100, 900, 900), 0.8, size(b), disc),
            thing("ring", (200, 50, 1000, 1000), 0.7, size(b), holed)]),
        record(b, "answer en how cold is it", text="-5"),
        record({"image": "gone.png"}, "detect cat ; dog", error={"kind": "read", "message": "no such <file>"}),
        record(c, "detect cat ; dog", text="", stop="eos"),
        record(c, "segment 猫 😀", things=[thing("<b>&'", (0, 0, 512, 512), 0.5, size(c))]),
    ]
    out = HERE / "records.jsonl"
    out.write_text("".join(json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n" for r in records))


main()
