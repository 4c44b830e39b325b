"""The reference: Hugging Face's implementation, eager attention, float32, on the CPU."""

import contextlib

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import PaliGemmaForConditionalGeneration

import checkpoints

STEPS = 64  # greedy tokens
KEPT_STEPS = (1, 7, 63)  # steps whose logits are kept; step 0 is the tap "logits"

torch.set_num_threads(1)  # more threads would change the order of summation
torch.use_deterministic_algorithms(True)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def load(folder):
    """The model in a folder, loaded in float32 as users load it."""
    model, info = PaliGemmaForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    if any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")):
        raise RuntimeError(f"{folder}: {info}")
    return model.eval()


def set_weights(model, weights):
    """Sets a model's weights. Keys are the published names."""
    state = {checkpoints.in_memory(k): torch.from_numpy(v.copy()) for k, v in weights.items()}
    state["lm_head.weight"] = state["model.language_model.embed_tokens.weight"]
    model.load_state_dict(state, strict=True)


def save(spec, vocab, weights, folder):
    """Writes a checkpoint with save_pretrained, then renames its tensors to the spec's layout."""
    checkpoints.write_json(folder / "config.json", checkpoints.config(spec, vocab))
    model = PaliGemmaForConditionalGeneration(transformers.PaliGemmaConfig.from_pretrained(folder))
    set_weights(model, weights)
    model.to(getattr(torch, spec.dtype))
    kept = folder / "config.json"
    published = kept.read_bytes()
    model.save_pretrained(folder, max_shard_size=spec.shard or "1GB")
    if spec.layout != "5.x":  # save_pretrained writes this layout, config.json included
        kept.write_bytes(published)
        rename_tensors(folder, spec)
    (folder / "tokenizer.model").write_bytes(vocab.model)


def rename_tensors(folder, spec):
    published = {checkpoints.rename(k, "5.x"): k for k in published_names(spec)}
    for path in sorted(folder.glob("model*.safetensors")):
        tensors = {checkpoints.rename(published[k], spec.layout): v for k, v in load_file(path).items()}
        save_file(tensors, path, metadata={"format": "pt"})
    index = folder / "model.safetensors.index.json"
    if index.exists():
        text = index.read_text()
        for old, name in published.items():
            text = text.replace(f'"{old}"', f'"{checkpoints.rename(name, spec.layout)}"')
        index.write_text(text)


def published_names(spec):
    return list(checkpoints.weights(spec, checkpoints.Vocabulary()))


@contextlib.contextmanager
def taps(model, images):
    """Collects every tap of the first forward pass, and the logits of all passes."""
    got, logits, handles = {}, [], []

    def keep(name, value):
        if name not in got:
            got[name] = value.detach().float().numpy().copy()

    def output(module, name, select=lambda y: y):
        handles.append(module.register_forward_hook(lambda m, args, y: keep(name, select(y))))

    def each_image(module, name, select=lambda y: y):
        def hook(m, args, y):
            for i in range(images):
                keep((f"image{i}." if i else "") + name, select(y)[i])
        handles.append(module.register_forward_hook(hook))

    first = lambda y: y[0] if isinstance(y, tuple) else y
    tower, decoder = model.model.vision_tower, model.model.language_model
    each_image(tower.embeddings.patch_embedding, "v.patch_embd", lambda y: y.flatten(2).transpose(1, 2))
    each_image(tower.embeddings, "v.embd")
    for i, block in enumerate(tower.encoder.layers):
        each_image(block.self_attn, f"v.blk.{i}.attn_out", first)
        each_image(block.mlp, f"v.blk.{i}.ffn_out")
        each_image(block, f"v.blk.{i}.out", first)
    each_image(tower.post_layernorm, "v.post_ln")
    each_image(model.model.multi_modal_projector, "mm.out")

    prefix = lambda m, args, kwargs: keep("prefix", (args[0] if args else kwargs["hidden_states"])[0])
    handles.append(decoder.layers[0].register_forward_pre_hook(prefix, with_kwargs=True))
    for i, block in enumerate(decoder.layers):
        output(block.self_attn, f"blk.{i}.attn_out", lambda y: y[0][0])
        output(block.mlp, f"blk.{i}.ffn_out", lambda y: y[0])
        output(block, f"blk.{i}.out", lambda y: first(y)[0])
    output(decoder.norm, "output_norm", lambda y: y[0])
    # Before the final softcap, which some versions of the reference apply and others do not.
    handles.append(model.lm_head.register_forward_hook(lambda m, args, y: logits.append(y[0, -1].float().numpy().copy())))
    try:
        yield got, logits
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def run(model, vocab, pixels, ids):
    """The goldens of one prompt (taps, greedy tokens, logits of some steps), and facts such as the smallest lead of a chosen token."""
    with taps(model, len(pixels)) as (got, logits):
        out = model.generate(
            input_ids=torch.tensor([ids]), pixel_values=torch.from_numpy(pixels), token_type_ids=torch.zeros(1, len(ids), dtype=torch.long),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False, max_new_tokens=STEPS, eos_token_id=None, pad_token_id=0,
            suppress_tokens=list(range(vocab.pieces, vocab.rows)))
    tokens = out[0, len(ids):].numpy().astype(np.int32)
    logits = np.stack(logits)
    allowed = logits[:, :vocab.pieces]
    if len(tokens) != STEPS or not np.array_equal(allowed.argmax(1), tokens):
        raise RuntimeError("generate did not take the largest allowed logit")
    top = np.sort(allowed, 1)
    golden = {"ids": np.array(ids, np.int32), "tokens": tokens, "logits": allowed[0]}
    golden |= {("image%d." % i if i else "") + "pixels": x for i, x in enumerate(pixels)}
    golden |= got | {f"step_logits.{k}": allowed[k] for k in KEPT_STEPS}
    facts = {
        "smallest_lead": float((top[:, -1] - top[:, -2]).min()),
        "distinct_tokens": len(set(tokens.tolist())),
        "steps_led_by_a_forbidden_row": int((logits.argmax(1) >= vocab.pieces).sum()),
    }
    return {k: np.ascontiguousarray(v) for k, v in golden.items()}, facts
