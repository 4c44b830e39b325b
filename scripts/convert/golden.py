"""Goldens of package convert, made without any of its code.

    pip install -r scripts/convert/requirements.txt
    python scripts/convert/golden.py          # rewrites convert/testdata

The script computes the weights of two tiny models in numpy, derives the tensors
that a GGUF file of each must hold, and writes their hashes to convert/testdata/.
Then it writes the same models as checkpoints with the packages safetensors and
numpy, lets the Go test TestPython convert them, and reads the results with the
package gguf.
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import gguf
import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "convert" / "testdata"
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


# ---- adapters


def small(name, shape):
    """Weights that are multiples of 1/8 from -1/2 to 3/8, so that all sums in write_adapter are exact."""
    return (np.floor(weights(name, int(np.prod(shape))) * 2**21 / 1024).astype(np.int64) % 8 - 4).reshape(shape).astype(np.float32) / 8


# The modules that the golden adapter changes.
MODULES = [
    "language_model.model.layers.0.self_attn.q_proj",
    "language_model.model.layers.1.mlp.down_proj",
    "language_model.model.layers.0.self_attn.o_proj",
    "vision_tower.vision_model.encoder.layers.1.mlp.fc1",
    "vision_tower.vision_model.encoder.layers.0.mlp.fc2",
    "vision_tower.vision_model.encoder.layers.0.self_attn.v_proj",
    "vision_tower.vision_model.embeddings.patch_embedding",
    "multi_modal_projector.linear",
    "language_model.model.embed_tokens",
]
ADAPTER_SCALE = 0.5


def by_pattern(patterns, module, default):
    """The first pattern that matches the end of the module's name, as PEFT looks it up."""
    return next((value for key, value in patterns.items() if re.match(rf"(.*\.)?({key})$", module)), default)


def write_adapter(directory, arrays):
    """Writes a PEFT adapter, and adds it to arrays as PEFT's merge does."""
    directory.mkdir(parents=True, exist_ok=True)
    config = {
        "peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none", "use_rslora": False, "use_dora": False, "fan_in_fan_out": False,
        "rank_pattern": {"layers.0.self_attn.q_proj": 4, "q_proj": 16},
        "alpha_pattern": {"layers.1.mlp.*": 8, r".*\.0\.self_attn\.q_proj": 8},
        "target_modules": "all-linear",
    }  # fmt: skip
    (directory / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    merged, tensors = dict(arrays), {}
    for module in MODULES:
        rank = by_pattern(config["rank_pattern"], module, config["r"])
        alpha = by_pattern(config["alpha_pattern"], module, config["lora_alpha"])
        w = arrays[module + ".weight"]
        out, inner = w.shape[0], int(np.prod(w.shape[1:]))
        p = "base_model.model." + module
        if "embed_tokens" in module:
            a, b = small(module + "A", (rank, out)), small(module + "B", (inner, rank))
            tensors[p + ".lora_embedding_A"], tensors[p + ".lora_embedding_B"] = a, b
            product = (b @ a).T
        else:
            a, b = small(module + "A", (rank, inner)), small(module + "B", (out, rank))
            conv = w.ndim == 4
            tensors[p + ".lora_A.weight"] = a.reshape(rank, *w.shape[1:]) if conv else a
            tensors[p + ".lora_B.weight"] = b.reshape(out, rank, 1, 1) if conv else b
            product = b @ a
        merged[module + ".weight"] = w + np.float32(alpha / rank) * np.float32(ADAPTER_SCALE) * product.reshape(w.shape)
    save_safetensors(directory / "adapter_model.safetensors", tensors)
    return merged


# ---- files


def save_safetensors(path, arrays):
    save_file({name: np.ascontiguousarray(x) for name, x in arrays.items()}, path, {"format": "pt"})


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def goldens():
    table = {}
    for family in TINY:
        for dtype in DTYPES:
            arrays, names = hf_model(family, dtype)
            table[f"{family} {dtype}"] = {k: sha(x) for k, x in expected(family, arrays, names).items()}
    arrays, names = hf_model("gemma", "f32")
    merged = write_adapter(TESTDATA / "adapter", arrays)
    table["gemma f32 adapter"] = {k: sha(x) for k, x in expected("gemma", merged, names).items()}
    write_json(TESTDATA / "tiny.json", table)
    return table


def reader_files():
    """Small files that safetensors and numpy write, and a list of their contents."""
    contents, arrays = {}, {}
    for dtype, kind in DTYPES.items():
        for shape in [(1,), (3, 5), (2, 3, 4)]:
            name = f"{dtype}/{'x'.join(map(str, shape))}"
            arrays[name] = weights(name, int(np.prod(shape))).reshape(shape).astype(kind)
            contents[name] = {"type": dtype, "shape": shape, "sha256": sha(arrays[name])}
    write_json(TESTDATA / "reader.json", contents)
    save_safetensors(TESTDATA / "reader.safetensors", arrays)
    np.savez(TESTDATA / "reader-stored.npz", **{k: plain(x) for k, x in arrays.items()})
    np.savez_compressed(TESTDATA / "reader-deflated.npz", **{"params/" + k: plain(x) for k, x in arrays.items()}, **{"opt/count": np.int32(3)})
    np.savez(TESTDATA / "reader-fortran.npz", x=np.asfortranarray(arrays["f32/3x5"]))


def write_checkpoints(directory):
    """Checkpoints that safetensors and numpy write, for TestPython."""
    for family in TINY:
        for dtype in DTYPES:
            arrays, _ = hf_model(family, dtype)
            hf = directory / f"{family} {dtype} hf"
            hf.mkdir()
            save_safetensors(hf / "model.safetensors", arrays)
            d = TINY[family]
            config = {"model_type": "paligemma", "text_config": {"head_dim": d["h"]}, "vision_config": {"num_attention_heads": d["A"]}}
            write_json(hf / "config.json", config)
            save = np.savez_compressed if dtype == "f16" else np.savez
            save(directory / f"{family} {dtype}.npz", **{k: plain(x) for k, x in npz_model(family, arrays).items()})


def check(directory, table):
    """Compares every tensor of the files that TestPython converted with the expected one."""
    read = 0
    for path in sorted(directory.glob("*.gguf")):
        reader = gguf.GGUFReader(path)
        case, kind = path.stem.rsplit(" ", 1)
        family, dtype, *_ = case.split(" ")
        arrays, names = hf_model(family, dtype.removesuffix(".npz"))
        want = expected(family, arrays, names)
        assert {t.name for t in reader.tensors} == set(want), path
        for t in reader.tensors:
            x = want[t.name]
            assert list(t.shape) == list(reversed(x.shape)), (path, t.name)
            exact = t.tensor_type.name in ("F32", "BF16", "F16", "Q8_0", "Q4_0", "Q5_0")
            if exact:
                same = np.array_equal(gguf.quantize(x, t.tensor_type).view(np.uint8), np.ascontiguousarray(t.data).view(np.uint8))
                assert same, (path.name, t.name, t.tensor_type.name)
            else:
                error = gguf.dequantize(t.data, t.tensor_type).reshape(x.shape) - x
                nmse = float((error**2).sum() / (x**2).sum())
                assert nmse < 0.2, (path.name, t.name, t.tensor_type.name, nmse)
        assert reader.get_field("general.architecture").contents() == "paligemma"
        assert reader.get_field("paligemma.family").contents() == family
        assert len(reader.get_field("tokenizer.ggml.tokens").data) == TINY[family]["V"]
        read += 1
    print(f"the gguf package read {read} files")
    assert read >= 18


def main():
    TESTDATA.mkdir(exist_ok=True)
    table = goldens()
    reader_files()
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        write_checkpoints(directory)
        command = ["go", "test", "-count=1", "-run", "^TestPython$", "-v", "./convert"]
        subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"CONVERT_PYTHON": name})
        check(directory, table)


if __name__ == "__main__":
    sys.exit(main())
