"""Times llama.cpp's text decoder on the text half of a model, for comparison with pgcli bench.

    scripts/engines.sh                                           # fetches llama.cpp's libraries
    bin/pgcli convert CHECKPOINT -o model.gguf --split-mmproj --type q4_0
    python scripts/bench_llama.py .engines/linux-x64 model.gguf [--threads 2] [--runs 5] [--prompt 272] [--answer 128]

No package is needed. llama.cpp reads a prompt causally and PaliGemma in both directions, which costs the same.
"""

import argparse
import ctypes
import pathlib
import statistics
import time


class Params(ctypes.Structure):
    """Parameters that are only handed on. They are passed on the stack, where a callee reads as many bytes as it knows."""

    _fields_ = [("bytes", ctypes.c_char * 512)]


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.c_void_p), ("embd", ctypes.c_void_p), ("pos", ctypes.c_void_p),
                ("n_seq_id", ctypes.c_void_p), ("seq_id", ctypes.c_void_p), ("logits", ctypes.c_void_p)]


def library(folder):
    base = ctypes.CDLL(next(folder.glob("libggml-base*.so*")), mode=ctypes.RTLD_GLOBAL)
    ggml = ctypes.CDLL(next(folder.glob("libggml.so*")), mode=ctypes.RTLD_GLOBAL)
    ggml.ggml_backend_load_all_from_path(str(folder).encode())
    lib = ctypes.CDLL(next(folder.glob("libllama.*so*")), mode=ctypes.RTLD_GLOBAL)
    for name, result, arguments in [
        ("llama_model_default_params", Params, []), ("llama_context_default_params", Params, []),
        ("llama_model_load_from_file", ctypes.c_void_p, [ctypes.c_char_p, Params]),
        ("llama_init_from_model", ctypes.c_void_p, [ctypes.c_void_p, Params]),
        ("llama_set_n_threads", None, [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32]),
        ("llama_get_memory", ctypes.c_void_p, [ctypes.c_void_p]), ("llama_memory_clear", None, [ctypes.c_void_p, ctypes.c_bool]),
        ("llama_batch_get_one", Batch, [ctypes.c_void_p, ctypes.c_int32]), ("llama_decode", ctypes.c_int32, [ctypes.c_void_p, Batch]),
    ]:
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
    lib.llama_log_set(quiet, None)
    lib.quiet, lib.base = quiet, base
    return lib


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("engine", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=272)
    parser.add_argument("--answer", type=int, default=128)
    args = parser.parse_args()
    lib = library(args.engine.resolve())
    model = lib.llama_model_load_from_file(str(args.model).encode(), lib.llama_model_default_params())
    context = model and lib.llama_init_from_model(model, lib.llama_context_default_params())
    if not context:
        raise SystemExit(f"llama.cpp does not load {args.model}")
    lib.llama_set_n_threads(context, args.threads, args.threads)
    memory = lib.llama_get_memory(context)

    def decode(n):
        tokens = (ctypes.c_int32 * n)(*([2] + [1000 + i for i in range(n - 1)]))
        if lib.llama_decode(context, lib.llama_batch_get_one(tokens, n)) != 0:
            raise SystemExit(f"llama_decode of {n} tokens failed")

    prompts, answers = [], []
    for run in range(args.runs + 1):  # the first warms up
        lib.llama_memory_clear(memory, True)
        start = time.perf_counter()
        decode(args.prompt)
        middle = time.perf_counter()
        for _ in range(args.answer):
            decode(1)
        if run:
            prompts.append(middle - start)
            answers.append(time.perf_counter() - middle)
    for name, n, times in (("pp", args.prompt, prompts), ("tg", args.answer, answers)):
        t = statistics.median(times)
        print(f"{name}{n}: median {1000 * t:.1f} ms, {n / t:.2f} tokens/s, of {args.runs} runs from {1000 * min(times):.1f} to {1000 * max(times):.1f} ms")


if __name__ == "__main__":
    main()
