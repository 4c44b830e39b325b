"""The autoencoder of masks: 64x64 pixels to 16 codes of 128 and back.

    python scripts/tiny/vqvae.py --data DATA --out models/tiny/vae.npz --steps 1500     # continues from --out if it exists

The decoder has the layout and the names of PaliGemma's vae-oid.npz, so that one reader
serves both files: weights as PyTorch stores them, and the codebook `_vq_vae._embedding`.
"""

import argparse
import os
import time
import zlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import data

CODES, WIDTH, GRID = 128, 512, 4


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
                                 nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1))

    def forward(self, x):
        return x + self.net(x)


def make_decoder():
    """The decoder, [n, 512, 4, 4] to [n, 1, 64, 64]: about -1 outside a mask and 1 inside."""
    up = lambda a, b: [nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(nn.Conv2d(WIDTH, 128, 1), nn.ReLU(), Residual(128), Residual(128),
                         *up(128, 128), *up(128, 64), *up(64, 32), *up(32, 16), nn.Conv2d(16, 1, 1))


def make_encoder():
    down = lambda a, b: [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*down(1, 32), *down(32, 64), *down(64, 128), *down(128, 128),
                         Residual(128), Residual(128), nn.Conv2d(128, WIDTH, 1))


class VectorQuantizer(nn.Module):
    """A codebook. Each code is the moving average of the vectors that choose it; unused codes move to a random vector."""

    DECAY = 0.98

    def __init__(self):
        super().__init__()
        self.register_buffer("_embedding", torch.randn(CODES, WIDTH))
        self.register_buffer("_ema_cluster_size", torch.ones(CODES))
        self.register_buffer("_ema_w", self._embedding.clone())

    def nearest(self, x):
        """The nearest codes, [n, 512, 4, 4] to [n, 16], row by row."""
        flat = x.permute(0, 2, 3, 1).reshape(-1, WIDTH)
        distance = flat.pow(2).sum(1, keepdim=True) - 2 * flat @ self._embedding.T + self._embedding.pow(2).sum(1)
        return distance.argmin(1).view(len(x), -1)

    def lookup(self, codes):
        return self._embedding[codes].view(-1, GRID, GRID, WIDTH).permute(0, 3, 1, 2)

    @torch.no_grad()
    def update(self, x, codes):
        flat = x.permute(0, 2, 3, 1).reshape(-1, WIDTH)
        onehot = F.one_hot(codes.reshape(-1), CODES).float()
        self._ema_cluster_size.lerp_(onehot.sum(0), 1 - self.DECAY)
        self._ema_w.lerp_(onehot.T @ flat, 1 - self.DECAY)
        dead = self._ema_cluster_size < 0.05
        if dead.any():
            self._ema_w[dead] = flat[torch.randint(len(flat), (int(dead.sum()),))]
            self._ema_cluster_size[dead] = 1.0
        self._embedding.copy_(self._ema_w / self._ema_cluster_size[:, None].clamp(min=1e-3))


class MaskVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self._vq_vae = make_encoder(), make_decoder(), VectorQuantizer()

    def mark(self):
        """A checksum of the codebook: codes mean nothing with another one."""
        return f"{zlib.crc32(self._vq_vae._embedding.numpy().tobytes()):08x}"

    def codes(self, masks):
        """bool [n, 64, 64] to codes [n, 16]."""
        return self._vq_vae.nearest(self.encoder(masks[:, None].float() * 2 - 1))

    def decode(self, codes):
        """Codes [n, 16] to masks [n, 64, 64]; above 0 is inside."""
        return self.decoder(self._vq_vae.lookup(codes))[:, 0]

    def loss(self, masks):
        target = masks[:, None].float() * 2 - 1
        x = self.encoder(target)
        codes = self._vq_vae.nearest(x)
        q = self._vq_vae.lookup(codes)
        self._vq_vae.update(x.detach(), codes)
        y = self.decoder(x + (q - x).detach())
        return F.mse_loss(y, target) + 0.25 * F.mse_loss(x, q.detach()), (y > 0).float(), len(codes.unique())


def unpack(bits):
    return torch.from_numpy(np.unpackbits(bits, axis=1).reshape(-1, data.MASK, data.MASK).astype(bool))


def iou(a, b):
    """Mean intersection over union of bool masks [n, 64, 64]."""
    return ((a & b).sum((1, 2)) / (a | b).sum((1, 2)).clamp(min=1)).mean().item()


def save(model, path):
    """Writes the weights. The encoder, which only training needs, is stored in float16."""
    temporary = f"{path}.tmp"
    with open(temporary, "wb") as f:
        np.savez(f, **{k: (v.half() if k.startswith("encoder") else v).numpy() for k, v in model.state_dict().items()})
    os.replace(temporary, path)


def load(path):
    model = MaskVAE()
    with np.load(path) as f:
        model.load_state_dict({k: torch.from_numpy(f[k]).float() for k in f.files})
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--every", type=int, default=50, help="steps between saves")
    args = parser.parse_args()
    torch.manual_seed(1)
    masks = unpack(np.concatenate([data.load(args.data, i).masks for i in range(min(4, data.shards(args.data)))]))
    held, masks = masks[:256], masks[256:]
    model = load(args.out).train() if os.path.exists(args.out) else MaskVAE()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=args.steps, pct_start=0.1)
    start = time.time()
    for step in range(1, args.steps + 1):
        loss, _, used = model.loss(masks[torch.randint(len(masks), (args.batch,))])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % args.every == 0 or step == args.steps:
            model.eval()
            with torch.no_grad():
                held_iou = iou(model.decode(model.codes(held)) > 0, held)
            model.train()
            save(model, args.out)
            print(f"step {step} loss {loss.item():.4f} codes in batch {used} held-out IoU {held_iou:.3f} {time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
