"""The two base models of matrix.py, and the tensors that a file of them must hold."""

import pathlib
import re

import numpy as np
import torch
from transformers import PaliGemmaConfig, PaliGemmaForConditionalGeneration

from models import TINY, expected, gguf_name, hf_model

MODEL = pathlib.Path(__file__).resolve().parents[2] / "models/tiny"
D = TINY["gemma"]


def tiny():
    """The repository's tiny model: it answers, so that answers can be compared."""
    return loaded(MODEL)


def loaded(directory):
    return PaliGemmaForConditionalGeneration.from_pretrained(directory, torch_dtype=torch.float32).eval()


def synthetic():
    """The model of synthetic.Tiny, which the Go tests can make too."""
    rows = -(-(D["V"] + 1) // 64) * 64
    text = dict(
        model_type="gemma", vocab_size=rows, hidden_size=D["D"], intermediate_size=D["F"], num_hidden_layers=D["L"],
        num_attention_heads=D["H"], num_key_value_heads=D["K"], head_dim=D["h"],
    )  # fmt: skip
    vision = dict(
        model_type="siglip_vision_model", hidden_size=D["W"], intermediate_size=D["M"], num_hidden_layers=D["B"],
        num_attention_heads=D["A"], patch_size=D["p"], image_size=28, vision_use_head=False,
    )  # fmt: skip
    config = PaliGemmaConfig(text_config=text, vision_config=vision, image_token_index=D["V"], projection_dim=D["D"])
    model = PaliGemmaForConditionalGeneration(config).float().eval()
    arrays = {name: torch.from_numpy(x) for name, x in hf_model("gemma", "f32")[0].items()}
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(arrays[canonical(name)])
    return model


def canonical(name):
    """A parameter's name as the published checkpoints have it."""
    name = re.sub(r"^(model\.)?(language_model\.)?lm_head\.", "language_model.lm_head.", name)
    name = re.sub(r"^(model\.)?language_model\.(model\.)?(?!lm_head)", "language_model.model.", name)
    name = re.sub(r"^(model\.)?vision_tower\.(vision_model\.)?", "vision_tower.vision_model.", name)
    return re.sub(r"^model\.multi_modal_projector", "multi_modal_projector", name)


def tensors(model, golden):
    """A dict: GGUF name -> float32 array, as the converted file must hold it. A head that is the embedding is left out."""
    config = model.config.text_config
    d = D if golden else dict(
        V=1792, L=config.num_hidden_layers, B=model.config.vision_config.num_hidden_layers,
        M=model.config.vision_config.intermediate_size,
    )  # fmt: skip
    arrays = {canonical(k): v.detach().float().numpy() for k, v in model.state_dict().items() if "position_ids" not in k}
    head = arrays.pop("language_model.lm_head.weight", None)
    names = {k: gguf_name("gemma", d, k) for k in arrays}
    saved = TINY["gemma"]
    TINY["gemma"] = d
    out = expected("gemma", arrays, names)
    TINY["gemma"] = saved
    if head is not None and not np.array_equal(head[: d["V"]], out["token_embd.weight"]):
        out["output.weight"] = head[: d["V"]]
    return out
