"""Compares ways to score a box, on held-out scenes: how well each ranks.

    pip install -r scripts/locseg/requirements.txt
    python scripts/locseg/scores.py --model models/tiny --data HELD [--count 1200]

HELD is a folder that scripts/tiny/heldout.py wrote. For each way the script prints the
chance that a right box (IoU of at least 0.5, of at least 0.75) has a higher score than a
wrong one; Spearman's rank correlation with the IoU; and the share of right boxes in each
quarter, best scores first. For the score of Model.Objects it also prints the mean score
and the mean IoU in each tenth.
"""

import argparse
import collections
import json
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from transformers import PaliGemmaForConditionalGeneration

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts/tiny"))
import data  # noqa: E402
import evaluate  # noqa: E402
import model  # noqa: E402
import tokenizer  # noqa: E402

LOCS = 1024


def scores(chosen, p):
    """All scores of a box. chosen has its four coordinates, p [4, LOCS] the distribution that each was chosen from."""
    x, i = np.arange(LOCS), np.arange(4)
    side = np.array([chosen[2] - chosen[0], chosen[3] - chosen[1]] * 2)
    far = np.abs(x - np.array(chosen)[:, None])
    near = lambda width: np.where(far <= width, p, 0).sum(1)
    return {
        "Model.Objects": np.exp(-((far * p).sum(1) / side).sum()),
        "probability, geometric mean": np.exp(np.log(p[i, chosen]).mean()),
        "probability, least": p[i, chosen].min(),
        "mass within 4": np.exp(np.log(near(4)).mean()),
        "mass within 16": np.exp(np.log(near(16)).mean()),
        "mass within 64": np.exp(np.log(near(64)).mean()),
        "mass within a tenth of the side": np.exp(np.log(near(side[:, None] / 10)).mean()),
        "mass within a quarter of the side": np.exp(np.log(near(side[:, None] / 4)).mean()),
    }


def objects(tok, ids, logits, first_loc):
    """(label, box, scores) of each object in an answer."""
    is_loc = [first_loc <= t < first_loc + LOCS for t in ids] + [True]
    at = 0
    while at + 4 <= len(ids):
        if not all(is_loc[at:at + 4]):
            at += 1
            continue
        chosen = [t - first_loc for t in ids[at:at + 4]]
        end = at + 4 + is_loc[at + 4:].index(True)
        if chosen[2] > chosen[0] and chosen[3] > chosen[1]:
            p = torch.softmax(logits[at:at + 4, first_loc:first_loc + LOCS].double(), -1).numpy()
            yield tok.decode(ids[at + 4:end]).split(";")[0].strip(), [c / LOCS for c in chosen], scores(chosen, p)
        at = end


@torch.no_grad()
def rows(hf, tok, folder, lines, batch=32):
    """(IoU, scores) of every object in the greedy answers."""
    first_loc = tok.loc0
    by_length = collections.defaultdict(list)
    for line in lines:
        by_length[len(tok.prefix(line["prompt"]))].append(line)
    for same in by_length.values():
        for at in range(0, len(same), batch):
            part = same[at:at + batch]
            pixels = np.stack([data.shrink(np.asarray(Image.open(folder / line["image"]))) for line in part])
            pixels = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
            ids = torch.tensor([[tok.image] * model.IMAGE_TOKENS + tok.prefix(line["prompt"]) for line in part])
            out = hf.generate(input_ids=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids), token_type_ids=torch.zeros_like(ids),
                              do_sample=False, max_new_tokens=evaluate.MAX_NEW, output_logits=True, return_dict_in_generate=True)
            logits = torch.stack(out.logits, 1).float()
            for line, answer, its in zip(part, out.sequences[:, ids.shape[1]:].tolist(), logits):
                answer = answer[:answer.index(tok.EOS)] if tok.EOS in answer else answer
                found = list(objects(tok, answer, its, first_loc))
                ious, partner = evaluate.match(found, list(zip(line["labels"], line["boxes"])))
                best = {i: v for v, i in zip(ious, partner) if i is not None}
                yield from ((best.get(i, 0.0), f[2]) for i, f in enumerate(found))


def ranks(v):
    return np.argsort(np.argsort(v, kind="stable"))


def higher(score, right):
    """The chance that of a right and a wrong box the right one has the higher score."""
    n = right.sum()
    return (ranks(score)[right].sum() - n * (n - 1) / 2) / (n * (len(right) - n))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--count", type=int, default=1200, help="prompts")
    args = parser.parse_args()
    folder = pathlib.Path(args.data)
    lines = [json.loads(s) for s in (folder / "data.jsonl").read_text().splitlines()]
    lines = [line for line in lines if line["prompt"].startswith("detect ")][:args.count]
    hf = PaliGemmaForConditionalGeneration.from_pretrained(args.model, dtype=torch.float32).eval()
    tok = tokenizer.Tokenizer(pathlib.Path(args.model) / "tokenizer.model")
    found = list(rows(hf, tok, folder, lines))
    iou = np.array([v for v, _ in found])
    print(f"{len(lines)} prompts, {len(iou)} boxes, {(iou >= 0.5).mean():.3f} of them right at 0.5, {(iou >= 0.75).mean():.3f} at 0.75")
    for name in found[0][1]:
        score = np.array([s[name] for _, s in found])
        quarters = [f"{(iou[q] >= 0.5).mean():.3f}" for q in np.array_split(np.argsort(-score), 4)]
        print(f"{name:34} {higher(score, iou >= 0.5):.3f} {higher(score, iou >= 0.75):.3f}  "
              f"{np.corrcoef(ranks(score), ranks(iou))[0, 1]:.3f}  {' '.join(quarters)}")
    score = np.array([s["Model.Objects"] for _, s in found])
    print("Model.Objects, score/IoU:", " ".join(f"{score[t].mean():.2f}/{iou[t].mean():.2f}" for t in np.array_split(np.argsort(-score), 10)))


if __name__ == "__main__":
    main()
