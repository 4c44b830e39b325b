"""Trains a small SentencePiece model with Gemma's layout and rules.

    python scripts/tiny/tokenizer.py --out models/tiny/tokenizer.model

The pieces are pad 0, eos 1, bos 2, unk 3, then the user-defined pieces, bytes, merges
and letters, loc and seg as big_vision appends them, and <image> last.
"""

import argparse
import io
import pathlib
import random

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb

import scenes
import tasks

PIECE = pb.ModelProto.SentencePiece
LOCS, SEGS = 1024, 128
# The scenes' texts have few words: this many pieces hold each word whole, besides letters, bytes and white space.
TEXT_PIECES = 640
USER_DEFINED = ["<mask>", "<start_of_turn>", "<end_of_turn>"] + ["\n" * n for n in range(1, 32)] + ["▁" * n for n in range(2, 32)]


def corpus(count=3000):
    """Yields prompts and answers of scenes that training does not use, and each letter by itself."""
    for seed in range(count):
        scene = scenes.compose(2**40 + seed)
        for task in tasks.all_tasks(scene, random.Random(seed)):
            yield task.prompt
            # The text of a sign may be any text, so it is left to be spelled in letters.
            if task.kind != "ocr" and not task.prompt.endswith("say?"):
                yield tasks.plain(task.answer)
    for letter in scenes.ALPHABET + scenes.ALPHABET.lower() + ".,;:?!'\"-()/&%+=*#@_<>":
        for _ in range(20):
            yield letter


def train():
    """The serialized model."""
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=corpus(), model_writer=model, model_type="bpe", vocab_size=TEXT_PIECES,
        normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False, split_digits=True,
        byte_fallback=True, character_coverage=1.0, user_defined_symbols=USER_DEFINED, hard_vocab_limit=False,
        pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", unk_piece="<unk>",
        num_threads=1, minloglevel=2,
    )
    proto = pb.ModelProto.FromString(model.getvalue())
    for piece in [f"<loc{i:04d}>" for i in range(LOCS)] + [f"<seg{i:03d}>" for i in range(SEGS)]:
        proto.pieces.append(PIECE(piece=piece, score=0.0, type=PIECE.USER_DEFINED))
    proto.pieces.append(PIECE(piece="<image>", score=0.0, type=PIECE.CONTROL))
    proto.trainer_spec.vocab_size = len(proto.pieces)
    return proto.SerializeToString()


class Tokenizer:
    """Encodes prompts as PaliGemma expects them. Ids of loc, seg and <image> follow from the size of the vocabulary."""

    PAD, EOS, BOS = 0, 1, 2

    def __init__(self, path):
        self.sp = spm.SentencePieceProcessor(model_file=str(path))
        self.image = self.sp.vocab_size() - 1
        self.seg0 = self.image - SEGS
        self.loc0 = self.seg0 - LOCS
        self.rows = -(-self.sp.vocab_size() // 64) * 64  # Hugging Face pads the embedding to a multiple of 64
        self.newline = self.sp.encode("\n")

    def prefix(self, prompt):
        """Ids of <bos>, prompt and newline, the parts tokenized separately."""
        return [self.BOS] + self.sp.encode(prompt) + self.newline

    def suffix(self, answer):
        return self.sp.encode(answer) + [self.EOS]

    def decode(self, ids):
        return self.sp.decode(ids)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    pathlib.Path(args.out).write_bytes(train())
    tok = Tokenizer(args.out)
    print(f"{args.out}: {tok.sp.vocab_size()} pieces, {tok.rows} rows")


if __name__ == "__main__":
    main()
