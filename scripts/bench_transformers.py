"""Times Hugging Face transformers on a checkpoint, for comparison with pgcli bench.

    go run ./scripts/synthetic -variant paligemma-3b-224 -shards 3 -o CHECKPOINT
    python scripts/bench_transformers.py CHECKPOINT [--dtype bfloat16] [--threads 2] [--runs 5] [--prompt 14] [--answer 16]

Needs the packages of scripts/tiny/requirements.txt. Prints the time from a picture's
pixels to the first token, and per token after it.
"""

import argparse
import statistics
import time

import torch
from transformers import PaliGemmaForConditionalGeneration


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=14, help="tokens behind the picture's")
    parser.add_argument("--answer", type=int, default=16)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dtype = getattr(torch, args.dtype)
    model = PaliGemmaForConditionalGeneration.from_pretrained(args.checkpoint, dtype=dtype).eval()
    vision = model.config.vision_config
    pixels = torch.rand(1, 3, vision.image_size, vision.image_size).to(dtype) * 2 - 1
    image = torch.full((1, (vision.image_size // vision.patch_size) ** 2), model.config.image_token_id)
    ids = torch.cat([image, torch.arange(1000, 1000 + args.prompt)[None]], 1)
    firsts, others = [], []
    for run in range(args.runs + 1):  # the first warms up
        start = time.perf_counter()
        out = model(input_ids=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids), use_cache=True, logits_to_keep=1)
        middle = time.perf_counter()
        seen = ids.shape[1]
        for _ in range(args.answer):
            seen += 1
            out = model(input_ids=out.logits[:, -1:].argmax(-1), attention_mask=torch.ones(1, seen, dtype=torch.long),
                        past_key_values=out.past_key_values, use_cache=True)
        if run:
            firsts.append(middle - start)
            others.append((time.perf_counter() - middle) / args.answer)
    print(f"{args.dtype}: first token median {1000 * statistics.median(firsts):.0f} ms, "
          f"then {1 / statistics.median(others):.2f} tokens/s, of {args.runs} runs")


if __name__ == "__main__":
    main()
