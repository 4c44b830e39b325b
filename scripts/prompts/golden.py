#!/usr/bin/env python3
"""Golden of how transformers reads prompts, for prompt_golden_test.go.

    pip install -r scripts/prompts/requirements.txt
    python scripts/prompts/golden.py    # rewrites testdata/prompts.json

Asks PaliGemmaProcessor for the ids of prompts about one picture and about two,
with the tokenizer of the oracle's first checkpoint. The file has, for each prompt,
the number of pictures, the number of pictures that the ids have places for, and the
ids after those. A prompt that the processor refuses has its error.
"""

import json
import pathlib

import numpy as np
from PIL import Image
from transformers import GemmaTokenizer, PaliGemmaProcessor, SiglipImageProcessor
from transformers.utils import logging

logging.set_verbosity_error()
ROOT = pathlib.Path(__file__).resolve().parents[2]
PER_PICTURE = 16  # tokens of a picture of the oracle
PROMPTS = [
    "", "caption en", "detect star", " detect star", "detect star ", "  detect  star\t", "detect star\n", "detect star\n\n",
    "detect star\r\n", "two\nlines", "detect cat ; dog", "<loc0001><loc0002> cat", "answer en what is a <b>?", "caption en <loc",
    "<image>detect star", "<image> detect star", "<image>\ndetect star", "<image>detect star\n", "<image><image>detect star",
    "detect <image>star", "detect star<image>", "<bos>detect star", "<image><bos>detect star", "detect star<eos>", "<pad>detect star",
    "<unk>detect star", "\ufeffdetect star", "caf\u00e9 \u2606",
]


def read(processor, prompt, pictures):
    """The ids of a prompt, without those of pictures, which must come first."""
    image = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    row = {"prompt": prompt, "pictures": pictures}
    ids = processor(images=[[image] * pictures], text=[prompt])["input_ids"][0]
    mark = processor.image_token_id
    row["places"] = ids.count(mark) / PER_PICTURE
    row["first"] = all(i == mark for i in ids[: ids.count(mark)])
    row["ids"] = [i for i in ids if i != mark]
    return row


def main():
    tokenizer = GemmaTokenizer(str(ROOT / "testdata/oracle/pg1-a/tokenizer.model"))
    images = SiglipImageProcessor(size={"height": 56, "width": 56})
    images.image_seq_length = PER_PICTURE
    processor = PaliGemmaProcessor(images, tokenizer)
    rows = [read(processor, p, n) for p in PROMPTS for n in (1, 2)]
    lines = ",\n".join(json.dumps(r) for r in rows)
    (ROOT / "testdata/prompts.json").write_text(f"[\n{lines}\n]\n")


main()
