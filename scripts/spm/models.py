"""The small SentencePiece model that golden.py trains, and its variants."""

import io
import math
import random

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb

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
