"""The cases of matrix.py: options of PEFT's LoraConfig, under names of ours."""

HEAD, EMBED = "lm_head", "embed_tokens"

# A rank of 2, unless a case says otherwise. Options that a version of PEFT does not know are no case there.
CASES = {
    "plain": dict(target_modules=["q_proj", "down_proj", "fc1"]),
    "all-linear": dict(target_modules="all-linear"),
    "regex": dict(target_modules=r".*language_model.*\.(up_proj|o_proj)"),
    "layers_to_transform": dict(target_modules=["v_proj"], layers_to_transform=[1], layers_pattern="layers"),
    "exclude_modules": dict(target_modules=["q_proj", "fc2"], exclude_modules=r".*vision.*"),
    "projector": dict(target_modules=["linear"]),
    "conv2d": dict(target_modules=["patch_embedding", "position_embedding"]),
    "rslora": dict(target_modules=["q_proj"], use_rslora=True, r=4),
    "rank_pattern": dict(target_modules=["q_proj", "k_proj"], rank_pattern={r"layers\.0\.self_attn\.q_proj": 4, "k_proj": 3}),
    "alpha_pattern": dict(target_modules=["q_proj", "k_proj"], alpha_pattern={r"layers\.1\.self_attn\.q_proj": 16, "k_proj": 3}),
    "gaussian": dict(target_modules=["q_proj"], init_lora_weights="gaussian"),
    "init false": dict(target_modules=["q_proj"], init_lora_weights=False),
    "eva": dict(target_modules=["q_proj"], init_lora_weights="eva"),
    "orthogonal": dict(target_modules=["q_proj"], init_lora_weights="orthogonal"),
    "mica": dict(target_modules=["q_proj"], init_lora_weights="mica"),
    "pissa": dict(target_modules=["q_proj"], init_lora_weights="pissa"),
    "pissa_niter_2": dict(target_modules=["q_proj"], init_lora_weights="pissa_niter_2"),
    "olora": dict(target_modules=["q_proj"], init_lora_weights="olora"),
    "fan_in_fan_out": dict(target_modules=["q_proj"], fan_in_fan_out=True),
    "dora": dict(target_modules=["q_proj", "fc1", "linear", "patch_embedding"], use_dora=True),
    "dora embedding": dict(target_modules=[EMBED], use_dora=True),
    "dora rslora": dict(target_modules=["down_proj", "fc2"], use_dora=True, use_rslora=True, r=3),
    "bias all": dict(target_modules=["q_proj", "fc1"], bias="all"),
    "bias lora_only": dict(target_modules=["q_proj", "fc1"], bias="lora_only"),
    "lora_bias": dict(target_modules=["fc1"], lora_bias=True),
    "lora_bias without bias": dict(target_modules=["gate_proj"], lora_bias=True),
    "save projector": dict(target_modules=["q_proj"], modules_to_save=["multi_modal_projector"]),
    "save linear": dict(target_modules=["q_proj"], modules_to_save=["linear"]),
    "save tower": dict(target_modules=["gate_proj"], modules_to_save=["vision_tower"]),
    "save norms": dict(target_modules=["q_proj"], modules_to_save=["layer_norm1", "input_layernorm"]),
    "save positions": dict(target_modules=["q_proj"], modules_to_save=["position_embedding"]),
    "save text model": dict(target_modules=["fc1"], modules_to_save=["language_model"]),
    "save embedding": dict(target_modules=["q_proj"], modules_to_save=[EMBED]),
    "save head": dict(target_modules=["q_proj"], modules_to_save=[HEAD]),
    "save both": dict(target_modules=["q_proj"], modules_to_save=[EMBED, HEAD]),
    "save embedding, tied": dict(target_modules=["q_proj"], modules_to_save=[EMBED], ensure_weight_tying=True),
    "embedding": dict(target_modules=["q_proj", EMBED]),
    "head": dict(target_modules=["q_proj", HEAD]),
    "both": dict(target_modules=[EMBED, HEAD]),
    "embedding, tied": dict(target_modules=["q_proj", EMBED], ensure_weight_tying=True),
    "head, save embedding": dict(target_modules=[HEAD], modules_to_save=[EMBED]),
    "embedding, save head": dict(target_modules=[EMBED], modules_to_save=[HEAD]),
    "tokens": dict(target_modules=["q_proj"], trainable_token_indices=[5, 1500, 9]),
    "tokens of both": dict(target_modules=["q_proj"], trainable_token_indices={EMBED: [5, 7], HEAD: [6]}),
    "target_parameters": dict(target_modules=["fc1"], target_parameters=["q_proj.weight"]),
    "layer_replication": dict(target_modules=["q_proj"], layer_replication=[[0, 2], [1, 2]]),
    "alora": dict(target_modules=["q_proj"], alora_invocation_tokens=[5, 6], task_type="CAUSAL_LM"),
}

# Cases that older versions of PEFT merge otherwise than they compute, with the version that mends it: they forget the
# scale of the bias.
MENDED = {"lora_bias": "0.18"}

# Other methods of PEFT: the class of the config, and its options.
METHODS = {
    "IA3": ("IA3Config", dict(target_modules=["k_proj"], feedforward_modules=[])),
    "LoHa": ("LoHaConfig", dict(target_modules=["q_proj"], r=2)),
    "LoKr": ("LoKrConfig", dict(target_modules=["q_proj"], r=2)),
    "AdaLoRA": ("AdaLoraConfig", dict(target_modules=["q_proj"], init_r=2, target_r=1, total_step=10)),
    "VeRA": ("VeraConfig", dict(target_modules=["o_proj"], r=2)),
    "LN tuning": ("LNTuningConfig", dict(target_modules=["input_layernorm"])),
    "OFT": ("OFTConfig", dict(target_modules=["q_proj"])),
    "BOFT": ("BOFTConfig", dict(target_modules=["q_proj"])),
}
