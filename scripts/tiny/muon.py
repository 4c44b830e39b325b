"""The optimizer Muon (Keller Jordan, 2024), in float32 or bfloat16.

torch.optim.Muon always computes in bfloat16, which takes ten times as long on processors
without instructions for it. Matrices of one shape are orthogonalized together.
"""

import collections

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic that drives singular values towards 1
STEPS = 4


def orthogonalize(g):
    """Matrices [n, rows, columns], rows <= columns, made nearly orthogonal: all singular values become about equal."""
    a, b, c = COEFFICIENTS
    x = g / (g.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(STEPS):
        s = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(s, s, s, beta=b, alpha=c), x, beta=a)
    return x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalized and scaled to the size of Adam's updates, with decoupled weight decay."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.02, dtype=torch.float32):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))
        self.dtype = dtype

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = collections.defaultdict(list)
            for p in group["params"]:
                if p.grad is None:  # the decoder while the tower learns alone
                    continue
                momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                momentum.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(momentum, group["momentum"])
                tall = p.shape[0] > p.shape[1]
                update = update.mT if tall else update
                by_shape[tuple(update.shape)].append((p, update, tall))
            for (rows, columns), members in by_shape.items():
                updates = orthogonalize(torch.stack([u for _, u, _ in members]).to(self.dtype)).float()
                for (p, _, tall), u in zip(members, updates):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(u.mT if tall else u, alpha=-group["lr"] * 0.2 * columns**0.5)
