"""Trains the model in stages. Each stage continues the run in the folder --run.

    python scripts/tiny/train.py --run RUN --data DATA --stage see --until 6000       # the tower alone, on patch labels
    python scripts/tiny/train.py --run RUN --data DATA --stage speak --until 40000    # everything, three steps of four packed
    python scripts/tiny/train.py --run RUN --data DATA --stage settle --since 40000 --until 50000   # exact form only, learning rate falling to zero

--until counts steps over all stages. Every --save minutes the run is saved to
RUN/last.pt (written aside, then renamed), and the next start continues from there, so a
run can be killed at any time. Without last.pt, --init FOLDER starts from an exported
checkpoint with fresh optimizers and a warm-up.
"""

import argparse
import os
import pathlib
import random
import time

import torch

import batches
import data
import tokenizer
import vqvae
from model import Trainee
from muon import Muon

WARMUP = 200


def optimizers(model, lr, dtype):
    """Muon for the matrices inside blocks, Adam for embeddings, norms, biases and heads."""
    inner, outer = [], []
    for name, p in model.named_parameters():
        (inner if p.ndim == 2 and ".layers." in name else outer).append(p)
    return [Muon(inner, lr=lr, dtype=dtype),
            torch.optim.AdamW(outer, lr=lr, betas=(0.9, 0.97), weight_decay=0.0)]


class Run:
    """A training run: model, optimizers and step, kept in a folder."""

    def __init__(self, args):
        self.args, self.folder = args, pathlib.Path(args.run)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tok = tokenizer.Tokenizer(args.tokenizer)
        torch.manual_seed(1)
        self.model = Trainee(self.tok)
        self.optimizers = optimizers(self.model, args.lr, torch.bfloat16 if args.bfloat16 else torch.float32)
        self.step = self.first = 0
        if self.path.exists():
            saved = torch.load(self.path, weights_only=True)
            self.model.load_state_dict(saved["model"])
            for optimizer, state in zip(self.optimizers, saved["optimizers"]):
                optimizer.load_state_dict(state)
            self.step = saved["step"]
        elif args.init:
            from transformers import PaliGemmaForConditionalGeneration

            loaded = PaliGemmaForConditionalGeneration.from_pretrained(args.init, dtype=torch.float32)
            self.model.hf.load_state_dict(loaded.state_dict())
            self.model.unsettle()
            self.step = self.first = args.init_step

    @property
    def path(self):
        return self.folder / "last.pt"

    def save(self):
        temporary = self.folder / "last.tmp"
        torch.save({"model": self.model.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers], "step": self.step}, temporary)
        os.replace(temporary, self.path)

    def rate(self):
        """The factor of the learning rate: a warm-up after a fresh start, then 1; from --since on it falls, to zero at --end."""
        warm = min(1.0, (self.step - self.first + 1) / WARMUP)
        if not self.args.since:
            return warm
        return warm * max(0.0, 1 - (self.step - self.args.since) / ((self.args.end or self.args.until) - self.args.since))

    def train_step(self, source):
        args = self.args
        rng = random.Random(self.step)
        exact = args.stage == "settle" or (args.stage == "speak" and self.step % 4 == 3)
        shard, indices = batches.schedule(self.step, args.shards, args.batch * (2 if args.signs else 1))
        if args.signs:
            source.open(shard)
            indices = indices[source.shard.letters[indices].any((1, 2))]
        batch = source.batch(shard, indices, rng, exact, text=args.stage != "see")
        with torch.autocast("cpu", enabled=args.bfloat16):
            if args.stage == "see":
                parts = self.model.heads.loss(self.model.see(batch["images"]), batch["patches"], args.letters)
                loss = sum(parts.values())
                parts = {k: v.item() for k, v in parts.items()}
            else:
                loss, parts = self.model.loss(batch, args.letters)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = args.lr * self.rate()
            optimizer.step()
        self.step += 1
        return parts, exact


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", required=True)
    parser.add_argument("--data", required=True, help="folder of data.py")
    parser.add_argument("--tokenizer", default="models/tiny/tokenizer.model")
    parser.add_argument("--vae", default="models/tiny/vae.npz", help="file of vqvae.py, whose codes are the answers of segment")
    parser.add_argument("--stage", choices=["see", "speak", "settle"], required=True)
    parser.add_argument("--until", type=int, required=True, help="step to stop at")
    parser.add_argument("--since", type=int, default=0, help="step at which the learning rate begins to fall (0: it does not)")
    parser.add_argument("--end", type=int, default=0, help="step at which the learning rate is zero (0: the step of --until)")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--bfloat16", action="store_true", help="matrix products in bfloat16: twice as fast with AVX512_BF16, ten times slower without")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--shards", type=int, default=0, help="shards to use; 0: all there are now")
    parser.add_argument("--letters", type=float, default=4, help="weight of the letters in patches, which are learnt last")
    parser.add_argument("--signs", action="store_true", help="only scenes with a sign")
    parser.add_argument("--init", help="exported checkpoint to start from")
    parser.add_argument("--init-step", type=int, default=0, help="the step that --init was exported at")
    parser.add_argument("--save", type=float, default=3, help="minutes between saves")
    args = parser.parse_args()
    args.shards = args.shards or data.shards(args.data)
    run = Run(args)
    vae = None if args.stage == "see" else vqvae.load(args.vae)
    source = batches.Batches(run.tok, vae, args.data)
    sums, counts, saved, started, begun = {}, {}, time.time(), time.time(), run.step
    while run.step < args.until:
        parts, exact = run.train_step(source)
        for k, v in parts.items():
            key = f"{k}'" if exact and args.stage == "speak" else k
            sums[key], counts[key] = sums.get(key, 0) + v, counts.get(key, 0) + 1
        if run.step % 25 == 0:
            seconds = (time.time() - started) / (run.step - begun)
            print(f"{args.stage} {run.step} {args.batch / seconds:.1f} images/s  "
                  + "  ".join(f"{k} {sums[k] / counts[k]:.3f}" for k in sorted(sums)), flush=True)
            sums, counts = {}, {}
        if time.time() - saved > 60 * args.save:
            run.save()
            saved = time.time()
    run.save()


if __name__ == "__main__":
    main()
