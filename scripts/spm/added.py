#!/usr/bin/env python3
"""Goldens of tokens that a fine-tuning added, made by transformers.

    pip install -r scripts/spm/requirements.txt
    python scripts/spm/added.py            # rewrites internal/spm/testdata/added.json and added.tokenizer.json.gz
    python scripts/spm/added.py --check    # with another version, such as 4.44.2 or 5.24.0: compares with the files

The script adds tokens with all flags to the tiny model's tokenizer, and writes the ids and the decoded text of texts
that it puts together from tokens, parts of tokens, words and white space. Everything is seeded. added.tokenizer.json.gz
is the file that save_pretrained writes for the set "flags".
"""

import argparse
import gzip
import json
import os
import pathlib
import random
import tempfile

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
import transformers
from tokenizers import AddedToken as Token

try:
    from transformers import GemmaTokenizerFast as Gemma
except ImportError:  # transformers 5 has one class
    from transformers import GemmaTokenizer as Gemma

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "internal" / "spm" / "testdata"


def raw(text, **flags):
    return Token(text, normalized=False, **flags)


SETS = {
    "markup": ["<s_total>", "</s_total>", "<s_total_price>", "<sep/>", "{\"", "\"}"],
    "flags": [
        raw("<B>", lstrip=True, rstrip=True), raw("<R>", rstrip=True), raw("<l>", lstrip=True), Token("wd", single_word=True),
        raw("q", single_word=True), Token("é", single_word=True), Token("<N>", lstrip=True, rstrip=True), "a b", raw("c d"),
        Token("<sp>", normalized=False, special=True), Token("<|x|>", normalized=False, special=True, lstrip=True),
        Token("<sw>", normalized=False, special=True, single_word=True),
    ],
    "overlaps": ["<loc00", "ab", "bcd", "abc", "\n\n<x>", " <x>", "<x>", "loc0001>", raw("\n<y>"), "日本", "本語", raw("  z"), "  y", "▁▁w", "<seg0"],
    "pieces": ["he", Token("ll", single_word=True), raw("ci"), Token("re", normalized=False, special=True), "t", Token("o", single_word=True), "▁a"],
}
PARTS = [
    " ", " ", "  ", "   ", "\n", "\n\n", "\t", "\u00a0", "\u3000", "\u200d", "_", "-", ".", ";", "1", "07", "<", ">", "</", "loc", "seg",
    "<loc0001>", "<loc1023>", "<seg007>", "a", "b", "c", "d", "q", "z", "y", "w", "x", "wd", "wdx", "é", "e\u0301", "日本語", "🦆", "\u0903", "Ⅷ",
    "circle", "the red", "square", "hello", "detect", "where is", "▁", "▁▁", "▁a",
]


def text(rng, tokens):
    return "".join(rng.choice(tokens if rng.random() < 0.4 else PARTS) for _ in range(rng.randint(1, 12)))


def added(tok):
    """The list of tokenizer.json without the pieces that Gemma has as they are."""
    base = {t["id"]: t for t in json.loads(Gemma.from_pretrained(ROOT / "models" / "tiny")._tokenizer.to_str())["added_tokens"]}
    return [t for t in json.loads(tok._tokenizer.to_str())["added_tokens"] if base.get(t["id"]) != t]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    sets = []
    for name, tokens in SETS.items():
        rng = random.Random(name)
        tok = Gemma.from_pretrained(ROOT / "models" / "tiny")
        for t in tokens:
            if isinstance(t, Token) and t.special:
                tok.add_tokens([t], special_tokens=True)
            else:
                tok.add_tokens([t])
        if name == "flags":
            with tempfile.TemporaryDirectory() as folder:
                tok.save_pretrained(folder)
                saved = (pathlib.Path(folder) / "tokenizer.json").read_bytes()
        words = [str(t) if isinstance(t, str) else t.content for t in tokens]
        texts = sorted({text(rng, words) for _ in range(400)})
        cases = []
        for t in texts:
            ids = tok(t, add_special_tokens=False).input_ids
            cases.append({"text": t, "ids": ids, "decoded": tok.decode(ids, skip_special_tokens=True)})
        sets.append({"name": name, "tokens": added(tok), "cases": cases})
    if not check:
        with open(TESTDATA / "added.json", "w") as f:
            f.write(json.dumps({"transformers": transformers.__version__, "sets": sets}, ensure_ascii=True, separators=(",", ":")) + "\n")
        with open(TESTDATA / "added.tokenizer.json.gz", "wb") as f:
            f.write(gzip.compress(saved, mtime=0))
        return
    golden = json.loads((TESTDATA / "added.json").read_text())["sets"]
    wrong = 0
    for a, b in zip(golden, sets, strict=True):
        for x, y in zip(a["cases"], b["cases"], strict=True):
            if x != y:
                wrong += 1
                print(a["name"], x, y) if wrong < 10 else None
    print(f"transformers {transformers.__version__}: {wrong} of {sum(len(s['cases']) for s in sets)} texts differ")


if __name__ == "__main__":
    main()
