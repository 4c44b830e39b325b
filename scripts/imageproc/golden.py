"""Goldens of internal/imageproc, made by Pillow, transformers and JAX.

    pip install -r scripts/imageproc/requirements.txt
    python scripts/imageproc/golden.py [DIR]      # DIR is internal/imageproc/testdata by default

stretch.json   Pillow's bicubic resize of patterns that Go recomputes: SHA-256 of the RGB
               bytes, and the bytes themselves where they are few
prepare.json   float32 pixels of transformers' SiglipImageProcessor ("bicubic", SHA-256) and
               of jax.image.resize with antialias ("bilinear", values)
pictures/      small files of every format; pictures.json holds the pixels of each after
               ImageOps.exif_transpose(...).convert("RGB")
"""

import base64
import hashlib
import io
import json
import pathlib
import struct
import sys
import zlib

import jax
import numpy as np
from PIL import Image, ImageOps
from transformers import SiglipImageProcessor

import kinds
from kinds import exif

TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "internal/imageproc/testdata"

# width, height, side of the square
STRETCH = [
    (1, 1, 14), (1, 7, 14), (7, 1, 14), (2, 3, 14), (3, 1000, 14), (1000, 3, 14), (1, 5000, 28),
    (13, 13, 14), (14, 14, 14), (15, 15, 14), (28, 28, 14), (17, 23, 28), (23, 17, 42), (42, 9, 42),
    (64, 48, 28), (97, 31, 42), (223, 225, 42), (448, 448, 28), (640, 480, 42), (1023, 77, 42),
    (2048, 1536, 42), (30, 20, 1), (5, 5, 1),
    (30, 20, 224), (640, 480, 224), (1999, 1501, 224), (333, 500, 448), (100, 75, 896), (1000, 1001, 896),
]
PREPARE = [(1, 1, 14), (17, 23, 14), (14, 14, 14), (64, 48, 14), (640, 3, 14), (9, 5, 28), (333, 500, 28)]
KEEP_BYTES = 6000  # larger outputs are kept as hashes only


def pattern(kind, width, height):
    """A test picture, bytes [h, w, 3]. The function pattern in golden_test.go makes the same."""
    x, y, c = np.arange(width)[None, :, None], np.arange(height)[:, None, None], np.arange(3)[None, None, :]
    if kind == "noise":
        v = 3 * x * x + 5 * y * y + 7 * x * y + 85 * c + ((131 * x + 71 * y + 29 * c) ^ (x * y))
    else:  # edges: full contrast, so that the kernel's overshoot is clipped
        v = 255 * ((x // 3 + y // 5 + c) % 2)
    return (v & 255).astype(np.uint8)


def text(data):
    return base64.b64encode(data).decode()


def stretch_cases():
    for width, height, size in STRETCH:
        for kind in ("noise", "edges"):
            out = Image.fromarray(pattern(kind, width, height)).resize((size, size), Image.Resampling.BICUBIC)
            raw = out.tobytes()
            case = {"kind": kind, "width": width, "height": height, "size": size,
                    "sha256": hashlib.sha256(raw).hexdigest()}
            if len(raw) <= KEEP_BYTES:
                case["rgb"] = text(raw)
            yield case


def prepare_cases():
    for width, height, size in PREPARE:
        pixels = pattern("noise", width, height)
        processor = SiglipImageProcessor(
            size={"height": size, "width": size}, resample=3, image_mean=[0.5] * 3, image_std=[0.5] * 3)
        hf = processor(Image.fromarray(pixels), return_tensors="np", input_data_format="channels_last")["pixel_values"][0]
        assert hf.dtype == np.float32 and hf.shape == (3, size, size)
        bv = jax.image.resize(pixels.astype(np.float32), (size, size, 3), "linear", antialias=True)
        bv = np.asarray(bv, np.float32).transpose(2, 0, 1) / np.float32(127.5) - np.float32(1)
        yield {"kind": "noise", "width": width, "height": height, "size": size,
               "bicubic": hashlib.sha256(hf.astype("<f4").tobytes()).hexdigest(),
               "bilinear": text(bv.astype("<f4").tobytes())}


def png16(samples, colour_type):
    """A 16-bit PNG, which Pillow writes for grey only; samples is [h, w, channels]."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff_big_endian(pixels, orientation):
    """An uncompressed big-endian RGB TIFF."""
    height, width = pixels.shape[:2]
    tags = [(256, 3, 1, width << 16), (257, 3, 1, height << 16), (258, 3, 3, 8), (259, 3, 1, 1 << 16),
            (262, 3, 1, 2 << 16), (273, 4, 1, 14), (274, 3, 1, orientation << 16), (277, 3, 1, 3 << 16),
            (278, 3, 1, height << 16), (279, 4, 1, pixels.size)]
    directory = struct.pack(">H", len(tags)) + b"".join(struct.pack(">HHII", *t) for t in tags) + bytes(4)
    bits, raw = struct.pack(">3H", 8, 8, 8), pixels.tobytes() + bytes(pixels.size % 2)
    return struct.pack(">2sHI", b"MM", 42, 14 + len(raw)) + bits + raw + directory


def pictures():
    """Yields the name and the bytes of each file."""
    rgb = pattern("noise", 23, 17)
    x, y = np.arange(45)[None, :], np.arange(37)[:, None]
    smooth = np.stack([x * 5 + y, 255 - y * 6 + 0 * x, (x * 3 + y * 4) % 256], -1).clip(0, 255).astype(np.uint8)
    smooth[10:20, 15:30] = [250, 20, 30]  # a saturated patch: sharp chroma edges
    alpha = (np.arange(23 * 17).reshape(17, 23, 1) * 7 % 256).astype(np.uint8)
    colour, photo = Image.fromarray(rgb), Image.fromarray(smooth)
    grey, rgba = colour.convert("L"), Image.fromarray(np.concatenate([rgb, alpha], 2))
    premultiplied = Image.fromarray(np.concatenate([rgb, rgb.max(-1, keepdims=True)], 2))
    inks = Image.merge("CMYK", [*photo.split(), Image.fromarray((x * 2 + y * 3).astype(np.uint8))])
    palette = colour.quantize(31, dither=Image.Dither.NONE)
    wide = rgb.astype(np.uint16) * 256 + 200  # a low byte that rounding would carry

    def save(image, kind, **options):
        file = io.BytesIO()
        image.save(file, kind, **options)
        return file.getvalue()

    yield "rgb.png", save(colour, "PNG")
    yield "rgba.png", save(rgba, "PNG")
    yield "grey.png", save(grey, "PNG")
    yield "grey-alpha.png", save(rgba.convert("LA"), "PNG")
    yield "grey-key.png", save(grey, "PNG", transparency=int(np.asarray(grey)[3, 3]))
    yield "bilevel.png", save(grey.convert("1"), "PNG")
    yield "palette.png", save(palette, "PNG")
    yield "palette-alpha.png", save(palette, "PNG", transparency=bytes(range(0, 240, 8)))
    yield "rgb16.png", png16(wide, 2)
    yield "rgba16.png", png16(np.concatenate([wide, alpha.astype(np.uint16) * 257], 2), 6)
    yield "grey16.png", png16(wide[..., :1], 0)
    yield "one-pixel.png", save(colour.crop((3, 3, 4, 4)), "PNG")
    for o in range(1, 9):
        yield f"orientation-{o}.png", save(colour, "PNG", exif=exif(o))
        yield f"orientation-{o}.jpg", save(photo, "JPEG", quality=95, exif=exif(o, "<>"[o % 2]))
    yield "orientation-9.png", save(colour, "PNG", exif=exif(9))
    yield "orientation-6.webp", save(colour, "WEBP", lossless=True, exif=exif(6))
    yield "orientation-7.tif", save(colour, "TIFF", tiffinfo={274: 7})
    yield "orientation-5-big-endian.tif", tiff_big_endian(rgb, 5)

    yield "rgb.gif", save(palette, "GIF")
    yield "transparent.gif", save(palette, "GIF", transparency=5)
    yield "frames.gif", save(palette, "GIF", save_all=True, append_images=[palette.transpose(Image.Transpose.ROTATE_180)])
    for name, options in (("canvas.gif", {}), ("canvas-transparent.gif", {"transparency": 5})):
        # The frame moved to (4, 2) of a larger canvas.
        file = bytearray(save(palette, "GIF", **options))
        struct.pack_into("<HH", file, 6, 31, 22)
        struct.pack_into("<HH", file, file.index(struct.pack("<B4H", 0x2C, 0, 0, 23, 17)) + 1, 4, 2)
        yield name, bytes(file)

    yield "rgb.bmp", save(colour, "BMP")
    yield "palette.bmp", save(palette, "BMP")
    yield "bilevel.bmp", save(grey.convert("1"), "BMP")
    yield "rgba.bmp", save(rgba, "BMP")

    yield "rgb.tif", save(colour, "TIFF")
    yield "rgb-lzw.tif", save(colour, "TIFF", compression="tiff_lzw")
    yield "rgb-deflate.tif", save(colour, "TIFF", compression="tiff_adobe_deflate")
    yield "rgba.tif", save(rgba, "TIFF")
    # ExtraSamples 1: the colours count as multiplied by alpha. Alpha is at least the colour.
    yield "rgba-premultiplied.tif", save(premultiplied, "TIFF", tiffinfo={338: 1})
    yield "grey.tif", save(grey, "TIFF")
    yield "palette.tif", save(palette, "TIFF")
    yield "bilevel-group4.tif", save(grey.convert("1"), "TIFF", compression="group4")
    yield "bilevel-group4-white-is-zero.tif", save(grey.convert("1"), "TIFF", compression="group4", tiffinfo={262: 0})
    yield "bilevel-group3.tif", save(grey.convert("1"), "TIFF", compression="group3")

    yield "lossless.webp", save(colour, "WEBP", lossless=True)
    yield "lossless-alpha.webp", save(rgba, "WEBP", lossless=True, exact=True)
    yield "lossy.webp", save(photo, "WEBP", quality=80)
    yield "lossy-alpha.webp", save(Image.merge("RGBA", [*photo.split(), photo.split()[0]]), "WEBP", quality=80, exact=True)
    yield "lossy-even.webp", save(photo.crop((0, 0, 44, 36)), "WEBP", quality=80)

    yield "444.jpg", save(photo, "JPEG", quality=95, subsampling="4:4:4")
    yield "422.jpg", save(photo, "JPEG", quality=95, subsampling="4:2:2")
    yield "420.jpg", save(photo, "JPEG", quality=95, subsampling="4:2:0")
    yield "420-even.jpg", save(photo.crop((0, 0, 44, 36)), "JPEG", quality=95, subsampling="4:2:0")
    yield "420-narrow.jpg", save(photo.crop((14, 0, 18, 37)), "JPEG", quality=95, subsampling="4:2:0")
    yield "progressive.jpg", save(photo, "JPEG", quality=90, progressive=True)
    yield "grey.jpg", save(photo.convert("L"), "JPEG", quality=95)
    yield "cmyk.jpg", save(inks, "JPEG", quality=95)

    yield from kinds.jpeg(photo)
    yield from kinds.tiff(colour, photo, save)
    yield from kinds.bmp(colour)
    yield from kinds.pnm(colour)
    yield from kinds.metadata(colour, photo, save)


# Files that Pillow misreads, with the same picture in a form that it reads.
SAME = {"planar16.tif": "rgb.tif"}


def picture_cases(folder):
    for old in folder.iterdir():
        old.unlink()
    files = dict(pictures())
    for name, file in files.items():
        (folder / name).write_bytes(file)
        file = files[SAME.get(name, name)]
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
        if image.mode in ("I;16", "I"):  # convert("RGB") would clip 16-bit grey at 255, not scale it
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        image = image.convert("RGB")
        yield {"file": name, "width": image.width, "height": image.height, "rgb": text(image.tobytes())}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TESTDATA
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for name, cases in (("stretch", stretch_cases()), ("prepare", prepare_cases()),
                        ("pictures", picture_cases(folder / "pictures"))):
        lines = ",\n".join(json.dumps(case) for case in cases)
        (folder / f"{name}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
