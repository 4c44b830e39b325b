"""The two tiny models that golden.py computes: weights, names and shapes in both checkpoint formats, and the expected file."""

import gguf
import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

SEED = 7
DTYPES = {"f32": np.dtype("<f4"), "f16": np.dtype("<f2"), "bf16": np.dtype(ml_dtypes.bfloat16)}

# The sizes of synthetic.Tiny.
TINY = {
    "gemma": dict(V=1636, D=64, L=2, F=256, H=4, K=1, h=24, W=96, B=2, M=176, A=4, p=14, N=4),
    "gemma2": dict(V=1636, D=256, L=3, F=512, H=4, K=2, h=32, W=96, B=2, M=176, A=4, p=14, N=9),
}


# ---- weights: the generator of package synthetic


def weights(name, count):
    """The first count weights of the tensor with this GGUF name, as float32."""
    base = 0xCBF29CE484222325  # FNV-1a
    for byte in name.encode():
        base = ((base ^ byte) * 0x100000001B3) % 2**64
    step = 0x9E3779B97F4A7C15
    with np.errstate(over="ignore"):
        z = np.uint64((base + SEED * step) % 2**64) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(step)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    total = sum((z >> np.uint64(s)) & np.uint64(0xFFFF) for s in (0, 16, 32, 48))
    return ((total.astype(np.float32) - np.float32(131070)) * np.float32(2.0**-21)).astype(np.float32)


# ---- the model in Hugging Face's names and shapes, written down from its code


def hf_shapes(family, d):
    D, Q, R, F, W, M = d["D"], d["H"] * d["h"], d["K"] * d["h"], d["F"], d["W"], d["M"]
    rows = -(-(d["V"] + 1) // 64) * 64
    yield "language_model.model.embed_tokens.weight", (rows, D)
    for i in range(d["L"]):
        p = f"language_model.model.layers.{i}."
        for name, shape in {"q": (Q, D), "k": (R, D), "v": (R, D), "o": (D, Q)}.items():
            yield f"{p}self_attn.{name}_proj.weight", shape
        for name, shape in {"gate": (F, D), "up": (F, D), "down": (D, F)}.items():
            yield f"{p}mlp.{name}_proj.weight", shape
        norms = ["input_layernorm", "post_attention_layernorm"]
        if family == "gemma2":
            norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
        for name in norms:
            yield f"{p}{name}.weight", (D,)
    yield "language_model.model.norm.weight", (D,)
    yield "multi_modal_projector.linear.weight", (D, W)
    yield "multi_modal_projector.linear.bias", (D,)
    v = "vision_tower.vision_model."
    yield v + "embeddings.patch_embedding.weight", (W, 3, d["p"], d["p"])
    yield v + "embeddings.patch_embedding.bias", (W,)
    yield v + "embeddings.position_embedding.weight", (d["N"], W)
    for i in range(d["B"]):
        p = f"{v}encoder.layers.{i}."
        linear = {f"self_attn.{x}": (W, W) for x in ("q_proj", "k_proj", "v_proj", "out_proj")}
        linear |= {"mlp.fc1": (M, W), "mlp.fc2": (W, M)}
        for name, shape in linear.items():
            yield f"{p}{name}.weight", shape
            yield f"{p}{name}.bias", shape[:1]
        for name in ("layer_norm1", "layer_norm2"):
            yield f"{p}{name}.weight", (W,)
            yield f"{p}{name}.bias", (W,)
    yield v + "post_layernorm.weight", (W,)
    yield v + "post_layernorm.bias", (W,)


def gguf_name(family, d, name):
    """The name that the gguf package gives the tensor, which is llama.cpp's."""
    stem, suffix = name.rsplit(".", 1)
    if name.startswith("language_model."):
        arch = {"gemma": gguf.MODEL_ARCH.GEMMA, "gemma2": gguf.MODEL_ARCH.GEMMA2}[family]
        stem = gguf.get_tensor_name_map(arch, d["L"]).get_name(stem.removeprefix("language_model."))
    elif name.startswith("multi_modal_projector."):
        stem = "mm.input_projection"  # proposed for llama.cpp, not merged
    else:
        stem = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, d["B"]).get_name(stem)
    return f"{stem}.{suffix}"


def hf_model(family, dtype):
    """Two dicts: name -> array, and name -> GGUF name."""
    d = TINY[family]
    arrays, names = {}, {}
    for name, shape in hf_shapes(family, d):
        names[name] = gguf_name(family, d, name)
        arrays[name] = weights(names[name], int(np.prod(shape))).reshape(shape).astype(DTYPES[dtype])
    return arrays, names


def expected(family, arrays, names):
    """A dict: GGUF name -> float32 array, as the file must hold it."""
    d = TINY[family]
    out = {}
    for name, array in arrays.items():
        x = array.astype(np.float32)
        if name.startswith("language_model.") and "norm" in name:
            x = x + np.float32(1)
        if name.endswith("embed_tokens.weight"):
            x = x[: d["V"]]
        spare = -d["M"] % 256
        if ".mlp.fc1." in name:
            x = np.pad(x, [(0, spare)] + [(0, 0)] * (x.ndim - 1))
        if name.endswith(".mlp.fc2.weight"):
            x = np.pad(x, [(0, 0), (0, spare)])
        out[names[name]] = x
    return out


# ---- the same model as big_vision stores it


def npz_model(family, hf):
    d = TINY[family]
    t, v = "language_model.model.", "vision_tower.vision_model."
    A, a, W, D = d["A"], d["W"] // d["A"], d["W"], d["D"]

    def layers(name, turn, count, prefix):
        return np.stack([turn(hf[f"{prefix}{i}.{name}"]) for i in range(count)])

    def tower(name, turn=lambda x: x):
        return layers(name, turn, d["B"], v + "encoder.layers.")

    def text(name, turn=lambda x: x):
        return layers(name, turn, d["L"], t + "layers.")

    def heads(n):  # [n*h, D] -> [n, D, h]
        return lambda x: x.reshape(n, d["h"], D).transpose(0, 2, 1)

    post = "post_attention_layernorm" if family == "gemma" else "pre_feedforward_layernorm"
    block = "img/Transformer/encoderblock/"
    attn = block + "MultiHeadDotProductAttention_0/"
    out = {
        "img/embedding/kernel": hf[v + "embeddings.patch_embedding.weight"].transpose(2, 3, 1, 0),
        "img/embedding/bias": hf[v + "embeddings.patch_embedding.bias"],
        "img/pos_embedding": hf[v + "embeddings.position_embedding.weight"][None],
        "img/Transformer/encoder_norm/scale": hf[v + "post_layernorm.weight"],
        "img/Transformer/encoder_norm/bias": hf[v + "post_layernorm.bias"],
        "img/head/kernel": hf["multi_modal_projector.linear.weight"].T,
        "img/head/bias": hf["multi_modal_projector.linear.bias"],
        attn + "out/kernel": tower("self_attn.out_proj.weight", lambda x: x.T.reshape(A, a, W)),
        attn + "out/bias": tower("self_attn.out_proj.bias"),
        "llm/embedder/input_embedding": hf[t + "embed_tokens.weight"][: d["V"]],
        "llm/layers/attn/q_einsum/w": text("self_attn.q_proj.weight", heads(d["H"])),
        "llm/layers/attn/kv_einsum/w": np.stack(
            [text("self_attn.k_proj.weight", heads(d["K"])), text("self_attn.v_proj.weight", heads(d["K"]))], axis=1
        ),
        "llm/layers/attn/attn_vec_einsum/w": text("self_attn.o_proj.weight", lambda x: x.T.reshape(d["H"], d["h"], D)),
        "llm/layers/mlp/gating_einsum": np.stack(
            [text("mlp.gate_proj.weight", np.transpose), text("mlp.up_proj.weight", np.transpose)], axis=1
        ),
        "llm/layers/mlp/linear": text("mlp.down_proj.weight", np.transpose),
        "llm/layers/pre_attention_norm/scale": text("input_layernorm.weight"),
        "llm/layers/pre_ffw_norm/scale": text(post + ".weight"),
        "llm/final_norm/scale": hf[t + "norm.weight"],
    }
    if family == "gemma2":
        out["llm/layers/post_attention_norm/scale"] = text("post_attention_layernorm.weight")
        out["llm/layers/post_ffw_norm/scale"] = text("post_feedforward_layernorm.weight")
    for name, proj in {"query": "q_proj", "key": "k_proj", "value": "v_proj"}.items():
        out[f"{attn}{name}/kernel"] = tower(f"self_attn.{proj}.weight", lambda x: x.T.reshape(W, A, a))
        out[f"{attn}{name}/bias"] = tower(f"self_attn.{proj}.bias", lambda x: x.reshape(A, a))
    for i in (0, 1):
        out[f"{block}LayerNorm_{i}/scale"] = tower(f"layer_norm{i + 1}.weight")
        out[f"{block}LayerNorm_{i}/bias"] = tower(f"layer_norm{i + 1}.bias")
        out[f"{block}MlpBlock_0/Dense_{i}/kernel"] = tower(f"mlp.fc{i + 1}.weight", np.transpose)
        out[f"{block}MlpBlock_0/Dense_{i}/bias"] = tower(f"mlp.fc{i + 1}.bias")
    return {k: np.ascontiguousarray(x) for k, x in out.items()}


def plain(array):
    """The array in a type that numpy can save: bfloat16 as opaque pairs of bytes."""
    return array.view("V2") if array.dtype == DTYPES["bf16"] else array


def save_safetensors(path, arrays):
    save_file({name: np.ascontiguousarray(x) for name, x in arrays.items()}, path, {"format": "pt"})
