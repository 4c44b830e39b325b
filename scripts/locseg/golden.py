"""Goldens of internal/locseg: answers read as objects, and masks.

    pip install -r scripts/locseg/requirements.txt
    python scripts/locseg/golden.py [DIR]      # DIR is testdata/locseg by default

parse.json         answers, good and bad, and their objects by big_vision's published rules
masks.safetensors  four masks: their codes in models/tiny/vae.npz, as PyTorch decodes them, and as
                   big_vision's formulas, written out in numpy, decode them
paste.json         the masks in boxes, as big_vision's demo pastes them with Pillow
resize.json        Pillow's default resize of grey pictures, as SHA-256 of the bytes

No weights are written.
"""

import base64
import hashlib
import json
import pathlib
import random
import re
import sys

import numpy as np
import torch
from PIL import Image, ImageDraw
from safetensors.numpy import save

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/tiny"))
import vqvae  # noqa: E402

VAE = ROOT / "models/tiny/vae.npz"

# --- parsing: the regular expression of big_vision's demo, with exact numbers of tokens

LOC = r"<loc(?:0\d{3}|10[01]\d|102[0-3])>"
SEG = r"<seg(?:0\d{2}|1[01]\d|12[0-7])>"
SPACE = r"[ \t\n\f\r]*+"  # possessive: otherwise it could leave a space over, and "no seg follows" would hold
OBJECT = re.compile(
    rf"(?<!{LOC})((?:{LOC}){{4}})(?!{LOC}){SPACE}(?:((?:{SEG}){{16}})(?!{SEG})|(?!{SEG})){SPACE}([^;<>]*)")


def numbers(tokens):
    return [int(n) for n in re.findall(r"\d+", tokens or "")]


def parse(text):
    """The objects of an answer, and the rest of its text without spaces and ";"."""
    objects, left, end = [], "", 0
    for m in OBJECT.finditer(text):
        y0, x0, y1, x1 = numbers(m[1])
        if y1 <= y0 or x1 <= x0:
            continue
        objects.append({"loc": [y0, x0, y1, x1], "codes": numbers(m[2]), "label": m[3].strip()})
        left, end = left + text[end:m.start()], m.end()
    if not re.search(f"{LOC}|{SEG}", text):
        return [], ""  # plain text
    return objects, re.sub(r"[ \t\n\f\r;]", "", left + text[end:])


def pixels(loc, scale, width, height):
    """The demo's x0, y0, x1, y1."""
    y0, x0, y1, x1 = (n / scale for n in loc)
    return [round(x0 * width), round(y0 * height), round(x1 * width), round(y1 * height)]


def answer(rng):
    """A well-formed answer, as a list of tokens."""
    parts = []
    for _ in range(rng.randint(1, 4)):
        y, x = sorted(rng.sample(range(1024), 2)), sorted(rng.sample(range(1024), 2))
        locs = [f"<loc{n:04d}>" for n in (y[0], x[0], y[1], x[1])]
        segs = [f"<seg{rng.randrange(128):03d}>" for _ in range(16 * rng.randint(0, 1))]
        parts.append(locs + segs + [rng.choice(["", " cat", " big dog", "cat", " Größe 3", " 猫", " a.b-c"])] + [" ; "])
    return [t for p in parts for t in p][:-1]


def damage(tokens, rng):
    """The answer with one fault."""
    i, j = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    kind = rng.randrange(9)
    if kind == 0:
        del tokens[i]
    elif kind == 1:
        tokens.insert(i, tokens[i])
    elif kind == 2:
        tokens[i], tokens[j] = tokens[j], tokens[i]
    elif kind == 3:
        del tokens[i:]
    elif kind == 4:
        tokens.insert(i, rng.choice(["stray", " ; ", ";", "<", ">", "<b>", " ", "\n", "<loc1024>", "<seg128>", "<loc12>", "<loc00001>", "ü"]))
    elif kind == 5:
        tokens[i] = tokens[i][:rng.randrange(len(tokens[i]) + 1)]
    elif kind == 6:
        tokens.insert(i, rng.choice(["<loc0500>", "<seg064>"]))
    elif kind == 7:
        del tokens[min(i, j):max(i, j)]
    else:
        tokens[i] = tokens[j]
    return tokens or ["x"]


def parse_cases():
    rng = random.Random(5)
    for i in range(400):
        tokens = answer(rng)
        for _ in range(rng.choice([0, 1, 1, 2, 5])):
            tokens = damage(tokens, rng)
        text = "".join(tokens)
        objects, left = parse(text)
        width, height = rng.randint(1, 4000), rng.randint(1, 4000)
        for o in objects:
            o["pixels"] = pixels(o["loc"], 1024, width, height)
            o["pixels1023"] = pixels(o["loc"], 1023, width, height)
        yield {"text": text, "width": width, "height": height, "objects": objects, "left": left}


# --- masks

def shapes():
    """Four masks, bool [4, 64, 64]."""
    out = []
    for draw in (
        lambda d: d.ellipse((4, 10, 60, 55), fill=1),
        lambda d: d.polygon([(32, 2), (42, 24), (62, 26), (46, 40), (52, 62), (32, 50), (12, 62), (18, 40), (2, 26), (22, 24)], fill=1),
        lambda d: d.ellipse((2, 2, 61, 61), outline=1, width=14),
        lambda d: d.polygon([(0, 0), (20, 0), (20, 44), (63, 44), (63, 63), (0, 63)], fill=1),
    ):
        image = Image.new("1", (64, 64))
        draw(ImageDraw.Draw(image))
        out.append(np.asarray(image))
    return np.stack(out)


def conv(x, kernel, bias, padding):
    """flax.linen.Conv on [h, w, in] with a kernel [y, x, in, out]."""
    x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
    side = kernel.shape[0]
    h, w = x.shape[0] - side + 1, x.shape[1] - side + 1
    return bias + sum(x[i:i + h, j:j + w] @ kernel[i, j] for i in range(side) for j in range(side))


def conv_transpose(x, kernel, bias):
    """flax.linen.ConvTranspose(strides=2, padding=2, transpose_kernel=True): jax.lax.conv_transpose
    flips the kernel [y, x, out, in] and swaps its channels, then convolves x with zeros between."""
    kernel = kernel[::-1, ::-1].swapaxes(2, 3)
    wide = np.zeros((2 * x.shape[0] - 1, 2 * x.shape[1] - 1, x.shape[2]))
    wide[::2, ::2] = x
    return conv(wide, kernel, bias, 2)


def big_vision(codes, weights):
    """segmentation.py's decoder, in float64: one mask [64, 64] of 16 codes."""
    w = {k: v.astype(np.float64) for k, v in weights.items()}
    kernel = lambda name: w[f"{name}.weight"].transpose(2, 3, 1, 0)
    bias = lambda name: w[f"{name}.bias"]
    relu = lambda x: np.maximum(x, 0)
    x = w["_vq_vae._embedding"][codes].reshape(4, 4, -1)
    x = relu(conv(x, kernel("decoder.0"), bias("decoder.0"), 0))
    for block in ("decoder.2", "decoder.3"):
        y = relu(conv(x, kernel(f"{block}.net.0"), bias(f"{block}.net.0"), 1))
        y = relu(conv(y, kernel(f"{block}.net.2"), bias(f"{block}.net.2"), 1))
        x = x + conv(y, kernel(f"{block}.net.4"), bias(f"{block}.net.4"), 0)
    for up in ("decoder.4", "decoder.6", "decoder.8", "decoder.10"):
        x = relu(conv_transpose(x, kernel(up), bias(up)))
    return conv(x, kernel("decoder.12"), bias("decoder.12"), 0)[..., 0]


def masks():
    vae = vqvae.load(VAE)
    with torch.no_grad():
        codes = vae.codes(torch.from_numpy(shapes()))
        decoded = vae.decode(codes).numpy()
    codes = codes.numpy().astype(np.int32)
    with np.load(VAE) as f:
        weights = {k: f[k] for k in f.files if not k.startswith("encoder.")}
    theirs = np.stack([big_vision(c, weights) for c in codes]).astype(np.float32)
    worst, inside = np.abs(theirs - decoded).max(), (decoded > 0) == shapes()
    assert worst < 1e-5, worst
    print(f"PyTorch and big_vision's formulas differ by at most {worst:.1e}; {inside.mean():.3f} of the pixels are as drawn")
    return {"codes": codes, "torch": decoded, "big_vision": theirs}


def text(data):
    return base64.b64encode(data).decode()


def paste_cases(decoded):
    """Masks pasted as the demo does: values to bytes, then resized to the box."""
    for i, (width, height) in enumerate([(1, 1), (1, 90), (37, 5), (64, 64), (100, 41), (63, 65), (200, 130), (9, 14)]):
        m = np.clip(decoded[i % 4] * 0.5 + 0.5, 0, 1)
        m = np.asarray(Image.fromarray((m * 255).astype("uint8")).resize((width, height)))
        yield {"mask": i % 4, "width": width, "height": height, "alpha": text(m.tobytes())}


def resize_cases():
    for width, height, to_width, to_height in [(64, 64, 64, 64), (64, 64, 1, 1), (64, 64, 500, 333), (64, 64, 20, 900), (64, 64, 1024, 3),
                                               (1, 1, 7, 9), (3, 50, 40, 2), (200, 90, 31, 77), (13, 17, 12, 18)]:
        x, y = np.arange(width)[None, :], np.arange(height)[:, None]
        for kind, v in (("noise", 3 * x * x + 5 * y * y + 7 * x * y + ((131 * x + 71 * y) ^ (x * y))), ("edges", 255 * ((x // 3 + y // 5) % 2))):
            out = Image.fromarray((v & 255).astype(np.uint8)).resize((to_width, to_height))
            yield {"kind": kind, "from": [width, height], "to": [to_width, to_height], "sha256": hashlib.sha256(out.tobytes()).hexdigest()}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "testdata/locseg"
    folder.mkdir(parents=True, exist_ok=True)
    m = masks()
    (folder / "masks.safetensors").write_bytes(save(m))
    for name, cases in (("parse", parse_cases()), ("paste", paste_cases(m["torch"])), ("resize", resize_cases())):
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
        (folder / f"{name}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
