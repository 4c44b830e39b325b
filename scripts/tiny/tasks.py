"""PaliGemma's prompts about a scene, and the right answers.

Answers with objects need boxes, which only a drawn scene has: `Drawn` pairs a scene
with its boxes. For the tokenizer's corpus, which draws nothing, all boxes are zero.
"""

import dataclasses
import re

import scenes

READ = "answer en what does the sign say?"
LOC = re.compile(r"<(?:loc\d{4}|seg\d{3})>")
THIRDS = ("top", "middle", "bottom"), ("left", "center", "right")


@dataclasses.dataclass(frozen=True)
class Task:
    kind: str  # caption, answer, ocr, detect, segment
    prompt: str
    answer: str
    items: tuple[int, ...] = ()  # of detect and segment: the scene's items in the order of the answer


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A scene with the boxes of its visible items and the codes of their masks."""

    scene: scenes.Scene
    boxes: list  # ymin, xmin, ymax, xmax of each item
    codes: list  # 16 numbers each, or None


def plain(answer):
    """An answer without its loc and seg tokens."""
    return LOC.sub("", answer)


def loc(fraction):
    return f"<loc{min(round(fraction * 1024), 1023):04d}>"


def spell(drawn, i, label, with_mask=False):
    """One object of an answer."""
    corners = "".join(loc(v) for v in drawn.boxes[i])
    codes = "".join(f"<seg{c:03d}>" for c in drawn.codes[i]) if with_mask else ""
    return f"{corners}{codes} {label}"


def left_to_right(scene, items):
    return sorted(items, key=lambda i: scene.items[i].x)


def shapes_of(scene):
    """The indices of all items but the sign, from left to right."""
    return left_to_right(scene, [i for i, it in enumerate(scene.items) if it.shape != "sign"])


def sign_of(scene):
    return next((it for it in scene.items if it.shape == "sign"), None)


def caption(scene):
    parts = [f"a {scene.items[i].color} {scene.items[i].shape}" for i in shapes_of(scene)]
    if sign_of(scene):
        parts.append("a sign")
    listed = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
    return f"{listed.replace('a orange', 'an orange')} {scenes.BACKGROUNDS[scene.background][0]}"


def labels(scene):
    """Labels that detect and segment can ask for: label -> indices of the items it names."""
    found = {}
    for i in shapes_of(scene):
        item = scene.items[i]
        found.setdefault(item.shape, []).append(i)
        found.setdefault(f"{item.color} {item.shape}", []).append(i)
    for i, item in enumerate(scene.items):
        if item.shape == "sign":
            found["sign"] = [i]
    return found


def objects(drawn, kind, wanted, found):
    items = [(label, i) for label in wanted for i in found[label]]
    answer = " ; ".join(spell(drawn, i, label, kind == "segment") for label, i in items)
    return Task(kind, f"{kind} {' ; '.join(wanted)}", answer, tuple(i for _, i in items))


def pointing(drawn, rng):
    """Tasks to detect each label and one pair of labels, and to segment each label."""
    found = labels(drawn.scene)
    out = [objects(drawn, kind, [label], found) for kind in ("detect", "segment") for label in found]
    alone = [label for label in found if " " not in label]
    if len(alone) > 1:
        out.append(objects(drawn, "detect", rng.sample(alone, 2), found))
    return out


def where(item):
    """One of nine places, or None if the item is near a border between two."""
    names = []
    for v, thirds in ((item.y, THIRDS[0]), (item.x, THIRDS[1])):
        if min(abs(v - 1 / 3), abs(v - 2 / 3)) < 0.04:
            return None
        names.append(thirds[int(v * 3)])
    if "middle" == names[0]:
        return names[1]
    return names[0] if names[1] == "center" else " ".join(names)


def questions(scene, rng):
    """Tasks that ask about count, colour, shape, place and presence."""
    shapes = [scene.items[i] for i in shapes_of(scene)]
    ask = lambda question, answer: Task("answer", f"answer en {question}?", str(answer))
    out = [ask("how many shapes are there", len(shapes)), ask("what is the background", scene.background)]
    names, colors = [s.shape for s in shapes], [s.color for s in shapes]
    for s in shapes:
        one = s.shape if names.count(s.shape) == 1 else f"{s.color} {s.shape}" if shapes_like(shapes, s) == 1 else None
        if names.count(s.shape) == 1:
            out.append(ask(f"what color is the {s.shape}", s.color))
        if colors.count(s.color) == 1:
            out.append(ask(f"which shape is {s.color}", s.shape))
        if one and where(s):
            out.append(ask(f"where is the {one}", where(s)))
    out.append(presence(shapes, rng, True, ask))
    out.append(presence(shapes, rng, False, ask))
    shape = rng.choice(names + scenes.SHAPES[:2])
    out.append(ask(f"how many {shape}{'es' if shape == 'cross' else 's'} are there", names.count(shape)))
    distinct = [s for s in shapes if names.count(s.shape) == 1]
    if len(distinct) > 1:
        a, b = rng.sample(distinct, 2)
        out.append(ask(f"is the {a.shape} left of the {b.shape}", "yes" if a.x < b.x else "no"))
        if abs(a.y - b.y) > 0.08:
            out.append(ask(f"is the {a.shape} above the {b.shape}", "yes" if a.y < b.y else "no"))
    if sign_of(scene):
        out.append(Task("answer", READ, sign_of(scene).text))
    return out


def shapes_like(shapes, s):
    return sum(o.shape == s.shape and o.color == s.color for o in shapes)


def presence(shapes, rng, there, ask):
    """A question whether a shape is there. Most absent shapes have the shape or the colour of a present one."""
    s = rng.choice(shapes)
    shape, color = s.shape, s.color
    while not there and any(o.shape == shape and o.color == color for o in shapes):
        kind = rng.random()
        shape = s.shape if kind < 0.33 else rng.choice(scenes.SHAPES)
        color = s.color if kind > 0.67 else rng.choice(list(scenes.COLORS))
    article = "an" if color == "orange" else "a"
    return ask(f"is there {article} {color} {shape}", "yes" if there else "no")


def all_tasks(scene, rng, drawn=None):
    """Every task of a scene. Some are chosen at random."""
    drawn = drawn or Drawn(scene, [(0, 0, 0, 0)] * len(scene.items), [[0] * 16] * len(scene.items))
    out = [Task("caption", "caption en", caption(scene))] + questions(scene, rng) + pointing(drawn, rng)
    if sign_of(scene):
        out.append(Task("ocr", "ocr", sign_of(scene).text))
    return out
