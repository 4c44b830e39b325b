"""Scenes: a few shapes and perhaps a sign on a named background, drawn with PIL.

A Scene holds only fractions of the picture's side, so that it can be drawn at any
size: training draws at 224 pixels, held-out pictures are larger. Everything follows
from the seed.

Fonts come from Debian's fonts-dejavu-core and fonts-liberation2. font_dirs lists the
folders that are searched, and TINY_FONTS adds some.
"""

import dataclasses
import functools
import math
import os
import pathlib
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SHAPES = ["circle", "square", "triangle", "star", "heart", "ring", "cross", "moon"]
COLORS = {  # name: mean RGB, far enough from each other for a jitter of 14 per channel
    "red": (214, 40, 40), "orange": (245, 135, 25), "yellow": (250, 218, 50), "green": (40, 160, 70),
    "blue": (40, 95, 215), "purple": (125, 55, 175), "pink": (245, 140, 190), "white": (242, 242, 242),
}
# Name: its words in a caption, RGB at the top and at the bottom, amplitude of the grain, colours that would vanish on it.
BACKGROUNDS = {
    "grass": ("on grass", (120, 175, 80), (80, 135, 50), 16, ("green",)),
    "sand": ("on sand", (238, 214, 165), (215, 180, 120), 12, ("yellow", "orange")),
    "snow": ("in snow", (222, 232, 245), (248, 250, 255), 5, ("white",)),
    "night": ("at night", (18, 22, 55), (45, 45, 95), 4, ("purple", "blue")),
    "sky": ("in the sky", (105, 175, 235), (190, 222, 248), 4, ("blue", "white")),
    "wood": ("on wood", (165, 110, 65), (130, 82, 45), 6, ("orange", "red")),
}
FONTS = [
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSansMono-Bold.ttf",
    "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf", "LiberationSerif-Bold.ttf", "LiberationMono-Bold.ttf",
]
WORDS = """OPEN STOP EXIT CAFE SHOP HOTEL TAXI BUS PARK BANK FREE SALE WAY NORTH SOUTH EAST WEST GO SLOW ZOO TEA MILK
BREAD PIZZA BOOK FISH TOYS CITY ROAD LANE SCHOOL GARDEN BRIDGE MARKET BEACH LIFT PUSH PULL HOME HELLO WINDOW JAZZ KIWI
QUIZ VOTE YES NO HOT COLD ICE LEMON APPLE PLUM CHERRY MAPLE RIVER LAKE HARBOR TRAIN METRO PORT FERRY MUSEUM CINEMA""".split()
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
MAX_TEXT = 6
DRAW = 224  # side in pixels of training pictures and masks as drawn


@dataclasses.dataclass(frozen=True)
class Item:
    """A shape or a sign. Lengths are fractions of the side; items are stored from back to front."""

    shape: str  # one of SHAPES, or "sign"
    color: str  # one of COLORS; captions do not name the colour of a sign
    x: float  # centre
    y: float
    r: float  # radius; of a sign, half its width
    tall: float  # half the height over r
    angle: float  # radians
    text: str = ""
    font: str = ""


@dataclasses.dataclass(frozen=True)
class Scene:
    seed: int
    background: str
    items: tuple[Item, ...]


# --- composing ---


def compose(seed):
    """The scene of a seed."""
    rng = random.Random(seed)
    background = rng.choice(list(BACKGROUNDS))
    items = []
    sign = _sign(rng) if rng.random() < 0.5 else None
    for _ in range(rng.choices((1, 2, 3, 4), (20, 35, 30, 15))[0]):
        # A place that hides little of the others and lies clearly left or right of them.
        for _ in range(60):
            item = _shape(rng, background)
            if all(_apart(item, other) for other in items) and (sign is None or _beside(item, sign)):
                items.append(item)
                break
    return Scene(seed, background, tuple(items + ([sign] if sign else [])))


def _shape(rng, background):
    r = rng.uniform(0.09, 0.2)
    color = rng.choice([c for c in COLORS if c not in BACKGROUNDS[background][4]])
    return Item(rng.choice(SHAPES), color, rng.uniform(r, 1 - r), rng.uniform(r, 1 - r), r, rng.uniform(0.85, 1.15), rng.gauss(0, 0.15))


def _apart(a, b):
    """Tells whether two shapes overlap little enough. Captions list shapes from left to right, so that order must be visible."""
    return abs(a.x - b.x) > 0.06 and math.hypot(a.x - b.x, a.y - b.y) > 0.78 * (a.r + b.r)


def _beside(item, sign):
    dx = abs(item.x - sign.x) - sign.r
    dy = abs(item.y - sign.y) - sign.r * sign.tall
    return max(dx, dy) > 0.6 * item.r


def _sign(rng):
    kind = rng.random()
    if kind < 0.4:
        text = rng.choice(WORDS)
    elif kind < 0.75:
        text = "".join(rng.choices(ALPHABET[26:], k=rng.randint(1, MAX_TEXT)))
    else:
        text = "".join(rng.choices(ALPHABET[:26], k=rng.randint(2, MAX_TEXT)))
    font = rng.choice(FONTS)
    height = rng.uniform(0.135, 0.17)  # of the font: 15 to 19 pixels of 112
    width = load_font(font, 200).getlength(text) / 200 * height
    if width > 0.86:
        height *= 0.86 / width
        width = 0.86
    r, half = width / 2 + 0.035, height * 0.68
    return Item("sign", rng.choice(list(COLORS)), rng.uniform(r, 1 - r), rng.uniform(half, 1 - half), r, half / r, 0, text, font)


# --- drawing ---


@functools.lru_cache(maxsize=512)
def load_font(name, size):
    for folder in font_dirs():
        if (path := folder / name).exists():
            return ImageFont.truetype(str(path), size)
    raise FileNotFoundError(f"font {name}: none of {[str(f) for f in font_dirs()]} has it; install fonts-dejavu-core and fonts-liberation2")


def font_dirs():
    base = pathlib.Path("/usr/share/fonts/truetype")
    extra = [pathlib.Path(p) for p in os.environ.get("TINY_FONTS", "").split(":") if p]
    return extra + [base / "dejavu", base / "liberation2", base / "liberation"]


def outline(shape):
    """The polygons of a shape in [-1, 1], y down: the first is filled, the others are cut out."""
    circle = [(math.cos(t), math.sin(t)) for t in np.linspace(0, 2 * math.pi, 48, endpoint=False)]
    if shape == "circle":
        return [circle]
    if shape == "ring":
        return [circle, [(0.52 * x, 0.52 * y) for x, y in circle]]
    if shape == "moon":
        return [circle, [(0.82 * x + 0.45, 0.82 * y - 0.15) for x, y in circle]]
    if shape == "square":
        return [[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]]
    if shape == "triangle":
        return [[(0, -1), (1, 0.85), (-1, 0.85)]]
    if shape == "cross":
        a = 0.34
        return [[(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)]]
    if shape == "star":
        spikes = [(1.0 if i % 2 == 0 else 0.45, -math.pi / 2 + i * math.pi / 5) for i in range(10)]
        return [[(r * math.cos(t), r * math.sin(t)) for r, t in spikes]]
    if shape == "heart":
        t = np.linspace(0, 2 * math.pi, 48, endpoint=False)
        x = np.sin(t) ** 3
        y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
        return [list(zip(x, y))]
    raise ValueError(f"shape {shape!r} is not one of {SHAPES}")


def window(item, size):
    """The rows and columns of pixels that an item and its shadow may touch."""
    rx, ry = (item.r, item.r * item.tall) if item.shape == "sign" else (item.r * 1.45, item.r * 1.45)
    rx, ry = rx + 0.04, ry + 0.04
    clip = lambda v: int(min(max(v, 0), 1) * size)
    return slice(clip(item.y - ry), clip(item.y + ry)), slice(clip(item.x - rx), clip(item.x + rx))


def coverage(item, size, scale=1.0, shift=0.0):
    """The share of each pixel in its window that an item covers, uint8, computed from a drawing twice as large."""
    rows, columns = window(item, size)
    mask = Image.new("L", (2 * (columns.stop - columns.start), 2 * (rows.stop - rows.start)))
    draw = ImageDraw.Draw(mask)
    s = 2 * size
    x0, y0 = (item.x + shift) * s - 2 * columns.start, (item.y + shift) * s - 2 * rows.start
    if item.shape == "sign":
        w, h = item.r * scale * s, item.r * item.tall * scale * s
        draw.rounded_rectangle([x0 - w, y0 - h, x0 + w, y0 + h], radius=0.02 * s, fill=255)
        return np.asarray(mask.reduce(2))
    c, n = math.cos(item.angle) * item.r * s, math.sin(item.angle) * item.r * s
    for i, polygon in enumerate(outline(item.shape)):
        # Holes shrink as the outline grows, so that a rim has the same width on both sides.
        k = scale if i == 0 else 2 - scale
        cx, cy = np.mean(polygon, axis=0) if i else (0, 0)
        scaled = [((x - cx) * k + cx, ((y - cy) * k + cy) * item.tall) for x, y in polygon]
        draw.polygon([(x0 + x * c - y * n, y0 + x * n + y * c) for x, y in scaled], fill=255 if i == 0 else 0)
    return np.asarray(mask.reduce(2))


def paint_background(name, size, rng):
    """A background, float32 [size, size, 3]: a gradient, large soft blotches, grain, and the waves of wood or the stars of night."""
    _, top, bottom, grain, _ = BACKGROUNDS[name]
    mix = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    tint = rng.normal(0, 5, 3).astype(np.float32)
    image = np.broadcast_to((1 - mix) * np.float32(top) + mix * np.float32(bottom) + tint, (size, size, 3)).copy()
    blotches = Image.fromarray(rng.normal(0, grain, (7, 7)).astype(np.float32)).resize((size, size), Image.BICUBIC)
    image += np.asarray(blotches)[..., None]
    fine = rng.normal(0, grain * 0.5 + 2, (112, 112)).astype(np.float32)  # as coarse at every size
    image += np.asarray(Image.fromarray(fine).resize((size, size), Image.BILINEAR))[..., None]
    if name == "wood":
        y = np.arange(size)[:, None] / size
        wave = np.sin(2 * np.pi * (y * rng.uniform(5, 9) + 0.3 * np.sin(np.arange(size)[None] / size * 5 + rng.uniform(0, 6))))
        image += 9 * wave[..., None].astype(np.float32)
    elif name == "night":
        for x, y in rng.uniform(0, size, (14, 2)):
            d2 = (np.arange(size)[None] - x) ** 2 + (np.arange(size)[:, None] - y) ** 2
            image += 150 * np.exp(-d2 / (size / 130) ** 2)[..., None].astype(np.float32)
    return image


def _blend(image, alpha, color):
    image += (alpha.astype(np.float32) / 255)[..., None] * (np.float32(color) - image)


def _paint(image, item, alpha, rng):
    """Draws one item into the pixels of its window: a soft shadow, a darker rim, a body lit from the upper left."""
    size = len(image)
    part = image[window(item, size)]
    base = np.clip(np.float32(COLORS[item.color]) + rng.normal(0, 7, 3), 0, 255)
    shadow = Image.fromarray(coverage(item, size, shift=0.015)).filter(ImageFilter.BoxBlur(size / 75))
    _blend(part, np.asarray(shadow) * np.float32(0.35), (20, 20, 30))
    h, w = alpha.shape
    light = np.linspace(1.08, 0.96, h)[:, None] * np.linspace(1.04, 0.94, w)[None]
    _blend(part, alpha, np.clip(base * 0.68, 0, 255))
    _blend(part, coverage(item, size, scale=0.86), np.clip(base * light[..., None], 0, 255))
    if item.text:
        dark = base.mean() > 130
        _blend(part, _letters(item, size), (25, 25, 35) if dark else (250, 250, 245))


def _font_size(item, size):
    return max(4, round(item.r * item.tall / 0.68 * size))


def _letters(item, size):
    rows, columns = window(item, size)
    mask = Image.new("L", (columns.stop - columns.start, rows.stop - rows.start))
    at = item.x * size - columns.start, item.y * size - rows.start
    ImageDraw.Draw(mask).text(at, item.text, font=load_font(item.font, _font_size(item, size)), fill=255, anchor="mm")
    return np.asarray(mask)


def letter_centers(item):
    """The centre of each letter as (x, y), fractions of the side."""
    font = load_font(item.font, 100)
    whole = font.getlength(item.text)
    unit = _font_size(item, DRAW) / DRAW / 100
    ends = [font.getlength(item.text[:i]) for i in range(len(item.text) + 1)]
    return [(item.x + ((a + b) / 2 - whole / 2) * unit, item.y) for a, b in zip(ends, ends[1:])]


def render(scene, size=DRAW):
    """Returns the picture, uint8 [size, size, 3], and the visible pixels of each item, bool [items, size, size]."""
    rng = np.random.default_rng(scene.seed)
    image = paint_background(scene.background, size, rng)
    visible = np.zeros((len(scene.items), size, size), bool)
    for i, item in enumerate(scene.items):
        alpha = coverage(item, size)
        _paint(image, item, alpha, rng)
        at = window(item, size)
        visible[:i, at[0], at[1]] &= alpha < 128
        visible[i, at[0], at[1]] = alpha >= 128
    image += rng.uniform(0, 3) * rng.standard_normal(image.shape, np.float32)
    return np.clip(image, 0, 255).astype(np.uint8), visible


def box(mask):
    """The box of a mask: ymin, xmin, ymax, xmax as fractions of its sides."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    h, w = mask.shape
    return rows[0] / h, columns[0] / w, (rows[-1] + 1) / h, (columns[-1] + 1) / w
