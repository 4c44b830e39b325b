"""Writers of files that Pillow reads but does not write, for kinds.py."""

import struct

import numpy as np

ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8)))


def dct():
    k, n = np.arange(8)[:, None], np.arange(8)[None, :]
    m = np.cos((2 * n + 1) * k * np.pi / 16) / 2
    m[0] /= np.sqrt(2)
    return m


class Bits:
    """A JPEG's entropy-coded bits, every code of 8 bits: a symbol's code is its index."""

    def __init__(self):
        self.bits = []

    def put(self, value, count):
        self.bits += [value >> i & 1 for i in reversed(range(count))]

    def number(self, code, value, extra):
        self.put(code, 8)
        self.put(value if value >= 0 else value + (1 << extra) - 1, extra)

    def bytes(self):
        data = np.packbits(self.bits + [1] * (-len(self.bits) % 8)).tobytes()
        return data.replace(b"\xff", b"\xff\x00")


def jpeg(planes, factors, ids=(1, 2, 3, 4), adobe=None, step=4):
    """A baseline JPEG of full-size planes [h, w], each sampled with its factors (h, v)."""
    def segment(marker, body):
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
    height, width = planes[0].shape
    across, down = max(h for h, _ in factors), max(v for _, v in factors)
    units = (-(-height // (8 * down)), -(-width // (8 * across)))
    blocks, m = [], dct()
    for plane, (h, v) in zip(planes, factors):
        x, y = across // h, down // v
        full = np.pad(plane, ((0, units[0] * 8 * down - height), (0, units[1] * 8 * across - width)), mode="edge")
        small = full.reshape(full.shape[0] // y, y, full.shape[1] // x, x).mean((1, 3)) - 128
        b = small.reshape(units[0] * v, 8, units[1] * h, 8).transpose(0, 2, 1, 3)
        blocks.append(np.rint(m @ b @ m.T / step).astype(int))
    symbols = [run << 4 | size for run in range(16) for size in range(11)]
    out, last = Bits(), [0] * len(planes)
    for uy in range(units[0]):
        for ux in range(units[1]):
            for c, (h, v) in enumerate(factors):
                for i in range(h * v):
                    block = blocks[c][uy * v + i // h, ux * h + i % h].ravel()[ZIGZAG]
                    difference, last[c] = int(block[0]) - last[c], int(block[0])
                    size = abs(difference).bit_length()
                    out.number(size, difference, size)
                    run = 0
                    for k in range(1, 64):
                        value = int(block[k])
                        if value == 0:
                            run += 1
                            continue
                        while run > 15:
                            out.put(symbols.index(0xF0), 8)
                            run -= 16
                        size = abs(value).bit_length()
                        out.number(symbols.index(run << 4 | size), value, size)
                        run = 0
                    if run:
                        out.put(symbols.index(0), 8)
    dc, ac = (bytes([0] * 7 + [len(s)] + [0] * 8) + bytes(s) for s in (range(12), symbols))
    frame = struct.pack(">BHHB", 8, height, width, len(planes))
    frame += b"".join(bytes([i, h << 4 | v, 0]) for i, (h, v) in zip(ids, factors))
    scan = bytes([len(planes)]) + b"".join(bytes([i, 0]) for i, _ in zip(ids, planes)) + bytes([0, 63, 0])
    head = segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([adobe])) if adobe is not None else b""
    return (b"\xff\xd8" + head + segment(0xDB, b"\0" + bytes([step] * 64)) + segment(0xC0, frame)
            + segment(0xC4, b"\0" + dc) + segment(0xC4, b"\x10" + ac) + segment(0xDA, scan)
            + out.bytes() + b"\xff\xd9")


def tiff(tags, blocks, order="<", tiled=False, big=False):
    """A TIFF, or BigTIFF, of strips or tiles; tags are lists of 32-bit numbers, or bytes."""
    at, count = (324, 325) if tiled else (273, 279)
    head = 16 if big else 8
    offsets = [head + sum(map(len, blocks[:i])) for i in range(len(blocks))]
    tags = dict(tags) | {at: offsets, count: [len(b) for b in blocks]}
    data = b"".join(blocks)
    data += bytes(-len(data) % 2)
    start, wide, entry = head + len(data), "Q" if big else "I", 20 if big else 12
    behind = start + (8 if big else 2) + entry * len(tags) + struct.calcsize(wide)
    directory, values = struct.pack(order + ("Q" if big else "H"), len(tags)), b""
    for tag, value in sorted(tags.items()):
        raw = value if isinstance(value, bytes) else struct.pack(f"{order}{len(value)}I", *value)
        directory += struct.pack(order + "HH" + wide, tag, 1 if isinstance(value, bytes) else 4, len(value))
        if len(raw) <= struct.calcsize(wide):
            directory += raw.ljust(struct.calcsize(wide), b"\0")
        else:
            directory += struct.pack(order + wide, behind + len(values))
            values += raw
    mark = b"II" if order == "<" else b"MM"
    header = struct.pack(order + "HHHQ", 43, 8, 0, start) if big else struct.pack(order + "HI", 42, start)
    return mark + header + data + directory + bytes(struct.calcsize(wide)) + values


def tiles(plane, size):
    """The tiles of a plane [h, w] or picture [h, w, channels], with padding, as bytes."""
    pad = [(0, -plane.shape[0] % size), (0, -plane.shape[1] % size)] + [(0, 0)] * (plane.ndim - 2)
    plane = np.pad(plane, pad)
    return [plane[y:y + size, x:x + size].tobytes()
            for y in range(0, plane.shape[0], size) for x in range(0, plane.shape[1], size)]


def packed(values, bits):
    """Rows of samples [h, w] of fewer than 8 bits, each row padded to bytes."""
    rows = (values[..., None] >> np.arange(bits)[::-1] & 1).reshape(values.shape[0], -1)
    return np.packbits(rows.astype(np.uint8), axis=1)


def bmp(width, height, bits, pixels, compression=0, palette=b"", masks=b"", os2=False):
    """A BMP of pixels as they are stored. A negative height is for rows from the top."""
    if os2:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        colours = len(palette) // 4
        info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, colours, 0)
    start = 14 + len(info) + len(masks) + len(palette)
    return struct.pack("<2sIII", b"BM", start + len(pixels), 0, start) + info + masks + palette + pixels


def rows(pixels):
    """A BMP's rows [h, bytes] from the bottom, padded to four bytes."""
    return np.pad(pixels, ((0, 0), (0, -pixels.shape[1] % 4)))[::-1].tobytes()


def riff(chunks):
    """A WebP of chunks (name, body)."""
    body = b"WEBP" + b"".join(k + struct.pack("<I", len(b)) + b + bytes(len(b) % 2) for k, b in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body
