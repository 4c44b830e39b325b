"""Answers the held-out questions with transformers, greedily, and rates the answers.

    python scripts/tiny/evaluate.py --model models/tiny --vae models/tiny/vae.npz --data HELD [--count 200] [--out FILE]

caption, answer, ocr: the share of answers that are exactly right. detect: F1 at IoU 0.5,
and the mean IoU of every true box with the best unmatched box of its label, 0 without
one. segment: the same mean over masks, pasted as the reference does.
"""

import argparse
import collections
import json
import pathlib
import re

import numpy as np
import torch
from PIL import Image
from transformers import PaliGemmaForConditionalGeneration

import data
import model
import tokenizer
import vqvae

# Exactly four loc, then 16 seg or none.
OBJECT = re.compile(r"(?<!>)((?:<loc\d{4}>){4})((?:<seg\d{3}>){16})?(?!<(?:loc|seg)) ?([^<>;]*)")
MAX_NEW = 128


def parse(text):
    """[(label, box, codes)]; box as fractions, codes None without a mask. Boxes without an area are dropped."""
    found = []
    for corners, codes, label in OBJECT.findall(text):
        box = [int(v) / 1024 for v in re.findall(r"\d{4}", corners)]
        if box[2] > box[0] and box[3] > box[1]:
            found.append((label.strip(), box, [int(v) for v in re.findall(r"\d{3}", codes)] or None))
    return found


def box_iou(a, b):
    h = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    w = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    area = lambda c: (c[2] - c[0]) * (c[3] - c[1])
    return h * w / (area(a) + area(b) - h * w)


def match(found, truth):
    """Matches objects of one label, best pairs first, then earlier ones. Returns for each true (label, box) its IoU and the found index or None."""
    pairs = [(box_iou(f[1], t[1]), i, j) for i, f in enumerate(found) for j, t in enumerate(truth) if f[0] == t[0]]
    pairs.sort(key=lambda p: -p[0])
    ious, partner, used = [0.0] * len(truth), [None] * len(truth), set()
    for value, i, j in pairs:
        if value > 0 and i not in used and partner[j] is None:
            ious[j], partner[j] = value, i
            used.add(i)
    return ious, partner


def paste(values, box, size):
    """A decoded mask [64, 64] in its box, bool [size, size]."""
    out = np.zeros((size, size), bool)
    y0, x0, y1, x1 = (round(v * size) for v in box)
    if y1 > y0 and x1 > x0:
        out[y0:y1, x0:x1] = np.asarray(Image.fromarray(values).resize((x1 - x0, y1 - y0), Image.BILINEAR)) > 0
    return out


@torch.no_grad()
def answers(hf, tok, folder, lines, batch=32):
    """The model's answer to each line. A batch has prompts of one length, so that none is padded."""
    by_length = collections.defaultdict(list)
    for i, line in enumerate(lines):
        by_length[len(tok.prefix(line["prompt"]))].append(i)
    out = [None] * len(lines)
    for members in by_length.values():
        for at in range(0, len(members), batch):
            part = members[at:at + batch]
            pixels = np.stack([data.shrink(np.asarray(Image.open(folder / lines[i]["image"]))) for i in part])
            pixels = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
            ids = torch.tensor([[tok.image] * model.IMAGE_TOKENS + tok.prefix(lines[i]["prompt"]) for i in part])
            got = hf.generate(input_ids=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids), token_type_ids=torch.zeros_like(ids),
                              do_sample=False, max_new_tokens=MAX_NEW)[:, ids.shape[1]:].tolist()
            for i, g in zip(part, got):
                out[i] = tok.decode(g[:g.index(tok.EOS)] if tok.EOS in g else g)
    return out


def score(lines, texts, vae, folder):
    exact, boxes, masks = collections.defaultdict(list), [], []
    right = found_count = true_count = 0
    for line, text in zip(lines, texts):
        if line["task"] not in ("detect", "segment"):
            exact[line["task"]].append(text == line["expected"])
            continue
        found, truth = parse(text), list(zip(line["labels"], line["boxes"]))
        ious, partner = match(found, truth)
        if line["task"] == "detect":
            boxes += ious
            right += sum(v >= 0.5 for v in ious)
            found_count, true_count = found_count + len(found), true_count + len(truth)
            continue
        for name, i in zip(line["masks"], partner):
            truth_mask = np.asarray(Image.open(folder / name)) > 0
            if i is None or found[i][2] is None or max(found[i][2]) >= vqvae.CODES:
                masks.append(0.0)
                continue
            with torch.no_grad():
                values = vae.decode(torch.tensor([found[i][2]]))[0].numpy()
            mask = paste(values, found[i][1], len(truth_mask))
            masks.append((mask & truth_mask).sum() / (mask | truth_mask).sum())
    mean = lambda v: round(float(np.mean(v)), 4) if v else None
    return {k: mean(v) for k, v in sorted(exact.items())} | {
        "detect F1": round(2 * right / max(found_count + true_count, 1), 4), "detect IoU": mean(boxes), "segment IoU": mean(masks)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--vae", required=True)
    parser.add_argument("--data", required=True, help="folder of heldout.py")
    parser.add_argument("--count", type=int, default=1000, help="scenes")
    parser.add_argument("--out", help="JSONL of the lines with their answers")
    args = parser.parse_args()
    folder = pathlib.Path(args.data)
    lines = [json.loads(s) for s in (folder / "data.jsonl").read_text().splitlines()]
    names = sorted({line["image"] for line in lines})[:args.count]
    lines = [line for line in lines if line["image"] <= names[-1]]
    hf = PaliGemmaForConditionalGeneration.from_pretrained(args.model, dtype=torch.float32).eval()
    tok = tokenizer.Tokenizer(pathlib.Path(args.model) / "tokenizer.model")
    texts = answers(hf, tok, folder, lines)
    if args.out:
        with open(args.out, "w") as f:
            for line, text in zip(lines, texts):
                f.write(json.dumps(line | {"got": text}) + "\n")
    print(json.dumps({"scenes": len(names), "prompts": len(lines)} | score(lines, texts, vqvae.load(args.vae), folder), indent=1))


if __name__ == "__main__":
    main()
