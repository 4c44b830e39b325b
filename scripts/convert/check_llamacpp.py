"""Checks package convert against llama.cpp itself.

    pip install -r scripts/convert/requirements.txt
    scripts/engines/fetch.sh                              # fetches llama.cpp's libraries
    python scripts/spm/golden.py --gemma GEMMA            # fetches Gemma's tokenizer; needs scripts/spm/requirements.txt
    python scripts/convert/check_llamacpp.py .engines/linux-x64 GEMMA

For PaliGemma 1 and 2 the script writes small checkpoints with Gemma's tokenizer,
splits them into llama.cpp's two files, and checks that llama.cpp

  - loads the text file,
  - gives the published token ids, and for other strings SentencePiece's,
  - gives every tensor the type and the bytes that convert gives it, in every mix.

Then it writes convert/testdata/mixes.json, which a Go test reads: the types that
llama.cpp chose for models of the released depths.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "convert" / "testdata"
sys.path.insert(0, str(ROOT / "scripts/engines"))
import llamacpp  # noqa: E402


def run(*command):
    subprocess.run([str(c) for c in command], cwd=ROOT, check=True)


def checkpoint(directory, tokenizer=None, **sizes):
    dims = dict(
        Family="gemma2", Vocab=1636, Width=256, Layers=2, MLP=256, Heads=4, KVHeads=2, HeadDim=64,
        VisionWidth=96, VisionLayers=1, VisionMLP=176, VisionHeads=4, Patch=14, ImageTokens=4,
    ) | sizes  # fmt: skip
    run("go", "run", "./scripts/synthetic", "-dims", json.dumps(dims), "-type", "f32", "-o", directory)
    if tokenizer:
        (directory / "tokenizer.model").write_bytes(tokenizer.read_bytes())


def split(pgcli, directory, mix):
    out = directory / f"{mix}.gguf"
    run(pgcli, "convert", "--split-mmproj", "--force", "--type", mix, "-o", out, directory)
    return out


def strings(rng, count):
    """Yields random strings from many Unicode blocks, without surrogates."""
    planes = [(0x20, 0x7F), (0xA0, 0x24F), (0x370, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0x1F300, 0x1FAFF)]
    for _ in range(count):
        yield "".join(chr(rng.randint(*rng.choice(planes))) if rng.random() < 0.8 else rng.choice(" \n\t  ") for _ in range(rng.randint(1, 40)))


def check_tokens(llama, pgcli, gemma, temp):
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as pb

    proto = pb.ModelProto()
    proto.ParseFromString((gemma / "tokenizer.model").read_bytes())
    for piece in [f"<loc{i:04d}>" for i in range(1024)] + [f"<seg{i:03d}>" for i in range(128)]:
        proto.pieces.append(pb.ModelProto.SentencePiece(piece=piece, score=0, type=pb.ModelProto.SentencePiece.USER_DEFINED))
    reference = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    vectors = [json.loads(line) for line in open(ROOT / "internal/spm/testdata/gemma.jsonl", encoding="utf-8")]
    texts = list(strings(random.Random(4), 200)) + ["detect cat ; dog\n", "<loc0012><loc1023><seg000> cat", "answer en Where is the cow standing?\n"]
    for family, kv in {"gemma": 1, "gemma2": 2}.items():
        directory = temp / f"tokens-{family}"
        checkpoint(directory, gemma / "tokenizer.model", Family=family, KVHeads=kv, Vocab=257152, Width=64, HeadDim=32, MLP=64)
        model = llama.load_model(split(pgcli, directory, "f16"))
        vocab = llama.llama_model_get_vocab(model)
        for v in vectors:
            ids = llama.tokenize(vocab, v["text"])
            assert ids == v["ids"], (family, v, ids)
        for text in texts:
            ids, want = llama.tokenize(vocab, text), reference.encode(text)
            assert ids == want, (family, text, ids, want)
        llama.llama_model_free(model)
        print(f"{family}: loaded by llama.cpp; {len(vectors)} vectors and {len(texts)} strings tokenize as they should")


# Depths, and query heads over key-value heads, of the released models.
DEPTHS = [("gemma", 18, 8, 1), ("gemma2", 26, 8, 4), ("gemma2", 42, 16, 8), ("gemma2", 46, 32, 16)]


def check_mixes(llama, pgcli, temp):
    table = {}
    for family, layers, heads, kv in DEPTHS:
        directory = temp / f"mixes-{layers}"
        checkpoint(directory, Family=family, Layers=layers, Heads=heads, KVHeads=kv, HeadDim=256 // heads if layers != 46 else 8)
        source = split(pgcli, directory, "f32")
        types = {}
        for mix in llamacpp.FTYPES:
            theirs = temp / "theirs.gguf"
            llama.quantize(source, theirs, mix)
            ours = split(pgcli, directory, mix)
            types[mix] = compare(ours, theirs, mix)
        table[f"{family} {layers} {heads} {kv}"] = types
    (TESTDATA / "mixes.json").write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")


def compare(ours, theirs, mix):
    """Compares all tensors. Returns the names of the matrices by type."""
    a, b = gguf.GGUFReader(ours), gguf.GGUFReader(theirs)
    want = {t.name: t for t in b.tensors}
    assert {t.name for t in a.tensors} == set(want), mix
    assert a.get_field("general.file_type").contents() == b.get_field("general.file_type").contents() == llamacpp.FTYPES[mix]
    types, differ = {}, []
    for t in a.tensors:
        w = want[t.name]
        if t.tensor_type != w.tensor_type:
            differ.append((t.name, t.tensor_type.name, w.tensor_type.name))
        elif not np.array_equal(np.asarray(t.data).view(np.uint8), np.asarray(w.data).view(np.uint8)):
            differ.append((t.name, t.tensor_type.name, "bytes"))
        if len(t.shape) > 1:
            types.setdefault(w.tensor_type.name.lower(), []).append(t.name.removesuffix(".weight"))
    print(f"{mix}: {len(want)} tensors, {len(differ)} differ {differ[:6]}")
    return types


def main():
    engines, gemma = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as name:
        temp = pathlib.Path(name)
        pgcli = temp / "pgcli"
        run("go", "build", "-o", pgcli, "./cmd/pgcli")
        llama = llamacpp.Library(engines)
        check_tokens(llama, pgcli, gemma, temp)
        check_mixes(llama, pgcli, temp)


if __name__ == "__main__":
    main()
