"""Writes Parquet files with pictures, as datasets and pyarrow write them, and their digests.

Needs requirements.txt. Run from the root of the repository:

    python scripts/parquet/golden.py

Writes batch/parquet/testdata/*.parquet and rows.json: for each file and column the
SHA-256 of each row's bytes as pyarrow reads them, null for a row without.
"""

import hashlib
import io
import json
import pathlib
import tempfile

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

OUT = pathlib.Path("batch/parquet/testdata")


def picture(n: int) -> bytes:
    """A PNG of 16 x 12 pixels, another for each n."""
    image = Image.new("RGB", (16, 12))
    image.putdata([(n * 40 % 256, x * 15, y * 20) for y in range(12) for x in range(16)])
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def digests(path: pathlib.Path, column: str) -> list:
    rows = []
    for value in pq.read_table(path).column(column).to_pylist():
        if isinstance(value, dict):
            value = value["bytes"]
        rows.append(None if value is None else hashlib.sha256(value).hexdigest())
    return rows


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*.*"):
        old.unlink()
    pictures = [picture(n) for n in range(7)]

    # As datasets writes a data set of pictures: groups of two rows.
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for n, data in enumerate(pictures):
            names.append(f"{folder}/{n}.png")
            pathlib.Path(names[-1]).write_bytes(data)
        rows = {"label": list(range(7)), "image": [{"bytes": p, "path": f"{n}.png"} for n, p in enumerate(pictures)]}
        features = datasets.Features({"label": datasets.Value("int64"), "image": datasets.Image()})
        datasets.Dataset.from_dict(rows, features=features).to_parquet(OUT / "datasets.parquet", batch_size=2)

    # Plain bytes, with rows that have none, and rows that are equal: a dictionary.
    some = [pictures[0], None, pictures[1], pictures[1], pictures[0], None, b""]
    table = pa.table({
        "photo": pa.array(some, pa.binary()),
        "caption": pa.array(["a"] * 7),
        "views": pa.array([[p] for p in pictures], pa.list_(pa.binary())),
        "nested": pa.array([{"front": p, "size": 3} for p in pictures], pa.struct([("front", pa.binary()), ("size", pa.int32())])),
    })
    pq.write_table(table, OUT / "dictionary.parquet", compression="zstd", row_group_size=4)

    # Each picture on a page of its own, of the format's second version.
    pq.write_table(pa.table({"image": pa.array(pictures, pa.large_binary())}), OUT / "pages.parquet", compression="snappy",
                   data_page_version="2.0", data_page_size=1, write_batch_size=1, use_dictionary=False, write_page_index=True)
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), OUT / "empty.parquet")

    # A column for each encoding and compression that pyarrow can write, with rows that have
    # none and rows that begin alike, in both versions of pages: some of two rows, of groups of six.
    many = [None if n % 7 == 3 else pictures[n % 5] + bytes([n]) for n in range(15)]
    columns = {f"{encoding}-{codec}": (encoding, codec) for encoding in ["PLAIN", "RLE_DICTIONARY", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]
               for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]}
    table = pa.table({name: pa.array(many, pa.binary()) for name in columns})
    for version in ["1.0", "2.0"]:
        pq.write_table(table, OUT / f"version-{version}.parquet", row_group_size=6, data_page_version=version, data_page_size=1, write_batch_size=2,
                       store_schema=False, write_statistics=False, compression={name: codec for name, (_, codec) in columns.items()},
                       use_dictionary=[name for name, (encoding, _) in columns.items() if encoding == "RLE_DICTIONARY"],
                       column_encoding={name: encoding for name, (encoding, _) in columns.items() if encoding != "RLE_DICTIONARY"})

    golden = {
        "datasets.parquet": {"image": digests(OUT / "datasets.parquet", "image")},
        "dictionary.parquet": {
            "photo": digests(OUT / "dictionary.parquet", "photo"),
            "nested.front": [hashlib.sha256(p).hexdigest() for p in pictures],
        },
        "pages.parquet": {"image": digests(OUT / "pages.parquet", "image")},
        "empty.parquet": {"image": []},
    }
    for version in ["1.0", "2.0"]:
        path = OUT / f"version-{version}.parquet"
        golden[path.name] = {name: digests(path, name) for name in columns}
    (OUT / "rows.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
