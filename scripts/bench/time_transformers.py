"""Times Hugging Face transformers on a checkpoint, for comparison with pgcli bench.

    pip install -r scripts/bench/requirements.txt
    go run ./scripts/synthetic -variant paligemma-3b-224 -shards 3 -o CHECKPOINT
    python scripts/bench/time_transformers.py CHECKPOINT [--dtype bfloat16] [--threads 2] [--runs 5] [--prompt 14] [--answer 16]
    python scripts/bench/time_transformers.py CHECKPOINT --dtype float32

Prints the time from the pixels of a picture to the first token, and the tokens a second
after it. The weights take 6 GB of memory in bfloat16, 12 GB in float32.
"""

import argparse
import pathlib
import statistics
import time

import torch
import transformers
from transformers import PaliGemmaForConditionalGeneration


def load(folder, dtype):
    """The model in a checkpoint. Fails if a weight is missing from its files or one in them is not used."""
    if not (pathlib.Path(folder) / "config.json").is_file():
        raise SystemExit(f"{folder} has no config.json; scripts/synthetic writes a checkpoint")
    transformers.utils.logging.disable_progress_bar()
    model, info = PaliGemmaForConditionalGeneration.from_pretrained(folder, dtype=dtype, output_loading_info=True)
    for what, names in info.items():
        if names:
            raise SystemExit(f"{folder}: {what}: {sorted(map(str, names))[:3]}, want none")
    return model.eval()


def likeliest(logits):
    """The likeliest token, as input for the next step. Fails if a logit is not finite."""
    if not torch.isfinite(logits.sum()):
        raise SystemExit(f"the logits add up to {logits.sum()}, want a number")
    return logits[:, -1:].argmax(-1)


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=14, help="tokens after those of the picture")
    parser.add_argument("--answer", type=int, default=16)
    args = parser.parse_args()
    if min(args.threads, args.runs, args.prompt, args.answer) < 1:
        parser.error("--threads, --runs, --prompt and --answer must be at least 1")
    torch.set_num_threads(args.threads)
    dtype = getattr(torch, args.dtype)
    model = load(args.checkpoint, dtype)
    side, patch = model.config.vision_config.image_size, model.config.vision_config.patch_size
    pixels = (torch.arange(3 * side * side) % 255 / 127 - 1).reshape(1, 3, side, side).to(dtype)
    image = torch.full((1, (side // patch) ** 2), model.config.image_token_id)
    ids = torch.cat([image, torch.arange(1000, 1000 + args.prompt)[None]], 1)
    print(f"transformers {transformers.__version__}, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, "
          f"{torch.get_num_threads()} threads, {args.dtype}, {image.shape[1]} picture tokens and {args.prompt} of a prompt", flush=True)

    firsts, others = [], []
    for run in range(args.runs + 1):  # the first warms up
        start = time.perf_counter()
        out = model(input_ids=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids),
                    token_type_ids=torch.zeros_like(ids), use_cache=True, logits_to_keep=1)  # zeros: the prefix is read in both directions
        token = likeliest(out.logits)
        firsts.append(time.perf_counter() - start)
        first, start = out.logits.max().item(), time.perf_counter()
        for seen in range(ids.shape[1] + 1, ids.shape[1] + 1 + args.answer):
            out = model(input_ids=token, attention_mask=torch.ones(1, seen, dtype=torch.long), cache=out.cache, use_cache=True)
            token = likeliest(out.logits)
        others.append((time.perf_counter() - start) / args.answer)
        if out.cache.get_seq_length() != seen:
            raise SystemExit(f"{out.cache.get_seq_length()} tokens in the cache, want {seen}")
        if run == 0:
            print(f"highest first logit {first:.6f}, last token {token.item()}", flush=True)
    print(f"first token median {1000 * statistics.median(firsts[1:]):.0f} ms, "
          f"then {1 / statistics.median(others[1:]):.2f} tokens/s, of {args.runs} runs")


if __name__ == "__main__":
    main()
