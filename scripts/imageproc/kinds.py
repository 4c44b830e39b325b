"""Kinds of pictures for golden.py: each function yields names and bytes of files."""

import struct
import zlib

import numpy as np
from PIL import Image

import writers


def exif(orientation, byte_order="<"):
    e = Image.Exif()
    e[0x0112] = orientation
    e.endian = byte_order
    return e.tobytes()


def netpbm(magic, header, pixels):
    return magic + b" # a comment\n" + header + b"\n" + pixels


def words(values):
    """Numbers in decimal, a few on a line, with a comment between."""
    lines = [" ".join(map(str, values[i:i + 9])) for i in range(0, len(values), 9)]
    return ("\n# a comment\n".join(lines) + "\n").encode()


def jpeg(photo):
    rgb = np.asarray(photo)
    ycc = [np.asarray(p) for p in photo.convert("YCbCr").split()]
    black = (np.add.outer(np.arange(rgb.shape[0]), 2 * np.arange(rgb.shape[1])) % 200).astype(np.uint8)
    for factors in (((2, 2), (1, 1), (1, 2)), ((2, 2), (2, 1), (1, 1)), ((4, 1), (2, 1), (1, 1)),
                    ((4, 1), (1, 1), (2, 1)), ((2, 2), (2, 1), (2, 1)), ((1, 2), (1, 1), (1, 1)), ((4, 1), (1, 1), (1, 1)),
                    ((4, 2), (1, 1), (1, 1))):
        name = "-".join(f"{h}x{v}" for h, v in factors)
        yield f"sampling-{name}.jpg", writers.jpeg(ycc, factors)
    sampled, planes = ((2, 2), (1, 1), (1, 1)), [rgb[..., c] for c in range(3)]
    yield "rgb-420.jpg", writers.jpeg(planes, sampled, adobe=0)
    yield "rgb-named-422.jpg", writers.jpeg(planes, ((2, 1), (1, 1), (1, 1)), ids=b"RGB")
    yield "rgb-odd.jpg", writers.jpeg(planes, ((2, 2), (1, 1), (1, 2)), adobe=0)
    yield "ycck-420.jpg", writers.jpeg(ycc + [black], sampled + ((2, 2),), adobe=2)
    yield "ycck.jpg", writers.jpeg(ycc + [black], ((1, 1),) * 4, adobe=2)
    yield "cmyk-420.jpg", writers.jpeg(planes + [black], sampled + ((2, 2),), adobe=0)
    yield "cmyk-without-marker.jpg", writers.jpeg(planes + [black], ((1, 1),) * 4)


def tiff(colour, photo, save):
    rgb = np.asarray(colour)
    grey = np.asarray(colour.convert("L"))
    height, width = grey.shape

    def page(bits, photometric=2, **more):
        tags = {256: [width], 257: [height], 258: bits, 259: [1], 262: [photometric], 277: [len(bits)]}
        return tags | {int(k[1:]): v for k, v in more.items()}

    def file(data, *tags, **more):
        return writers.tiff(page(*tags, t278=[height]), [data], **more)

    planes = [np.ascontiguousarray(rgb[..., c]) for c in range(3)]
    yield "planar-strips.tif", writers.tiff(page([8] * 3, t284=[2], t278=[10]), [p[i:i + 10].tobytes() for p in planes for i in (0, 10)])
    yield "planar-tiles.tif", writers.tiff(page([8] * 3, t284=[2], t322=[16], t323=[16]), [b for p in planes for b in writers.tiles(p, 16)], tiled=True)
    steps = [np.diff(p, axis=1, prepend=np.uint8(0)) for p in planes]
    yield "planar-predictor.tif", writers.tiff(page([8] * 3, t284=[2], t278=[height], t259=[8], t317=[2]), [zlib.compress(p.tobytes()) for p in steps])
    yield "planar16.tif", writers.tiff(page([16] * 3, t284=[2], t278=[height]), [(p.astype("<u2") * 256 + 200).tobytes() for p in planes])
    yield "planar-rgba.tif", writers.tiff(page([8] * 4, t284=[2], t278=[height], t338=[2]), [p.tobytes() for p in planes + [grey]])
    yield "tiles.tif", writers.tiff(page([8] * 3, t322=[16], t323=[16]), writers.tiles(rgb, 16), tiled=True, order=">")
    yield "big.tif", file(rgb.tobytes(), [8] * 3, big=True)
    yield "big-tiles.tif", writers.tiff(page([8] * 3, t322=[16], t323=[16]), writers.tiles(rgb, 16), tiled=True, big=True)
    yield "fill-order.tif", writers.tiff(page([8] * 3, t278=[height], t266=[2]), [bytes(int(f"{b:08b}"[::-1], 2) for b in rgb.tobytes())])
    yield "rgbx.tif", writers.tiff(page([8] * 4, t278=[height], t338=[0]), [np.dstack([rgb, grey]).tobytes()])
    wide = np.dstack([rgb, rgb.max(-1)]).astype(">u2") * 257
    yield "rgba16-premultiplied.tif", writers.tiff(page([16] * 4, t278=[height], t338=[1]), [wide.tobytes()], order=">")
    for bits in (1, 2, 4):
        low = grey >> 8 - bits
        colours = [int(v) * 2557 % 65536 for v in range(3 << bits)]
        yield f"grey{bits}.tif", file(writers.packed(low, bits).tobytes(), [bits], 1)
        yield f"grey{bits}-white-is-zero.tif", file(writers.packed(low, bits).tobytes(), [bits], 0, order=">")
        yield f"palette{bits}.tif", writers.tiff(page([bits], 3, t278=[height], t320=colours), [writers.packed(low, bits).tobytes()])
    low = np.pad(grey >> 4, ((0, 15), (0, 9)))
    blocks = [writers.packed(low[y:y + 16, x:x + 16], 4).tobytes() for y in (0, 16) for x in (0, 16)]
    yield "grey4-tiles.tif", writers.tiff(page([4], 1, t322=[16], t323=[16]), blocks, tiled=True)
    yield "cmyk.tif", save(colour.convert("CMYK"), "TIFF", compression="tiff_lzw")
    yield "grey-alpha.tif", save(Image.merge("LA", [colour.convert("L"), colour.convert("L")]), "TIFF")
    yield "pages.tif", save(colour.copy(), "TIFF", save_all=True, append_images=[photo.copy()])
    for mode in ("RGB", "L", "YCbCr", "CMYK"):
        yield f"{mode.lower()}-jpeg.tif", save(photo.convert(mode), "TIFF", compression="jpeg", quality=95)
    yield "xmp-orientation.tif", writers.tiff(page([8] * 3, t278=[height], t700=XMP % 8), [rgb.tobytes()])


def bmp(colour):
    rgb = np.asarray(colour).astype(int)
    height, width = rgb.shape[:2]
    bgr = rgb[..., ::-1].astype(np.uint8)
    index = (rgb.sum(-1) % 16).astype(np.uint8)
    palette = bytes(v for i in range(16) for v in (i * 16, 255 - i * 9, i * 5, 0))
    short = "<u2"
    yield "555.bmp", writers.bmp(width, height, 16, writers.rows((rgb @ [1 << 10, 1 << 5, 1] & 0x7FFF).astype(short).view(np.uint8)))
    yield "565.bmp", writers.bmp(width, height, 16, writers.rows((rgb @ [1 << 11, 1 << 5, 1] & 0xFFFF).astype(short).view(np.uint8)), 3,
                               masks=struct.pack("<3I", 0xF800, 0x7E0, 0x1F))
    four = np.dstack([np.full((height, width), 77, np.uint8), bgr]).reshape(height, -1)
    yield "xbgr.bmp", writers.bmp(width, height, 32, writers.rows(four), 3, masks=struct.pack("<3I", 0xFF000000, 0xFF0000, 0xFF00))
    yield "top-down.bmp", writers.bmp(width, -height, 24, writers.rows(bgr.reshape(height, -1)[::-1]))
    yield "palette4.bmp", writers.bmp(width, height, 4, writers.rows(writers.packed(index, 4)), palette=palette)
    yield "os2.bmp", writers.bmp(width, height, 8, writers.rows(index), os2=True, palette=bytes(range(48)) + bytes(720))
    runs = b""
    for y in reversed(range(height)):  # a run, pixels as they are, another run
        runs += bytes([10, index[y, 0], 0, 8, *index[y, 1:9], 5, index[y, 9], 0, 0])
    yield "rle8.bmp", writers.bmp(width, height, 8, runs + b"\0\1", 1, palette=palette)
    runs = b""
    for y in reversed(range(height)):
        runs += bytes([11, index[y, 0] << 4 | index[y, 1], 0, 8, *writers.packed(index[y:y + 1, :8], 4)[0], 0, 0])
    yield "rle4.bmp", writers.bmp(width, height, 4, runs + b"\0\1", 2, palette=palette)


def pnm(colour):
    rgb, grey = np.asarray(colour), np.asarray(colour.convert("L"))
    size = b"%d %d" % colour.size
    bits = (grey > 100).astype(int)
    yield "plain.pbm", netpbm(b"P1", size, "\n".join("".join(map(str, row)) for row in bits).encode())
    yield "plain.pgm", netpbm(b"P2", size + b" 100", words((grey.ravel() % 101).tolist()))
    yield "plain.ppm", netpbm(b"P3", size + b" 255", words(rgb.ravel().tolist()))
    yield "binary.pbm", netpbm(b"P4", size, writers.packed(bits, 1).tobytes())
    yield "binary.pgm", netpbm(b"P5", size + b" 255", grey.tobytes())
    yield "binary16.pgm", netpbm(b"P5", size + b" 65535", (grey.astype(">u2") * 256 + 200).tobytes())
    yield "binary.ppm", netpbm(b"P6", size + b" 255", rgb.tobytes())
    yield "binary-100.ppm", netpbm(b"P6", size + b"\n100", (rgb % 101).tobytes())
    yield "binary16-1000.ppm", netpbm(b"P6", size + b" 1000", (rgb.astype(">u2") * 3).tobytes())


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'


def metadata(colour, photo, save):
    def text(kind, body):
        """A PNG with a text chunk behind its header."""
        chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        file = save(colour, "PNG", **({"exif": exif(3)} if kind == b"iTXt" and b"\0\1\0" in body else {}))
        return file[:33] + chunk + file[33:]

    def profile(orientation):
        block = exif(orientation)
        return b"\nexif\n%8d\n" % len(block) + block.hex().encode() + b"\n"

    xmp = b"XML:com.adobe.xmp"
    yield "raw-profile-6.png", text(b"tEXt", b"Raw profile type exif\0" + profile(6))
    yield "raw-profile-compressed-8.png", text(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile(8)))
    yield "xmp-5.png", text(b"iTXt", xmp + b"\0\0\0\0\0" + XMP % 5)
    yield "xmp-7-beside-exif-3.png", text(b"iTXt", xmp + b"\0\1\0\0\0" + zlib.compress(XMP % 7))
    yield "xmp-6.jpg", save(photo, "JPEG", quality=95, xmp=XMP % 6)
    yield "xmp-6.webp", save(colour, "WEBP", lossless=True, xmp=XMP % 6)
    again = colour.transpose(Image.Transpose.ROTATE_180)
    yield "animated.webp", save(colour, "WEBP", lossless=True, save_all=True, append_images=[again], duration=50)
    still = save(colour.convert("RGBA"), "WEBP", lossless=True)
    at = still.index(b"VP8L")
    frame = still[at:]

    def uint24(*values):
        return b"".join(struct.pack("<I", v)[:3] for v in values)

    head = uint24(2, 1, colour.width - 1, colour.height - 1, 100) + b"\0"  # at (4, 2) of a canvas of 31 x 22
    yield "animated-part.webp", writers.riff([(b"VP8X", b"\x12\0\0\0" + uint24(30, 21)), (b"ANIM", bytes(6)),
                                            (b"ANMF", head + frame), (b"ANMF", head + frame)])
