"""Writes metadata of imagefolders, and the pictures that datasets finds by them.

Needs requirements.txt. Run from the root of the repository:

    python scripts/parquet/imagefolder.py

Writes batch/testdata/imagefolder.json: for each case the name and the bytes of the metadata, and the paths of the pictures
relative to the folder, in the order of datasets; null where datasets fails.
"""

import base64
import io
import json
import pathlib
import tempfile

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

OUT = pathlib.Path("batch/testdata/imagefolder.json")


def table(column: pa.Array, **more) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": ["x"] * len(column), "file_name": column}), out, **more)
    return out.getvalue()


NAMES = ["a.jpg", "sub/b c.png", "ä.jpg"]
CASES = {
    "lines": ("metadata.jsonl", b'{"file_name": "a.jpg", "text": "x"}\n\n{"text": "y", "file_name": "sub/b c.png"}'),
    "lines without names": ("metadata.jsonl", b'{"image": "a.jpg"}\n'),
    "lines with numbers": ("metadata.jsonl", b'{"file_name": 1}\n'),
    "lines from Windows": ("metadata.jsonl", b'{"file_name": "sub\\\\b.jpg"}\r\n{"file_name": "./a.jpg"}\r\n'),
    "table": ("metadata.csv", b"file_name,text\na.jpg,x\nsub/b c.png,y\n"),
    "table with the names last": ("metadata.csv", b"text,file_name\nx,a.jpg\n"),
    "table with quotes": ("metadata.csv", b'"file_name","text"\n"a, b.jpg","a ""text""\nof two lines"\nb.jpg,"x"\n'),
    "table from Windows": ("metadata.csv", b"\xef\xbb\xbffile_name,text\r\nsub\\b.jpg,x\r\n\r\na.jpg,y\r\n"),
    "table with short rows": ("metadata.csv", b"file_name,text,more\na.jpg\nb.jpg,x\n"),
    "table with a long row": ("metadata.csv", b"file_name,text\na.jpg,x\nb.jpg,y,z\n"),
    "table with one column": ("metadata.csv", b"file_name\na.jpg\n   \nb.jpg\n"),
    "table with a name twice": ("metadata.csv", b"file_name,text\na.jpg,x\na.jpg,y\n"),
    "table without names": ("metadata.csv", b"image,text\na.jpg,x\n"),
    "table without a name": ("metadata.csv", b"file_name,text\na.jpg,x\n,y\n"),
    "table with semicolons": ("metadata.csv", b"file_name;text\na.jpg;x\n"),
    "table with an open quote": ("metadata.csv", b'file_name,text\na.jpg,"x\nb.jpg,y\n'),
    "table that is not UTF-8": ("metadata.csv", b"file_name,text\n\xe4.jpg,x\n"),
    "empty table": ("metadata.csv", b""),
    "columns": ("metadata.parquet", table(pa.array(NAMES))),
    "columns with a dictionary": ("metadata.parquet", table(pa.array(NAMES * 3, pa.large_string()), compression="zstd", row_group_size=2)),
    "columns without a dictionary": ("metadata.parquet", table(pa.array(NAMES), use_dictionary=False, data_page_version="2.0")),
    "columns of numbers": ("metadata.parquet", table(pa.array([1, 2]))),
    "columns without a name": ("metadata.parquet", table(pa.array(["a.jpg", None]))),
}


def found(name: str, data: bytes, cache: str):
    """Returns the pictures that datasets finds; None if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder).resolve()
        (folder / name).write_bytes(data)
        try:
            rows = datasets.load_dataset("imagefolder", data_files=str(folder / name), split="train", cache_dir=cache)
            rows = rows.cast_column("image", datasets.Image(decode=False))
            return [str(pathlib.Path(row["path"]).relative_to(folder)) for row in rows["image"]]
        except Exception as error:  # whatever it is, nothing was found
            print(f"{name}: {type(error).__name__}: {str(error)[:100]!r}")
            return None


def main() -> None:
    cases = {}
    for case, (name, data) in CASES.items():
        with tempfile.TemporaryDirectory() as cache:
            cases[case] = {"file": name, "data": base64.b64encode(data).decode(), "names": found(name, data, cache)}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")


main()
