"""Reads Pillow's own test pictures with Pillow and with package imageproc, and compares.

    pip install -r scripts/imageproc/requirements.txt
    python scripts/imageproc/pillow.py [DIR]     # DIR is build/pillow by default

fetches the source package of the Pillow that is installed into DIR, and prints a table of
counts and every file that is not read alike. It ends with 1 if a picture is read differently
without a word, or refused with a reason other than that it is unsupported, where Pillow reads
it.
"""

import collections
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tarfile
import warnings

import numpy as np
import PIL
from PIL import Image, ImageFile, ImageOps

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 100_000_000  # imageproc.DefaultMaxPixels


def fetch(folder):
    """Downloads and unpacks Pillow's test pictures, and returns their folder."""
    name = f"pillow-{PIL.__version__}"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / name).exists():
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
                        "--dest", folder, f"pillow=={PIL.__version__}"], check=True)
        with tarfile.open(folder / f"{name}.tar.gz") as tar:
            tar.extractall(folder, filter="data")
    return folder / name / "Tests/images"


def pillow(path):
    """The picture as imageproc is to read it, [h, w, 3], with its format; or None and the reason."""
    try:
        with Image.open(path) as image:
            kind = image.format
            if image.width * image.height > LIMIT:
                return None, kind, "over the limit"
            image.load()
            image = ImageOps.exif_transpose(image)
            if kind == "TIFF" and image.info.get("compression") in ("jpeg", "tiff_jpeg"):
                kind = "TIFF of JPEGs"
            if image.mode.startswith("I;16") or image.mode == "I" and kind in ("PPM", "PNG"):
                # 16-bit grey, which convert("RGB") would clip at 255
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            return np.asarray(image.convert("RGB")), kind, None
    except Exception as e:  # whatever a broken file does to Pillow, it is refused
        return None, None, f"{type(e).__name__}: {e}"


def ours(program, path):
    program.stdin.write(f"{path}\n".encode())
    program.stdin.flush()
    line = json.loads(program.stdout.readline())
    if "error" in line:
        return None, line["error"]
    size = 3 * line["width"] * line["height"]
    return np.frombuffer(program.stdout.read(size), np.uint8).reshape(line["height"], line["width"], 3), None


# Run lengths that Pillow misreads (it skips four bytes for a jump, and half a byte of an odd
# number of 4-bit pixels), with the same picture in a form that it reads.
SAME = {"bmp/g/pal4rle.bmp": "bmp/g/pal4.bmp", "bmp/q/pal4rletrns.bmp": "bmp/html/pal4rletrns-0.png",
        "bmp/q/pal8rletrns.bmp": "bmp/html/pal8rletrns-0.png"}


def verdict(a, kind, b, error):
    """Judges what was read: a by Pillow, b by imageproc."""
    if a is None:
        return "refused by both" if b is None else "read by imageproc alone"
    if b is None:
        if "supported" in error:
            return "unsupported, by name"
        if error.startswith("not a "):
            return "of no known format"
        return "refused as broken" if "broken" in error or "truncated" in error else "REFUSED"
    if a.shape != b.shape:
        return "DIFFERENT"
    d = np.abs(a.astype(int) - b)
    if d.max() == 0:
        return "equal"
    # The rule of doc.go: a JPEG's inverse cosine transform rounds differently.
    return "within the rule" if kind in ("JPEG", "MPO", "TIFF of JPEGs") and d.max() <= 3 else "DIFFERENT"


class Reader:
    """Reads with Pillow in another process, since some damaged files end it."""

    def __init__(self):
        self.pool = concurrent.futures.ProcessPoolExecutor(1)

    def read(self, path):
        try:
            return self.pool.submit(pillow, path).result()
        except concurrent.futures.process.BrokenProcessPool:
            self.__init__()
            return None, None, "Pillow crashed"


def main():
    warnings.simplefilter("ignore")
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    images = fetch(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/pillow")
    binary = images.parents[2] / "read"
    subprocess.run(["go", "build", "-o", binary, "./scripts/imageproc/read"], cwd=ROOT, check=True)
    program = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    reader, counts = Reader(), collections.Counter()
    for path in sorted(p for p in images.rglob("*") if p.is_file()):
        name = str(path.relative_to(images))
        a, kind, reason = reader.read(images / SAME.get(name, name))
        b, error = ours(program, path)
        result = verdict(a, kind, b, error)
        counts[kind or "refused by Pillow", result] += 1
        if result not in ("equal", "refused by both"):
            far = ""
            if a is not None and b is not None and a.shape == b.shape:
                d = np.abs(a.astype(int) - b)
                far = f"{(d > 0).mean():.1%} of samples, by up to {d.max()}"
            elif a is not None and b is not None:
                far = f"{a.shape} is {b.shape}"
            print(f"{result:24} {kind or '-':9} {name}: {far or error or reason}")
    reader.pool.shutdown()
    print()
    for (kind, result), n in sorted(counts.items()):
        print(f"{kind:18} {result:24} {n}")
    print()
    for result in sorted({r for _, r in counts}):
        print(f"{result:24} {sum(n for (_, r), n in counts.items() if r == result)}")
    bad = sum(n for (_, result), n in counts.items() if result.isupper())
    print(f"{sum(counts.values())} files, {bad} of them wrong")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
