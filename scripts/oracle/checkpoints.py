"""Tiny PaliGemma checkpoints with random weights, in the form of Hugging Face folders.

Weights are in a dict under the names of the published checkpoints; `rename` gives
the names that other versions of transformers write.
"""

import dataclasses
import json
import pathlib

import ml_dtypes
import numpy as np
import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL_MODEL = ROOT / "internal" / "spm" / "testdata" / "small.model"
PATCH, IMAGE_SIZE = 14, 56
IMAGE_TOKENS = (IMAGE_SIZE // PATCH) ** 2
DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}

LONG_PROMPT = (
    "answer en What is the man with the red bottle doing near the white table, and which of the two dogs "
    "under the large tree is looking toward the water behind the traffic sign? Describe the colour of the sky, "
    "the mountain on the left and the building on the right, count the people 1 2 3 4 5 and say where it is."
)


@dataclasses.dataclass(frozen=True)
class Spec:
    """One checkpoint: its sizes, the form it is stored in, and the prompt it answers."""

    name: str
    seed: int
    family: str  # gemma or gemma2
    layout: str  # published, 4.52 or 5.x: whose tensor names and config.json
    dtype: str
    prompt: str
    D: int  # text width
    H: int  # query heads
    K: int  # key and value heads
    h: int  # head dim
    F: int  # text MLP
    L: int = 2  # text layers
    query_scalar: float | None = None  # gemma2: queries are divided by its square root
    score_std: float = 2.0  # standard deviation of the decoder's attention scores
    embed_std: float = 0.12  # smaller ones make greedy answers repeat less
    images: int = 1
    A: int = 4  # heads of the tower
    W: int = 64  # its width
    M: int = 80  # its MLP: not a multiple of 32, as So400m's 4304 is not
    B: int = 2  # its layers
    variants: tuple[str, ...] = ()  # further types the reference runs in
    shard: str | None = None  # largest file, "700KB"

    @property
    def query_scale(self):
        return (self.query_scalar or self.h) ** -0.5


SPECS = [
    # H*h = D and one key head, as in the released PaliGemma 3B.
    Spec("pg1-a", 81, "gemma", "published", "float32", "answer en Where is the cow standing?", D=64, H=4, K=1, h=16, F=128,
         variants=("f16", "bf16", "q8_0"), shard="700KB"),
    # o_proj is not square, key heads are shared by two query heads each.
    Spec("pg1-b", 122, "gemma", "4.52", "float16", "detect cat ; dog", D=64, H=4, K=2, h=32, F=96, L=3,
         W=32, A=2, M=48),
    Spec("pg1-c", 3, "gemma", "5.x", "bfloat16", "answer en Which image has a red bird, left or right?", D=64, H=2, K=1, h=32, F=96,
         images=2),
    # Scores above 50, so that the cap of the attention logits binds.
    Spec("pg2-a", 10, "gemma2", "published", "bfloat16", "caption en", D=96, H=4, K=2, h=32, F=96, L=3, query_scalar=32, score_std=12.0,
         embed_std=0.07),
    # The 28B's query scale, (D/H)^-0.5, with H*h unequal to D.
    Spec("pg2-b", 75, "gemma2", "4.52", "float32", "segment cow", D=64, H=4, K=2, h=32, F=96, L=3, query_scalar=16, embed_std=0.07,
         variants=("f16", "bf16", "q8_0"), shard="700KB"),
    # More than 128 text tokens: the prefill takes several batches of 64.
    Spec("pg2-c", 106, "gemma2", "5.x", "bfloat16", LONG_PROMPT, D=64, H=2, K=1, h=16, F=96, L=3, query_scalar=16, score_std=3.0,
         W=32, A=2, M=48),
]


# --- tokenizer ---


def tokenizer_model(merges=100):
    """The small model of internal/spm without its later merges, plus loc and seg.

    Fewer pieces keep the embedding, the largest tensor, small.
    """
    model = pb.ModelProto.FromString(SMALL_MODEL.read_bytes())
    pieces, kept = [], 0
    for p in model.pieces:
        if p.type == pb.ModelProto.SentencePiece.NORMAL and len(p.piece) > 1:
            kept += 1
            if kept > merges:
                continue
        pieces.append(p)
    del model.pieces[:]
    model.pieces.extend(pieces)
    for piece in [f"<loc{i:04d}>" for i in range(1024)] + [f"<seg{i:03d}>" for i in range(128)]:
        model.pieces.append(pb.ModelProto.SentencePiece(piece=piece, score=0.0, type=pb.ModelProto.SentencePiece.USER_DEFINED))
    model.trainer_spec.vocab_size = len(model.pieces)
    return model.SerializeToString()


class Vocabulary:
    def __init__(self):
        self.model = tokenizer_model()
        self.sp = spm.SentencePieceProcessor(model_proto=self.model)
        self.pieces = self.sp.vocab_size()
        self.image = self.pieces  # HF appends <image> ...
        self.rows = -(-(self.pieces + 1) // 64) * 64  # ... and pads the rows to a multiple of 64

    def prompt(self, spec):
        """[image x N] <bos> prefix newline, the parts tokenized separately."""
        return [self.image] * (IMAGE_TOKENS * spec.images) + [2] + self.sp.encode(spec.prompt) + self.sp.encode("\n")


# --- weights ---


def weights(spec, vocab):
    """Random weights, float32 values that the checkpoint's dtype holds exactly.

    The standard deviations make every stage matter: attention scores are far from uniform,
    biases and norm weights far from 0, and each branch is about as large as the stream.
    """
    rng = np.random.default_rng(spec.seed)
    s, w = spec, {}

    def normal(name, *shape, std, mean=0.0):
        w[name] = rng.normal(mean, std, shape).astype(np.float32)

    def away_from_zero(name, n, low, high):
        w[name] = (rng.uniform(low, high, n) * rng.choice([-1, 1], n)).astype(np.float32)

    v = "vision_tower.vision_model."
    normal(v + "embeddings.patch_embedding.weight", s.W, 3, PATCH, PATCH, std=0.1)
    normal(v + "embeddings.patch_embedding.bias", s.W, std=0.5)
    normal(v + "embeddings.position_embedding.weight", IMAGE_TOKENS, s.W, std=0.7)
    for i in range(s.B):
        b = f"{v}encoder.layers.{i}."
        for ln in ("layer_norm1", "layer_norm2"):
            w[b + ln + ".weight"] = rng.uniform(0.6, 1.5, s.W).astype(np.float32)
            normal(b + ln + ".bias", s.W, std=0.3)
        # q and k each have a standard deviation of 1.5, their product over sqrt(a) one of 2.2.
        for p, std in (("q", 1.4), ("k", 1.4), ("v", 1.0), ("out", 1.5)):
            normal(f"{b}self_attn.{p}_proj.weight", s.W, s.W, std=std * s.W**-0.5)
            normal(f"{b}self_attn.{p}_proj.bias", s.W, std=0.4 if p != "out" else 0.2)
        normal(b + "mlp.fc1.weight", s.M, s.W, std=1.2 * s.W**-0.5)
        normal(b + "mlp.fc1.bias", s.M, std=0.5, mean=-0.8)  # where tanh's GELU differs most from erf's
        normal(b + "mlp.fc2.weight", s.W, s.M, std=2.0 * s.M**-0.5)
        normal(b + "mlp.fc2.bias", s.W, std=0.1)
    w[v + "post_layernorm.weight"] = rng.uniform(0.6, 1.5, s.W).astype(np.float32)
    normal(v + "post_layernorm.bias", s.W, std=0.3)
    normal("multi_modal_projector.linear.weight", s.D, s.W, std=s.W**-0.5)
    normal("multi_modal_projector.linear.bias", s.D, std=0.3)

    t = "language_model.model."
    normal(t + "embed_tokens.weight", vocab.rows, s.D, std=s.embed_std)
    w[t + "embed_tokens.weight"][vocab.pieces:] *= 2  # padding rows, which must never be chosen, get large logits
    qk = (s.score_std / (s.h**0.5 * s.query_scale)) ** 0.5  # standard deviation of each entry of q and k
    for i in range(s.L):
        b = f"{t}layers.{i}."
        for p, out, n, std in (("q", s.H * s.h, s.D, qk), ("k", s.K * s.h, s.D, qk), ("v", s.K * s.h, s.D, 1.0), ("o", s.D, s.H * s.h, 2.0)):
            normal(f"{b}self_attn.{p}_proj.weight", out, n, std=std * n**-0.5)
        for p, out, n, std in (("gate", s.F, s.D, 1.4), ("up", s.F, s.D, 1.0), ("down", s.D, s.F, 2.0)):
            normal(f"{b}mlp.{p}_proj.weight", out, n, std=std * n**-0.5)
        norms = ["input_layernorm", "post_attention_layernorm"]
        if s.family == "gemma2":
            norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
        for norm in norms:
            away_from_zero(b + norm + ".weight", s.D, 0.1, 0.6)
    w[t + "norm.weight"] = (0.12 / s.embed_std * rng.uniform(1.5, 3.5, s.D)).astype(np.float32)  # spreads the logits, so that each greedy token leads clearly

    for name in ("multi_modal_projector.linear.weight", v + "embeddings.patch_embedding.weight"):
        w[name] = exact_in_halves(w[name])
    return {k: x.astype(DTYPES[s.dtype]).astype(np.float32) for k, x in w.items()}


def exact_in_halves(x):
    """Values that F16 and BF16 both hold, for tensors that a file may keep in either."""
    x = np.where(np.abs(x) < 2.0**-10, 0, x)
    return x.astype(ml_dtypes.bfloat16).astype(np.float32)


def pixels(spec):
    """Pictures [images, 3, 56, 56] in [-1, 1]: smooth colours and some noise, exact in 8 bits."""
    rng = np.random.default_rng(1000 + spec.seed)
    y, x = np.mgrid[0:IMAGE_SIZE, 0:IMAGE_SIZE] / IMAGE_SIZE
    out = np.empty((spec.images, 3, IMAGE_SIZE, IMAGE_SIZE), np.float32)
    for plane in out.reshape(-1, IMAGE_SIZE, IMAGE_SIZE):
        fx, fy, phase = rng.uniform(2, 9, 2).tolist() + [rng.uniform(0, 6)]
        grey = 127 + 90 * np.sin(fx * x + fy * y + phase) + rng.normal(0, 25, plane.shape)
        plane[:] = np.clip(np.round(grey), 0, 255).astype(np.float32) / np.float32(127.5) - np.float32(1)
    return out


# --- folder ---


def rename(name, layout):
    """The name of a tensor in a layout, from the published one."""
    if layout == "published":
        return name
    if layout == "5.x":
        return name.replace("vision_tower.vision_model.", "vision_tower.")
    if layout == "4.52":
        return "model." + name.replace("language_model.model.", "language_model.")
    raise ValueError(f"layout {layout!r}")


def in_memory(name):
    """The name of a parameter in a model of transformers 5.x, from the published one."""
    return "model." + name.replace("language_model.model.", "language_model.").replace("vision_tower.vision_model.", "vision_tower.")


def config(spec, vocab):
    """config.json with the keys of published checkpoints, and the keys that a reader needs to know sizes this small."""
    s = spec
    text = dict(model_type=s.family, hidden_size=s.D, intermediate_size=s.F, num_attention_heads=s.H, num_hidden_layers=s.L,
                num_key_value_heads=s.K, head_dim=s.h, num_image_tokens=IMAGE_TOKENS, torch_dtype=s.dtype, vocab_size=vocab.rows)
    if s.family == "gemma2":
        text.update(query_pre_attn_scalar=s.query_scalar, attn_logit_softcapping=50.0, final_logit_softcapping=30.0,
                    sliding_window=4096, hidden_activation="gelu_pytorch_tanh")
    vision = dict(model_type="siglip_vision_model", hidden_size=s.W, intermediate_size=s.M, num_attention_heads=s.A,
                  num_hidden_layers=s.B, patch_size=PATCH, image_size=IMAGE_SIZE, num_image_tokens=IMAGE_TOKENS,
                  projection_dim=s.D, projector_hidden_act="gelu_fast", vision_use_head=False)
    top = dict(architectures=["PaliGemmaForConditionalGeneration"], model_type="paligemma", bos_token_id=2, eos_token_id=1,
               pad_token_id=0, ignore_index=-100, image_token_index=vocab.image, projection_dim=s.D, torch_dtype=s.dtype)
    if s.family == "gemma":
        top["hidden_size"] = s.D  # PaliGemma 2's config.json leaves it out
    return top | dict(text_config=text, vision_config=vision)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
