#!/usr/bin/env python3
"""Golden of the modules that PEFT changes for the keys of an adapter's configuration that choose them.

    pip install torch==2.15.0 transformers==4.57.1 peft==0.17.1
    python scripts/convert/targets.py            # rewrites convert/testdata/targets.json
"""

import json
import pathlib

from peft import LoraConfig
from peft.tuners.tuners_utils import check_target_module_exists

MODULES = [
    "language_model.model.layers.0.self_attn.q_proj",
    "language_model.model.layers.1.self_attn.q_proj",
    "language_model.model.layers.1.mlp.up_proj",
    "language_model.model.layers.11.mlp.up_proj",
    "model.language_model.layers.1.self_attn.o_proj",
    "model.vision_tower.vision_model.encoder.layers.1.self_attn.q_proj",
    "vision_tower.vision_model.encoder.layers.0.mlp.fc1",
    "multi_modal_projector.linear",
    "language_model.lm_head",
    "q_proj",
]

CONFIGS = [
    {"target_modules": ["q_proj", "up_proj"]},
    {"target_modules": ["self_attn.q_proj", "proj", "language_model.lm_head"]},
    {"target_modules": ["q_proj"], "exclude_modules": ["encoder.layers.1.self_attn.q_proj", "q_proj_"]},
    {"target_modules": ["q_proj", "up_proj"], "exclude_modules": r".*vision.*"},
    {"target_modules": ["q_proj", "up_proj", "fc1"], "layers_to_transform": 1},
    {"target_modules": ["q_proj", "up_proj", "fc1"], "layers_to_transform": [0, 11]},
    {"target_modules": ["q_proj", "up_proj", "fc1"], "layers_to_transform": [1], "layers_pattern": "model.layers"},
    {"target_modules": ["q_proj", "up_proj", "fc1"], "layers_to_transform": [0, 1], "layers_pattern": ["blocks", "encoder.layers"]},
    {"target_modules": r".*language_model.*\.(up_proj|o_proj)"},
    {"target_modules": r"q_proj"},
    {"target_modules": r"(?:.*?(?:vision|language).*?(?:self_attn|mlp).*?(?:q_proj|fc1).*?)|(?:\bmodel\.layers\.[\d]{1,}\.(?:mlp)\.(?:(?:up_proj)))"},
    {"target_modules": r"(?i).*\.Q_PROJ$"},
    {"target_modules": r".*\.layers\.(?P<layer>\d)\..*"},
    {"target_modules": r"^language_model\.model\.layers\.\d+\.mlp\.[a-z_]+_proj"},
    {"target_modules": r"(?!.*vision).*q_proj"},
    {"target_modules": r".*layers\.\d{,1}\.mlp.*"},
    {"target_modules": r".*(q)_proj\Z"},
    {"target_modules": r".*[[:al].*"},
]

golden = []
for config in CONFIGS:
    lora = LoraConfig(**config)
    golden.append({"config": config, "changed": [m for m in MODULES if check_target_module_exists(lora, m)]})
path = pathlib.Path(__file__).parents[2] / "convert/testdata/targets.json"
path.write_text(json.dumps({"modules": MODULES, "cases": golden}, indent=1) + "\n")
