"""Turns drawn scenes into token sequences.

There are two forms. "exact" is PaliGemma's own: image, one prompt, one answer, and every
token of the prefix sees all of it. "packed" puts several prompts behind one image: each
prompt sees the image and itself, the image sees only itself. Nobody uses the model in
the packed form, but a prompt costs a third in it; training mixes both and ends exact.
"""

import os
import random

import numpy as np
import torch

import data
import scenes
import tasks
import vqvae

WEIGHTS = {"caption": 1.5, "answer": 0.6, "ocr": 8.0, "detect": 0.8, "segment": 0.5}  # how often a task is picked
READING = 4.0  # weight in the loss of a token of a sign's text, which is learnt last
TEXT_TOKENS = 112  # at most, behind one packed image


class Batches:
    def __init__(self, tok, vae, folder):
        self.tok, self.vae, self.folder = tok, vae, folder
        self.shard, self.codes, self.number = None, None, None

    def open(self, number):
        if number == self.number:
            return
        self.shard, self.number = data.load(self.folder, number), number
        if self.vae is not None:
            self.codes = self.codes_of(number)

    def codes_of(self, number):
        """Codes of the open shard's masks, kept in a file beside the shard."""
        path = data.path(self.folder, number).with_suffix(f".codes-{self.vae.mark()}.npy")
        if path.exists():
            return np.load(path)
        codes = encode(self.vae, self.shard.masks)
        temporary = path.with_suffix(".tmp")
        with open(temporary, "wb") as f:
            np.save(f, codes)
        os.replace(temporary, path)
        return codes

    def batch(self, number, indices, rng, exact, text=True):
        """A dict of tensors for Trainee.loss from scenes of one shard."""
        self.open(number)
        scene_list = [scenes.compose(data.seeds(number)[i]) for i in indices]
        out = {"images": torch.from_numpy(self.shard.images[indices]), "patches": self.patches(scene_list, indices)}
        if text:
            picked = [self.pick(s, i, rng, exact) for s, i in zip(scene_list, indices)]
            out |= pack(self.tok, picked, exact)
        return out

    def pick(self, scene, i, rng, exact):
        """[(prefix, suffix, weight)] of tasks picked at random, as many as fit."""
        a, b = self.shard.first[i], self.shard.first[i + 1]
        drawn = tasks.Drawn(scene, self.shard.boxes[a:b].tolist(), self.codes[a:b].tolist())
        every = tasks.all_tasks(scene, rng, drawn)
        # Efraimidis and Spirakis: the order of u^(1/w) is a weighted draw without replacement.
        every.sort(key=lambda t: -rng.random() ** (1 / WEIGHTS[t.kind]))
        out, left = [], TEXT_TOKENS
        for task in every:
            prefix, suffix = self.tok.prefix(task.prompt), self.tok.suffix(task.answer)
            if len(prefix) + len(suffix) <= left:
                out.append((prefix, suffix, READING if task.kind == "ocr" or task.prompt == tasks.READ else 1.0))
                left -= len(prefix) + len(suffix)
            if exact or left < 16:
                break
        return out

    def patches(self, scene_list, indices):
        """Targets of model.PatchHeads."""
        n = len(scene_list)
        shape, color = np.zeros((n, data.GRID**2), np.int64), np.zeros((n, data.GRID**2), np.int64)
        box = np.zeros((n, data.GRID**2, 4), np.float32)
        for row, (scene, i) in enumerate(zip(scene_list, indices)):
            for k, item in enumerate(scene.items):
                at = self.shard.patch[i] == k
                shape[row, at] = 1 + (scenes.SHAPES + ["sign"]).index(item.shape)
                color[row, at] = -1 if item.text else 1 + list(scenes.COLORS).index(item.color)
                box[row, at] = self.shard.boxes[self.shard.first[i] + k]
        names = list(scenes.BACKGROUNDS)
        return {"shape": torch.from_numpy(shape), "color": torch.from_numpy(color), "box": torch.from_numpy(box),
                "letters": torch.from_numpy(self.shard.letters[indices].astype(np.int64)),
                "background": torch.tensor([names.index(s.background) for s in scene_list])}


@torch.no_grad()
def encode(vae, bits, step=256):
    """Codes, uint8 [items, 16], of masks in the form that shards hold."""
    return np.concatenate([vae.codes(vqvae.unpack(bits[i:i + step])).numpy() for i in range(0, len(bits), step)]).astype(np.uint8)


def pack(tok, picked, exact, image_tokens=data.GRID**2):
    """tokens [n, t], labels, their weights and positions [n, 64+t], mask [n, 1, 64+t, 64+t] (True: is seen)."""
    length = max(sum(len(p) + len(s) - 1 for p, s, _ in row) for row in picked)
    n, total = len(picked), image_tokens + length
    tokens = torch.zeros(n, length, dtype=torch.long)
    labels = torch.full((n, total), -1)
    weights = torch.zeros(n, total)
    positions = torch.arange(total).repeat(n, 1)
    task = torch.zeros(n, total, dtype=torch.long)  # 0: image, -1: padding
    order = torch.zeros(n, total, dtype=torch.long)  # 0: prefix, then 1, 2, .. along the suffix
    task[:, image_tokens:] = -1
    for r, row in enumerate(picked):
        at = 0
        for k, (prefix, suffix, weight) in enumerate(row, 1):
            ids = prefix + suffix[:-1]  # <eos> is only predicted
            end, here = at + len(ids), image_tokens + at
            tokens[r, at:end] = torch.tensor(ids)
            task[r, here:here + len(ids)] = k
            order[r, here + len(prefix):here + len(ids)] = torch.arange(1, len(suffix))
            positions[r, here:here + len(ids)] = torch.arange(image_tokens, image_tokens + len(ids))
            labels[r, here + len(prefix) - 1:here + len(ids)] = torch.tensor(suffix)
            weights[r, here + len(prefix) - 1:here + len(ids)] = weight
            at = end
    image, q, k = (task == 0)[:, None, :], task[:, :, None], task[:, None, :]
    mask = image | ((q == k) & (q > 0) & (order[:, None, :] <= order[:, :, None]))
    if exact:
        mask |= (q == 0) & (k == 1) & (order[:, None, :] == 0)
    return {"tokens": tokens, "labels": labels, "weights": weights, "positions": positions + 1, "mask": mask[:, None]}


def schedule(step, shards, batch):
    """The shard of a step and the indices of its scenes in it. Both follow from the step alone."""
    per_shard = data.SHARD // batch
    visit, within = divmod(step, per_shard)
    lap, place = divmod(visit, shards)
    order = random.Random(f"shards {lap}").sample(range(shards), shards)
    scenes_order = np.random.default_rng(visit).permutation(data.SHARD)
    return order[place], scenes_order[within * batch:(within + 1) * batch]
