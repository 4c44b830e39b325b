#!/usr/bin/env python3
"""Golden of the files that transformers chooses in a folder.

    pip install torch==2.15.0 pillow==11.3.0 safetensors==0.8.0 transformers==5.24.0
    python scripts/convert/folders.py            # rewrites convert/testdata/folders.json
    python scripts/convert/folders.py --check    # with another version, such as 4.44.2 or 4.57.1: compares with the file

Each case is a folder of weights or of picture settings. Every file of weights has a number of its own, by which the
script sees which file a tiny GPT-2 is loaded from: the order is the same for all models.
"""

import argparse
import json
import os
import pathlib
import tempfile

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "critical")
import torch
import transformers
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "convert" / "testdata" / "folders.json"
ONE, INDEX, PART = "model.safetensors", "model.safetensors.index.json", "model-00001-of-00001.safetensors"
BIN, BIN_INDEX, BIN_PART = "pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin"
FP16, CONSOLIDATED = "model.fp16.safetensors", "consolidated.safetensors"
WEIGHTS = [
    [ONE], [INDEX, PART], [ONE, INDEX, PART], [BIN], [BIN_INDEX, BIN_PART], [ONE, BIN], [INDEX, PART, BIN], [BIN, BIN_INDEX, BIN_PART],
    [ONE, FP16], [INDEX, PART, FP16], [BIN, FP16], [BIN, CONSOLIDATED], [ONE, CONSOLIDATED], [BIN_INDEX, BIN_PART, CONSOLIDATED],
    [ONE, "pytorch_model.fp16.bin"],
]
SETTINGS = [
    {"preprocessor_config.json": {"resample": 2}},
    {"processor_config.json": {"image_processor": {"resample": 2}}},
    {"processor_config.json": {"image_processor": {"resample": 2}}, "preprocessor_config.json": {"resample": 3}},
    {"processor_config.json": {"image_processor": {"resample": 3}}, "preprocessor_config.json": {"resample": 2}},
    {"processor_config.json": {"image_seq_length": 256}, "preprocessor_config.json": {"resample": 2}},
    {"processor_config.json": {"image_processor": {"image_mean": [0.5] * 3}}, "preprocessor_config.json": {"resample": 2}},
]


def config():
    return transformers.GPT2Config(vocab_size=8, n_embd=4, n_layer=1, n_head=1, n_positions=4)


def weights(files):
    """The file that the weights come from."""
    with tempfile.TemporaryDirectory() as folder:
        model = transformers.GPT2Model(config())
        config().save_pretrained(folder)
        for number, name in enumerate(files):
            path = os.path.join(folder, name)
            state = {k: torch.full_like(v, number).contiguous() for k, v in model.state_dict().items()}
            if name.endswith(".index.json"):
                part = PART if name == INDEX else BIN_PART
                pathlib.Path(path).write_text(json.dumps({"metadata": {}, "weight_map": {k: part for k in state}}))
            elif name.endswith(".bin"):
                torch.save(state, path)
            else:
                save_file(state, path, metadata={"format": "pt"})
        return files[int(transformers.GPT2Model.from_pretrained(folder).wte.weight[0, 0])]


def settings(files):
    """The resampling filter of the image processor."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            pathlib.Path(folder, name).write_text(json.dumps(content))
        try:
            return int(transformers.SiglipImageProcessor.from_pretrained(folder).resample)
        except OSError:  # before 4.5x the older file was required
            return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    result = {
        "transformers": transformers.__version__,
        "weights": [{"files": f, "read": weights(f)} for f in WEIGHTS],
        "settings": [{"files": f, "resample": settings(f)} for f in SETTINGS],
    }
    if not check:
        GOLDEN.write_text(json.dumps(result, indent=1) + "\n")
        return
    golden = json.loads(GOLDEN.read_text())
    for kind in ("weights", "settings"):
        for a, b in zip(golden[kind], result[kind], strict=True):
            if a != b:
                print(f"{transformers.__version__}: {b}, golden {a}")
    print(f"transformers {transformers.__version__}: compared {len(WEIGHTS)} + {len(SETTINGS)} folders")


if __name__ == "__main__":
    main()
