"""Times llama.cpp with several sequences in one batch, on the text half of a model.

    scripts/engines/fetch.sh
    bin/pgcli convert CHECKPOINT -o split.gguf --split-mmproj --type q4_0
    python scripts/peers/llamacpp.py .engines/linux-x64 split.gguf [--threads 2] [--tokens 32] [--runs 3]
    bin/pgcli bench -m model.gguf -t 2 --parallel 1,2,4,8 --test tg32   # ours, on the same weights

Needs no Python package. Each sequence has read 14 tokens. Then each step computes one token of
every sequence and all its logits; the choice among them, which pgcli's times include, is left out.
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

SHORT = 14  # tokens that each sequence has read


class Answers:
    """A context with room for some sequences. It lives as long as the process."""

    def __init__(self, lib, model, sequences, tokens, threads):
        params = lib.llama_context_default_params()
        # struct llama_context_params { uint32_t n_ctx, n_batch, n_ubatch, n_seq_max; ...
        fields = ctypes.cast(ctypes.byref(params), ctypes.POINTER(ctypes.c_uint32))
        fields[0], fields[3] = sequences * 256 * ((SHORT + tokens) // 256 + 1), sequences
        self.lib, self.sequences = lib, sequences
        self.context = lib.llama_init_from_model(model, params)
        if not self.context:
            lib.fail(f"makes no context for {sequences} sequences")
        lib.llama_set_n_threads(self.context, threads, threads)
        self.vocabulary = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))

    def decode(self, rows):
        """Computes rows (token, position, sequence) and the logits of each."""
        n = len(rows)
        sequences = [(ctypes.c_int32 * 1)(sequence) for _, _, sequence in rows]
        arrays = [
            (ctypes.c_int32 * n)(*(token for token, _, _ in rows)),
            (ctypes.c_int32 * n)(*(position for _, position, _ in rows)),
            (ctypes.c_int32 * n)(*([1] * n)),
            (ctypes.c_void_p * n)(*map(ctypes.addressof, sequences)),
            (ctypes.c_int8 * n)(*([1] * n)),
        ]
        token, position, count, sequence, logits = map(ctypes.addressof, arrays)
        if status := self.lib.llama_decode(self.context, llamacpp.Batch(n, token, None, position, count, sequence, logits)):
            raise SystemExit(f"llama_decode of {n} tokens failed: {status}")

    def run(self, tokens):
        """Seconds that each of the steps takes."""
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)
        for s in range(self.sequences):
            self.decode([(5 + i, i, s) for i in range(SHORT)])
        times = []
        for i in range(tokens):
            start = time.perf_counter()
            self.decode([(100 + 7 * i + s, SHORT + i, s) for s in range(self.sequences)])
            logits = self.lib.llama_get_logits_ith(self.context, self.sequences - 1)[: self.vocabulary : 1000]
            times.append(time.perf_counter() - start)
            if not all(map(math.isfinite, logits)) or min(logits) == max(logits):
                raise SystemExit(f"logits from {min(logits)} to {max(logits)}, want finite values that differ")
        return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("engine", type=pathlib.Path, help="folder of llama.cpp's libraries")
    parser.add_argument("model", type=pathlib.Path, help="text half of a model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--parallel", default="1,2,4,8", help="numbers of sequences")
    args = parser.parse_args()
    lib = llamacpp.Library(args.engine)
    model = lib.load_model(args.model)
    print(f"llama.cpp with {lib.version}, {llamacpp.plugin()}, {args.threads} threads")
    for n in map(int, args.parallel.split(",")):
        answers = Answers(lib, model, n, args.tokens, args.threads)
        answers.run(2)  # warms up
        step = statistics.median(t for _ in range(args.runs) for t in answers.run(args.tokens))
        print(f"{n} sequences: {1000 * step:.1f} ms a step, {n / step:.1f} tokens a second")


if __name__ == "__main__":
    main()
