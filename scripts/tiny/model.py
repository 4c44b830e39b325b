"""The model in training: transformers' PaliGemmaForConditionalGeneration with a small config, and its losses.

Trainee keeps two things beside the genuine model. While training, the embeddings of loc
tokens are a smooth function of the coordinate (Fourier features times a learned matrix),
so that neighbours learn together; `settle` writes them into the ordinary table. And
heads on the patches of the vision tower predict item, colour, box and letters: they
teach the tower to see, and are not exported.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PaliGemmaConfig, PaliGemmaForConditionalGeneration

import data
import scenes
import tokenizer

WIDTH = 256  # of tower and decoder: rows divide into blocks of every ggml type
TEXT = dict(hidden_size=WIDTH, intermediate_size=512, num_attention_heads=4, num_hidden_layers=4, num_key_value_heads=1, head_dim=64)
VISION = dict(hidden_size=WIDTH, intermediate_size=512, num_attention_heads=4, num_hidden_layers=5)
IMAGE_TOKENS = data.GRID**2
SHARPNESS = 5.0  # standard deviation of loc targets, in tokens: half a pixel of the 112


def config(tok, dtype="bfloat16"):
    """config.json with the keys of published checkpoints, and the keys that a reader needs to know sizes this small."""
    text = dict(model_type="gemma", **TEXT, num_image_tokens=IMAGE_TOKENS, torch_dtype=dtype, vocab_size=tok.rows)
    vision = dict(model_type="siglip_vision_model", **VISION, patch_size=data.PATCH, image_size=data.SIDE, num_image_tokens=IMAGE_TOKENS,
                  projection_dim=WIDTH, projector_hidden_act="gelu_fast", vision_use_head=False)
    return dict(architectures=["PaliGemmaForConditionalGeneration"], model_type="paligemma", bos_token_id=2, eos_token_id=1, pad_token_id=0,
                hidden_size=WIDTH, ignore_index=-100, image_token_index=tok.image, projection_dim=WIDTH, torch_dtype=dtype,
                text_config=text, vision_config=vision)


def fourier(n, highest=48.0, count=28):
    """Fourier features [n, 2 count + 1]: 1, then sine and cosine of geometrically spaced frequencies."""
    x = (torch.arange(n) / n)[:, None]
    f = torch.logspace(math.log10(0.25), math.log10(highest), count)[None]
    return torch.cat([torch.ones(n, 1), (2 * math.pi * f * x).sin(), (2 * math.pi * f * x).cos()], 1)


def grid_positions(grid, width):
    """Initial position embeddings [grid*grid, width]: sines and cosines of row and column."""
    f = 0.5 ** torch.linspace(0, 5, width // 4)[None] * math.pi
    axis = lambda v: torch.cat([(v[:, None] * f).sin(), (v[:, None] * f).cos()], 1)
    row, column = torch.meshgrid(torch.arange(grid).float(), torch.arange(grid).float(), indexing="ij")
    return torch.cat([axis(row.flatten()), axis(column.flatten())], 1)


def added(mask):
    """The mask as numbers that attention adds to its scores. True means that a query sees a key."""
    return torch.where(mask, 0.0, torch.finfo(torch.float32).min)


class PatchHeads(nn.Module):
    """Predicts the contents of each patch from the tower's output [n, 64, width]."""

    SHAPES, COLORS, LETTERS = len(scenes.SHAPES) + 2, len(scenes.COLORS) + 1, len(scenes.ALPHABET) + 1

    def __init__(self):
        super().__init__()
        self.sizes = [self.SHAPES, self.COLORS, 4, self.LETTERS, self.LETTERS]
        self.linear = nn.Linear(WIDTH, sum(self.sizes))
        self.background = nn.Linear(WIDTH, len(scenes.BACKGROUNDS))

    def loss(self, x, target, letters_weight=4):
        """target: dict of shape, color [n, 64], box [n, 64, 4], letters [n, 64, 2], background [n]."""
        shape, color, box, left, right = self.linear(x).split(self.sizes, -1)
        seen = target["shape"] > 0
        letters = sum(F.cross_entropy(y.flatten(0, 1), target["letters"][..., i].flatten()) for i, y in enumerate((left, right)))
        return {
            "shape": F.cross_entropy(shape.flatten(0, 1), target["shape"].flatten()),
            "color": F.cross_entropy(color.flatten(0, 1), target["color"].flatten(), ignore_index=-1),
            "box": 10 * F.smooth_l1_loss(box[seen], target["box"][seen], beta=0.02),
            "letters": letters_weight * letters,  # few patches have letters
            "background": 0.2 * F.cross_entropy(self.background(x.mean(1)), target["background"]),
        }


class Trainee(nn.Module):
    def __init__(self, tok):
        super().__init__()
        self.tok = tok
        self.hf = PaliGemmaForConditionalGeneration(PaliGemmaConfig(**config(tok, "float32")))
        self.hf.set_attn_implementation("eager")  # on a CPU a step with torch's fused attention takes half again as long
        self.heads = PatchHeads()
        self.register_buffer("basis", fourier(tokenizer.LOCS), persistent=False)
        self.loc = nn.Parameter(torch.randn(self.basis.shape[1], WIDTH) * 0.02 / 4)
        targets = torch.arange(tokenizer.LOCS)
        near = torch.exp(-0.5 * ((targets[:, None] - targets[None]) / SHARPNESS) ** 2)
        self.register_buffer("near", near / near.sum(1, keepdim=True), persistent=False)
        self.start()

    @torch.no_grad()
    def start(self):
        """Random weights of a scale that suits the small width."""
        for name, p in self.hf.named_parameters():
            if p.ndim == 2 and "embed" not in name:
                last = name.split(".")[-2] in ("o_proj", "down_proj", "out_proj", "fc2")
                p.normal_(0, p.shape[1] ** -0.5 * (0.35 if last else 1.0))
        embeddings = self.hf.model.vision_tower.embeddings
        embeddings.position_embedding.weight.copy_(0.5 * grid_positions(data.GRID, WIDTH))

    def table(self):
        """The embedding [rows, width], with the smooth loc rows."""
        e = self.hf.model.language_model.embed_tokens.weight
        return torch.cat([e[:self.tok.loc0], self.basis @ self.loc, e[self.tok.seg0:]])

    @torch.no_grad()
    def settle(self):
        """Writes the smooth loc rows into the genuine table. Afterwards self.hf is complete."""
        self.hf.model.language_model.embed_tokens.weight.copy_(self.table())

    @torch.no_grad()
    def unsettle(self):
        """Fits the smooth function to the loc rows of a loaded table: the reverse of settle."""
        rows = self.hf.model.language_model.embed_tokens.weight[self.tok.loc0:self.tok.seg0]
        self.loc.copy_(torch.linalg.lstsq(self.basis, rows).solution)

    def see(self, images):
        """Pictures, uint8 [n, 112, 112, 3], through the tower: [n, 64, width]."""
        pixels = (images.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()
        return self.hf.model.vision_tower(pixels).last_hidden_state

    def loss(self, batch, letters_weight=4):
        """Returns the loss to minimize, and its parts as numbers to print."""
        features = self.see(batch["images"])
        heads = sum(self.heads.loss(features, batch["patches"], letters_weight).values())
        table = self.table()
        image = self.hf.model.multi_modal_projector(features)
        text = F.embedding(batch["tokens"], table) * WIDTH**0.5
        out = self.hf.model.language_model(inputs_embeds=torch.cat([image, text], 1), position_ids=batch["positions"],
                                           attention_mask=added(batch["mask"]), use_cache=False).last_hidden_state
        at = batch["labels"] >= 0
        with torch.autocast("cpu", enabled=False):  # neighbouring coordinates differ by less than bfloat16 resolves
            logp = (out[at].float() @ table.T).log_softmax(-1)
            parts = self.token_losses(logp, batch["labels"][at], batch["weights"][at])
        # Words, coordinates and codes weigh the same per token; only texts of signs weigh more.
        total = sum((p * w).sum() for p, w in parts.values()) / sum(w.sum() for _, w in parts.values())
        means = {k: (p.sum() / len(p)).item() for k, (p, _) in parts.items() if len(p)}
        reads = parts["word"][1] > 1
        if reads.any():
            means["read"] = parts["word"][0][reads].mean().item()
        return total + 0.5 * heads, means | {"heads": heads.item()}

    def token_losses(self, logp, labels, weights):
        """Cross entropy and weights of each kind of token. The cross entropy of loc tokens is counted from its least possible value."""
        is_loc = (labels >= self.tok.loc0) & (labels < self.tok.seg0)
        is_seg = (labels >= self.tok.seg0) & (labels < self.tok.image)
        exact = -logp.gather(1, labels[:, None])[:, 0]
        soft = self.near[labels[is_loc] - self.tok.loc0]
        loc = (soft * (soft.clamp(min=1e-9).log() - logp[is_loc, self.tok.loc0:self.tok.seg0])).sum(1)
        word = ~is_loc & ~is_seg
        return {"word": (exact[word], weights[word]), "loc": (loc, weights[is_loc]), "seg": (exact[is_seg], weights[is_seg])}
