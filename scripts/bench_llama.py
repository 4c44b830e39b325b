"""Times llama.cpp's text decoder on the text half of a model, for comparison with pgcli bench.

    scripts/engines.sh                                           # fetches llama.cpp's libraries
    bin/pgcli convert CHECKPOINT -o split.gguf --split-mmproj --type q4_0
    python scripts/bench_llama.py .engines/linux-x64 split.gguf [--threads 2] [--runs 5] [--prompt 272] [--answer 128]
    bin/pgcli bench -m model.gguf --test pp272,tg128 -t 2 -r 5   # ours, on the same weights

No package is needed. An answer follows a prompt of 14 tokens, which "caption en" takes with
the tokenizer of scripts/synthetic, as in pgcli bench. llama.cpp reads a prompt causally and
PaliGemma in both directions; the products are the same.
"""

import argparse
import ctypes
import math
import pathlib
import statistics
import time

SHORT = 14  # tokens of the prompt before an answer


class Params(ctypes.Structure):
    """Parameters that are only handed on. They are passed on the stack, where a callee reads as many bytes as it knows."""

    _fields_ = [("bytes", ctypes.c_char * 512)]


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.c_void_p), ("embd", ctypes.c_void_p), ("pos", ctypes.c_void_p),
                ("n_seq_id", ctypes.c_void_p), ("seq_id", ctypes.c_void_p), ("logits", ctypes.c_void_p)]


def library(folder):
    """llama.cpp with the CPU plug-in of its own choice, from the libraries in folder."""
    def load(pattern):
        path = next(folder.glob(pattern), None)
        if path is None:
            raise SystemExit(f"{folder} has no {pattern}; scripts/engines.sh fetches it")
        return ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)

    base = load("libggml-base*.so*")
    load("libggml.*so*").ggml_backend_load_all_from_path(str(folder).encode())
    lib = load("libllama.*so*")
    pointer, integer, flag, text = ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool, ctypes.c_char_p
    for owner, name, result, arguments in [
        (base, "ggml_version", text, []), (base, "ggml_commit", text, []),
        (lib, "llama_model_default_params", Params, []), (lib, "llama_context_default_params", Params, []),
        (lib, "llama_model_load_from_file", pointer, [text, Params]), (lib, "llama_init_from_model", pointer, [pointer, Params]),
        (lib, "llama_model_desc", integer, [pointer, text, ctypes.c_size_t]),
        (lib, "llama_model_get_vocab", pointer, [pointer]), (lib, "llama_vocab_n_tokens", integer, [pointer]),
        (lib, "llama_n_ctx", ctypes.c_uint32, [pointer]), (lib, "llama_set_n_threads", None, [pointer, integer, integer]),
        (lib, "llama_n_threads", integer, [pointer]), (lib, "llama_n_threads_batch", integer, [pointer]),
        (lib, "llama_get_memory", pointer, [pointer]), (lib, "llama_memory_clear", None, [pointer, flag]),
        (lib, "llama_memory_seq_pos_max", integer, [pointer, integer]), (lib, "llama_batch_get_one", Batch, [pointer, integer]),
        (lib, "llama_decode", integer, [pointer, Batch]),
        (lib, "llama_get_logits_ith", ctypes.POINTER(ctypes.c_float), [pointer, integer]),
    ]:
        function = getattr(owner, name)
        function.restype, function.argtypes = result, arguments
    lib.quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
    lib.llama_log_set(lib.quiet, None)
    lib.version = f"ggml {base.ggml_version().decode()} ({base.ggml_commit().decode()})"
    return lib


def plugin():
    """Name of the CPU plug-in that was loaded."""
    paths = {line.split()[-1] for line in open("/proc/self/maps") if "/libggml-cpu" in line}
    if len(paths) != 1:
        raise SystemExit(f"{len(paths)} CPU plug-ins of ggml are loaded, want 1: {sorted(paths)}")
    return pathlib.Path(paths.pop()).name


class Decoder:
    def __init__(self, lib, path, threads):
        self.lib = lib
        self.model = path.is_file() and lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
        self.context = self.model and lib.llama_init_from_model(self.model, lib.llama_context_default_params())
        if not self.context:
            raise SystemExit(f"llama.cpp does not load {path}: want the text half that pgcli convert --split-mmproj writes")
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
        """Computes tokens, behind those before them, and returns the logits of the last."""
        array = (ctypes.c_int32 * len(tokens))(*tokens)  # has to outlive the batch, which points to it
        if status := self.lib.llama_decode(self.context, self.lib.llama_batch_get_one(array, len(tokens))):
            raise SystemExit(f"llama_decode of {len(tokens)} tokens failed: {status}")
        return self.lib.llama_get_logits_ith(self.context, -1)

    def check(self, logits, count):
        """Fails unless count tokens are in the cache and the logits are numbers; returns the likeliest token."""
        if (seen := self.lib.llama_memory_seq_pos_max(self.memory, 0) + 1) != count:
            raise SystemExit(f"{seen} tokens in the cache, want {count}")
        values = logits[:self.vocabulary]
        if not all(map(math.isfinite, values)) or min(values) == max(values):
            raise SystemExit(f"logits from {min(values)} to {max(values)}, want finite ones that differ")
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
    lib = library(args.engine.resolve())
    decoder = Decoder(lib, args.model, args.threads)
    longest = max(args.prompt, SHORT + args.answer)
    if longest > decoder.room:
        raise SystemExit(f"--prompt or --answer takes {longest} tokens, the context has {decoder.room}")
    print(f"llama.cpp with {lib.version}, {plugin()}, {lib.llama_n_threads(decoder.context)} threads "
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
