"""A second implementation: big_vision's formulas in NumPy and float64.

It agrees with Hugging Face's on every tap, so a mistake would have to be in both. And it
can be broken on purpose, one known mistake at a time, which shows that the goldens
notice each: see traps.py.

n tokens, P prefix tokens, D width, H heads, K kv heads, h head dim. Row-major.
"""

import math

import numpy as np

import checkpoints

EPS = 1e-6
NORM_ROLES = {  # the name of each norm of a block, by family
    "gemma": dict(pre_attn="input_layernorm", pre_ffw="post_attention_layernorm"),
    "gemma2": dict(pre_attn="input_layernorm", post_attn="post_attention_layernorm",
                   pre_ffw="pre_feedforward_layernorm", post_ffw="post_feedforward_layernorm"),
}


def gelu(x, kind="tanh"):
    if kind == "erf":
        return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    if kind == "silu":
        return x / (1 + np.exp(-x))
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def layer_norm(x, weight, bias):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + EPS) * weight + bias


class Reference:
    """The model of a spec. broken is a set of mistakes by their names in traps.py."""

    def __init__(self, spec, vocab, weights, broken=(), activations=None):
        self.spec, self.vocab, self.broken = spec, vocab, frozenset(broken)
        self.w = {k: v.astype(np.float64) for k, v in weights.items()}
        self.round = activations or (lambda name, x: x)  # applied to the input of each matrix product
        self.taps = {}

    def tap(self, name, x):
        self.taps[name] = x
        return x

    def linear(self, x, name):
        y = self.round(name + ".weight", x) @ self.w[name + ".weight"].T
        bias = self.w.get(name + ".bias")
        return y if bias is None else y + bias

    # --- tower ---

    def encode(self, image, prefix=""):
        """An image [3, 56, 56] as soft tokens [N, D]."""
        s, v = self.spec, "vision_tower.vision_model."
        p = checkpoints.PATCH
        if "bgr" in self.broken:
            image = image[::-1]
        if "columns first" in self.broken:
            image = image.transpose(0, 2, 1)
        side = image.shape[1] // p
        patches = image.astype(np.float64).reshape(3, side, p, side, p).transpose(1, 3, 0, 2, 4).reshape(side * side, -1)
        kernel = self.w[v + "embeddings.patch_embedding.weight"].reshape(s.W, -1)
        x = self.tap(prefix + "v.patch_embd", patches @ kernel.T + self.w[v + "embeddings.patch_embedding.bias"])
        x = self.tap(prefix + "v.embd", x + self.w[v + "embeddings.position_embedding.weight"])
        for i in range(s.B):
            b, name = f"{v}encoder.layers.{i}.", f"{prefix}v.blk.{i}."
            y = layer_norm(x, self.w[b + "layer_norm1.weight"], self.w[b + "layer_norm1.bias"])
            x = x + self.tap(name + "attn_out", self.tower_attention(y, b + "self_attn."))
            y = layer_norm(x, self.w[b + "layer_norm2.weight"], self.w[b + "layer_norm2.bias"])
            y = gelu(self.linear(y, b + "mlp.fc1"), "erf" if "tower gelu erf" in self.broken else "tanh")
            x = self.tap(name + "out", x + self.tap(name + "ffn_out", self.linear(y, b + "mlp.fc2")))
        x = layer_norm(x, self.w[v + "post_layernorm.weight"], self.w[v + "post_layernorm.bias"])
        return self.tap(prefix + "mm.out", self.linear(self.tap(prefix + "v.post_ln", x), "multi_modal_projector.linear"))

    def tower_attention(self, x, b):
        heads = self.spec.A
        q, k, v = (self.linear(x, f"{b}{p}_proj").reshape(len(x), heads, -1).swapaxes(0, 1) for p in "qkv")
        scores = q @ k.swapaxes(1, 2) * q.shape[-1] ** -0.5
        if "tower causal" in self.broken:
            scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
        return self.linear((softmax(scores) @ v).swapaxes(0, 1).reshape(len(x), -1), b + "out_proj")

    # --- decoder ---

    def forward(self, pixels, ids, suffix=()):
        """Taps of the prefix, and the logits [1+len(suffix), V] that follow the prefix and each token of the suffix."""
        s, broken = self.spec, self.broken
        ids, P = list(ids), len(ids)
        images = [self.encode(x, f"image{i}." if i else "") for i, x in enumerate(pixels)]
        if "images swapped" in broken:
            images = images[::-1]
        scale = math.sqrt(2048 if "scale of top-level hidden_size" in broken else s.D)
        if "text scale missing" in broken:
            scale = 1
        rows = np.concatenate(images)
        if "image scaled" in broken:
            rows = rows * scale
        if "image divided" in broken:
            rows = rows / scale
        text = self.w["language_model.model.embed_tokens.weight"][ids[len(rows):] + list(suffix)] * scale
        if "bos first" in broken:
            x = np.concatenate([text[:1], rows, text[1:]])
        elif "newline missing" in broken:
            x, P = np.concatenate([rows, text[:P - 1 - len(rows)], text[P - len(rows):]]), P - 1
        else:
            x = np.concatenate([rows, text])
        n = len(x)
        positions = np.arange(n, dtype=np.float64)
        if "positions shifted" in broken:
            positions += 1  # harmless: RoPE is relative
        if "decode position off by one" in broken:
            positions[P:] += 1
        if "positions restart per image" in broken:
            positions[:len(rows)] %= checkpoints.IMAGE_TOKENS
        mask = self.mask(n, P)

        self.tap("prefix", x[:P])
        for i in range(s.L):
            x = self.block(x, i, positions, mask, P)
        x = self.rms_norm(x, "language_model.model.norm")
        self.tap("output_norm", x[:P])
        head = self.w["language_model.model.embed_tokens.weight"]
        logits = self.round("language_model.model.embed_tokens.weight", x[P - 1:]) @ head.T
        if "scaled head" in broken:
            logits = logits * scale
        self.tap("logits", logits[0, :self.vocab.pieces])
        return logits[:, :self.vocab.pieces], logits

    def mask(self, n, P):
        """The keys that each query sees, bool [n, n]: the whole prefix, and the tokens of the suffix up to itself."""
        q, k = np.mgrid[0:n, 0:n]
        see = (k < P) | (k <= q)
        if "prefix causal" in self.broken:
            see = k <= q
        if "prefix causal by batches" in self.broken:  # each batch of 64 sees itself and those before
            see = (k < P) & (k // 64 <= q // 64) | (k <= q)
        if "text causal" in self.broken:  # only the images see each other both ways
            see = (k < checkpoints.IMAGE_TOKENS * self.spec.images) | (k <= q)
        if "window" in self.broken:
            see &= k > q - 64
        return see

    def rms_norm(self, x, name):
        w = self.w[name + ".weight"]
        w = w if "norm without 1+w" in self.broken else w + 2 if "norm 1+w twice" in self.broken else w + 1
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * w

    def block(self, x, i, positions, mask, P):
        b, roles = f"language_model.model.layers.{i}.", dict(NORM_ROLES[self.spec.family])
        if "norm roles mixed" in self.broken and "post_attn" in roles:
            roles["post_attn"], roles["pre_ffw"] = roles["pre_ffw"], roles["post_attn"]
        late = "post norm after residual" in self.broken

        def branch(x, name, f, pre, post):
            y = self.tap(f"blk.{i}.{name}", f(self.rms_norm(x, b + roles[pre])))
            if post not in roles or "post norms missing" in self.broken:
                return x + y
            return self.rms_norm(x + y, b + roles[post]) if late else x + self.rms_norm(y, b + roles[post])

        x = branch(x, "attn_out", lambda y: self.attention(y, b + "self_attn.", positions, mask), "pre_attn", "post_attn")
        x = branch(x, "ffn_out", lambda y: self.mlp(y, b + "mlp."), "pre_ffw", "post_ffw")
        for name in ("attn_out", "ffn_out"):
            self.taps[f"blk.{i}.{name}"] = self.taps[f"blk.{i}.{name}"][:P]
        self.tap(f"blk.{i}.out", x[:P])
        return x

    def mlp(self, x, b):
        kind = next((k for k in ("erf", "silu") if f"text gelu {k}" in self.broken), "tanh")
        gate, up = self.linear(x, b + "gate_proj"), self.linear(x, b + "up_proj")
        if "gate and up swapped" in self.broken:
            gate, up = up, gate
        return self.linear(gelu(gate, kind) * up, b + "down_proj")

    def attention(self, x, b, positions, mask):
        s, broken, n = self.spec, self.broken, len(x)
        q, k, v = (self.linear(x, f"{b}{p}_proj").reshape(n, -1, s.h).swapaxes(0, 1) for p in "qkv")  # [heads, n, h]
        q, k = self.rope(q, positions), self.rope(k, positions)
        group = s.H // s.K
        spread = (lambda t: np.tile(t, (group, 1, 1))) if "kv heads interleaved" in broken else (lambda t: np.repeat(t, group, 0))
        scores = q @ spread(k).swapaxes(1, 2) * (s.h**-0.5 if "query scale of the head dim" in broken else s.query_scale)
        self.largest_score = max(getattr(self, "largest_score", 0), np.abs(scores).max())
        if s.family == "gemma2" and "attention softcap missing" not in broken:
            scores = 50 * np.tanh(scores / 50)
        y = softmax(np.where(mask, scores, -np.inf)) @ spread(v)
        if "o_proj as [H*h, D]" in broken:
            name = b + "o_proj.weight"
            return y.swapaxes(0, 1).reshape(n, -1) @ self.w[name].reshape(s.H * s.h, s.D)
        return self.linear(y.swapaxes(0, 1).reshape(n, -1), b + "o_proj")

    def rope(self, x, positions):
        half = x.shape[-1] // 2
        theta = 1e6 if "rope theta" in self.broken else 1e4
        angle = positions[:, None] * theta ** (-np.arange(half) / half)
        cos, sin = np.cos(angle), np.sin(angle)
        if "rope interleaved" in self.broken:
            a, b = x[..., 0::2], x[..., 1::2]
            return np.stack([a * cos - b * sin, b * cos + a * sin], -1).reshape(x.shape)
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def difference(got, want):
    """Norm of the difference over the norm of want; inf when the shapes differ."""
    if got.shape != want.shape:
        return math.inf
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))
