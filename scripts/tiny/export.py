"""Writes a training run as a checkpoint folder in the published form.

    python scripts/tiny/export.py --run RUN --tokenizer models/tiny/tokenizer.model --out models/tiny

Tensors have the names of Google's repositories, and config.json leaves out what theirs
leave out. The script does not touch vae.npz, which vqvae.py writes.
"""

import argparse
import json
import os
import pathlib
import re
import shutil

import torch
from safetensors.torch import save_file

import model
import tokenizer

DTYPE = "float16"  # an eighth of bfloat16's rounding, and the weights are far from its limits


def published(name):
    """Google's name of a parameter of transformers 5.x."""
    name = name.removeprefix("model.")
    name = re.sub(r"^language_model\.", "language_model.model.", name)
    return re.sub(r"^vision_tower\.", "vision_tower.vision_model.", name)


def weights(trainee):
    """The genuine model's tensors under published names; the tied head is left out."""
    trainee.settle()
    out = {}
    for name, value in trainee.hf.state_dict().items():
        if name == "lm_head.weight":
            continue
        value = value.to(getattr(torch, DTYPE)).contiguous()
        if not value.isfinite().all():
            raise ValueError(f"{name}: a value does not fit {DTYPE}")
        out[published(name)] = value
    return out


def preprocessor():
    size = dict(height=model.data.SIDE, width=model.data.SIDE)
    return dict(do_convert_rgb=None, do_normalize=True, do_rescale=True, do_resize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3,
                image_processor_type="SiglipImageProcessor", image_seq_length=model.IMAGE_TOKENS, processor_class="PaliGemmaProcessor",
                resample=3, rescale_factor=1 / 255, size=size)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    tok = tokenizer.Tokenizer(args.tokenizer)
    saved = torch.load(pathlib.Path(args.run) / "last.pt", weights_only=True)
    trainee = model.Trainee(tok)
    trainee.load_state_dict(saved["model"])
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    temporary = out / "model.safetensors.tmp"
    save_file(weights(trainee), temporary, metadata={"format": "pt"})
    temporary.chmod(0o644)  # save_file leaves it readable by its owner only
    os.replace(temporary, out / "model.safetensors")
    write_json(out / "config.json", model.config(tok, DTYPE))
    write_json(out / "preprocessor_config.json", preprocessor())
    write_json(out / "generation_config.json", dict(bos_token_id=2, eos_token_id=1, pad_token_id=0))
    if pathlib.Path(args.tokenizer).resolve() != (out / "tokenizer.model").resolve():
        shutil.copyfile(args.tokenizer, out / "tokenizer.model")
    parameters = sum(p.numel() for p in trainee.hf.parameters())
    print(f"{out}: step {saved['step']}, {parameters:,} parameters, {(out / 'model.safetensors').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
