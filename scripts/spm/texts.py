"""Strings and ids for golden.py to encode and decode: fixed ones that are hard, and random ones."""

import unicodedata

from models import OTHER, WORDS


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


def random_ids(rng, sp, n):
    """Yields sequences of ids that no text has: broken bytes, control and unknown ids."""
    first_byte = sp.piece_to_id("<0x00>")
    lead = [first_byte + b for b in (0x41, 0x80, 0x96, 0xBF, 0xC3, 0xE2, 0xED, 0xF0, 0x9F, 0x98, 0xFF, 0xA0)]
    for _ in range(n):
        pool = [lambda: rng.choice(lead), lambda: first_byte + rng.randrange(256), lambda: rng.randrange(4),
                lambda: rng.randrange(sp.get_piece_size())]
        yield [rng.choices(pool, [8, 3, 1, 3])[0]() for _ in range(rng.randint(1, 16))]
