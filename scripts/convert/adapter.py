"""The golden PEFT adapter, and the merge that PEFT makes of it."""

import json
import re

import numpy as np

from models import save_safetensors, weights


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
