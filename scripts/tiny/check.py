"""Checks that the shortcuts of training compute the genuine model.

    python scripts/tiny/check.py --tokenizer models/tiny/tokenizer.model --data DATA

The exact form must give the logits of PaliGemmaForConditionalGeneration.forward, which
reads the prefix in both directions. Prompts in the packed form must give the same logits
together and alone. And loc rows must survive unsettle and settle.
"""

import argparse
import random

import numpy as np
import torch
from torch.nn import functional as F

import batches
import model
import tokenizer


def our_logits(trainee, batch):
    table = trainee.table()
    image = trainee.hf.model.multi_modal_projector(trainee.see(batch["images"]))
    text = F.embedding(batch["tokens"], table) * model.WIDTH**0.5
    out = trainee.hf.model.language_model(inputs_embeds=torch.cat([image, text], 1), position_ids=batch["positions"],
                                          attention_mask=model.added(batch["mask"]), use_cache=False).last_hidden_state
    return out @ table.T


def their_logits(trainee, image, prefix, suffix):
    """Logits of one prompt by the genuine forward, with its own masks and positions."""
    ids = torch.tensor([[trainee.tok.image] * model.IMAGE_TOKENS + prefix + suffix[:-1]])
    kinds = torch.zeros_like(ids)
    kinds[:, model.IMAGE_TOKENS + len(prefix):] = 1
    pixels = image[None].permute(0, 3, 1, 2).float() / 127.5 - 1
    # In training mode the suffix after the prompt is causal. The mode changes nothing else: there is no dropout.
    return trainee.hf.train()(input_ids=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids), token_type_ids=kinds,
                              labels=ids).logits[0]


def alone(trainee, image, prefix, suffix):
    """Logits of one prompt in the packed form."""
    packed = batches.pack(trainee.tok, [[(prefix, suffix, 1.0)]], exact=False)
    return our_logits(trainee, packed | {"images": image[None]})[0]


def difference(a, b):
    """The largest difference. Fails on NaN, which max would hide."""
    assert a.isfinite().all() and b.isfinite().all()
    return (a - b).abs().max().item()


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--data", required=True)
    args = parser.parse_args()
    torch.manual_seed(3)
    tok = tokenizer.Tokenizer(args.tokenizer)
    trainee = model.Trainee(tok)
    trainee.settle()
    source = batches.Batches(tok, None, args.data)
    source.open(0)
    source.codes = np.random.default_rng(1).integers(0, 128, (len(source.shard.boxes), 16))
    indices = np.arange(4)
    picked = [source.pick(batches.scenes.compose(int(i)), i, random.Random(int(i)), False) for i in indices]
    images = torch.from_numpy(source.shard.images[indices])

    ours = our_logits(trainee, batches.pack(tok, [row[:1] for row in picked], exact=True) | {"images": images})
    worst = 0.0
    for r, row in enumerate(picked):
        theirs = their_logits(trainee, images[r], *row[0][:2])
        worst = max(worst, difference(ours[r, :len(theirs)], theirs))
    print(f"exact form: logits differ by at most {worst:.2e} of {theirs.abs().max():.1f}")
    assert worst < 1e-3, "the exact form is not the genuine forward"

    ours = our_logits(trainee, batches.pack(tok, picked, exact=False) | {"images": images})
    worst = 0.0
    for r, row in enumerate(picked):
        at = model.IMAGE_TOKENS
        for prefix, suffix, _ in row:
            n = len(prefix) + len(suffix) - 1
            theirs = alone(trainee, images[r], prefix, suffix)[model.IMAGE_TOKENS:]
            worst = max(worst, difference(ours[r, at:at + n], theirs[:n]))
            at += n
    print(f"packed form: {sum(map(len, picked))} prompts, together and alone differ by at most {worst:.2e}")
    assert worst < 1e-3, "packed prompts see each other"

    before = trainee.table().clone()
    trainee.unsettle()
    worst = difference(trainee.table(), before)
    print(f"loc rows after unsettle: differ by at most {worst:.2e} of {before.abs().max():.2f}")
    assert worst < 1e-4, "exported loc rows do not resume"


if __name__ == "__main__":
    main()
