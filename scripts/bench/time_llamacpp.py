"""Times llama.cpp's text decoder on the text half of a model, for comparison with pgcli bench.

    scripts/engines/fetch.sh                                     # fetches llama.cpp's libraries
    bin/pgcli convert CHECKPOINT -o split.gguf --split-mmproj --type q4_0
    python scripts/bench/time_llamacpp.py .engines/linux-x64 split.gguf [--threads 2] [--runs 5] [--prompt 272] [--answer 128]
    bin/pgcli bench -m model.gguf --test pp272,tg128 -t 2 -r 5   # ours, on the same weights

Needs no Python package. As in pgcli bench, an answer follows a prompt of 14 tokens: "caption en"
has as many with the tokenizer of scripts/synthetic. llama.cpp reads a prompt causally and
PaliGemma reads it in both directions; both compute the same products.
"""

import argparse
import ctypes
import math
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "engines"))
import llamacpp  # noqa: E402

SHORT = 14  # tokens of the prompt before an answer


class Decoder:
    """A text decoder with one sequence in its cache. It lives as long as the process."""

    def __init__(self, lib, path, threads):
        self.lib = lib
        self.model = lib.load_model(path)
        self.context = lib.llama_init_from_model(self.model, lib.llama_context_default_params())
        if not self.context:
            lib.fail(f"makes no context for {path}")
        lib.llama_set_n_threads(self.context, threads, threads)
        self.memory = lib.llama_get_memory(self.context)
        self.vocabulary = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self.model))
        self.room = lib.llama_n_ctx(self.context)
        description = ctypes.create_string_buffer(128)
        lib.llama_model_desc(self.model, description, 128)
        self.description = description.value.decode()

    def clear(self):
        self.lib.llama_memory_clear(self.memory, True)

    def decode(self, tokens):
        """Appends tokens to the sequence and returns the logits of the last."""
        array = (ctypes.c_int32 * len(tokens))(*tokens)  # must outlive the batch, which points to it
        if status := self.lib.llama_decode(self.context, self.lib.llama_batch_get_one(array, len(tokens))):
            raise SystemExit(f"llama_decode of {len(tokens)} tokens failed: {status}")
        return self.lib.llama_get_logits_ith(self.context, -1)

    def check(self, logits, count):
        """Fails unless count tokens are in the cache and the logits are numbers; returns the likeliest token."""
        if (seen := self.lib.llama_memory_seq_pos_max(self.memory, 0) + 1) != count:
            raise SystemExit(f"{seen} tokens in the cache, want {count}")
        values = logits[:self.vocabulary]
        if not all(map(math.isfinite, values)) or min(values) == max(values):
            raise SystemExit(f"logits from {min(values)} to {max(values)}, want finite values that differ")
        return values.index(max(values))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("engine", type=pathlib.Path, help="folder of llama.cpp's libraries")
    parser.add_argument("model", type=pathlib.Path, help="text half of a model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=272)
    parser.add_argument("--answer", type=int, default=128)
    args = parser.parse_args()
    if min(args.threads, args.runs, args.prompt, args.answer) < 1:
        parser.error("--threads, --runs, --prompt and --answer must be at least 1")
    lib = llamacpp.Library(args.engine)
    decoder = Decoder(lib, args.model, args.threads)
    longest = max(args.prompt, SHORT + args.answer)
    if longest > decoder.room:
        raise SystemExit(f"--prompt or --answer takes {longest} tokens, the context has {decoder.room}")
    print(f"llama.cpp with {lib.version}, {llamacpp.plugin()}, {lib.llama_n_threads(decoder.context)} threads "
          f"({lib.llama_n_threads_batch(decoder.context)} for prompts), {decoder.description}, {decoder.vocabulary} tokens known")

    prompt, short = [[2] + [1000 + i % (decoder.vocabulary - 1000) for i in range(n - 1)] for n in (args.prompt, SHORT)]
    prompts, answers = [], []
    for run in range(args.runs + 1):  # the first warms up
        decoder.clear()
        start = time.perf_counter()
        logits = decoder.decode(prompt)
        prompts.append(time.perf_counter() - start)
        token = decoder.check(logits, args.prompt)

        decoder.clear()
        decoder.decode(short)
        start = time.perf_counter()
        for _ in range(args.answer):
            logits = decoder.decode([token])
        answers.append(time.perf_counter() - start)
        decoder.check(logits, SHORT + args.answer)
    for name, n, times in (("pp", args.prompt, prompts[1:]), ("tg", args.answer, answers[1:])):
        t = statistics.median(times)
        print(f"{name}{n}: median {1000 * t:.1f} ms, {n / t:.2f} tokens/s, of {args.runs} runs from {1000 * min(times):.1f} to {1000 * max(times):.1f} ms")


if __name__ == "__main__":
    main()
