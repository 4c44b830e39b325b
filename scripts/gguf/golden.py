"""Goldens of the Go package gguf, made by the Python package gguf and numpy.

    pip install -r scripts/gguf/requirements.txt
    python scripts/gguf/golden.py [DIR]                # writes the goldens to DIR, gguf/testdata by default
    python scripts/gguf/golden.py --read FILE          # prints, as JSON, the contents of a GGUF file as Python reads it

python_v2.gguf, python_v3.gguf   files with every kind of value and every tensor type; the .json
                                 beside each lists its contents
python_split-*.gguf              parts of a file; python_split.json lists the contents of that file, written whole
types.json                       every type's number, and elements and bytes of its blocks
float16.json                     hashes of all F16 and BF16 codes decoded, and of floats rounded to both

Floats are given by their bits and all values as strings, so that JSON cannot round them.
"""

import argparse
import hashlib
import json
import pathlib
import tempfile

import gguf
import ml_dtypes
import numpy as np

TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "gguf" / "testdata"
V = gguf.GGUFValueType
GO_NAMES = {V.UINT8: "uint8", V.INT8: "int8", V.UINT16: "uint16", V.INT16: "int16", V.UINT32: "uint32", V.INT32: "int32",
            V.UINT64: "uint64", V.INT64: "int64", V.FLOAT32: "float32", V.FLOAT64: "float64", V.BOOL: "bool", V.STRING: "string"}


def sha256(data) -> str:
    return hashlib.sha256(bytes(data)).hexdigest()


def spell(kind, part) -> str:
    """One value as a string. part is the numpy array in which the reader has it."""
    if kind == V.STRING:
        return bytes(part).decode()
    if kind == V.FLOAT32:
        return f"{part.view(np.uint32)[0]:08x}"
    if kind == V.FLOAT64:
        return f"{part.view(np.uint64)[0]:016x}"
    return str(part[0]).lower()


def read(path) -> dict:
    """The contents of a file as gguf.GGUFReader sees them."""
    reader = gguf.GGUFReader(path)
    keys, tensors = [], []
    for field in reader.fields.values():
        if field.name.startswith("GGUF."):
            continue
        array = field.types[0] == V.ARRAY
        kind = V(field.parts[3][0]) if array else field.types[0]
        keys.append({"name": field.name, "type": ("[]" if array else "") + GO_NAMES[kind],
                     "values": [spell(kind, field.parts[i]) for i in field.data]})
    for t in reader.tensors:
        tensors.append({"name": t.name, "type": t.tensor_type.name, "shape": [int(n) for n in t.shape],
                        "offset": int(t.data_offset), "size": int(t.n_bytes), "sha256": sha256(t.data.tobytes())})
    return {"sha256": sha256(pathlib.Path(path).read_bytes()), "version": int(reader.fields["GGUF.version"].parts[0][0]),
            "alignment": int(reader.alignment), "keys": keys, "tensors": tensors}


def write(path, version, alignment) -> None:
    """Writes a file with every kind of value and every tensor type."""
    gguf.gguf_writer.GGUF_VERSION = version
    w = gguf.GGUFWriter(path, "golden")
    if alignment:
        w.add_custom_alignment(alignment)
    for kind, values in {
        V.UINT8: [0, 255], V.INT8: [-128, 127], V.UINT16: [0, 65535], V.INT16: [-32768, 32767],
        V.UINT32: [0, 2**32 - 1], V.INT32: [-2**31, 2**31 - 1], V.UINT64: [0, 2**64 - 1], V.INT64: [-2**63, 2**63 - 1],
        V.FLOAT32: [-0.0, 3.4028234663852886e38], V.FLOAT64: [5e-324, -1.7976931348623157e308],
        V.BOOL: [False, True], V.STRING: ["", "▁naïve <loc0000> 🦙\n\x00."],
    }.items():
        for i, v in enumerate(values):
            w.add_key_value(f"scalar.{GO_NAMES[kind]}.{i}", v, kind)
        w.add_key_value(f"array.{GO_NAMES[kind]}", values * 3, V.ARRAY, kind)
    rng = np.random.default_rng(version)
    for t, (block, nbytes) in gguf.GGML_QUANT_SIZES.items():
        if t.name in LEFT_OUT:
            continue
        raw = rng.integers(0, 256, (3, 2 * nbytes), dtype=np.uint8)  # 3 rows of 2 blocks
        w.add_tensor(f"tensor.{t.name}", raw, raw_dtype=t)
    w.add_tensor("tensor.4d", rng.standard_normal((2, 3, 5, 7), dtype=np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_whole_and_parts(whole, parts) -> None:
    """Writes the same contents to one file and to parts, as llama.cpp's convert_hf_to_gguf.py --split-max-size does."""
    for path, limit in ((whole, 0), (parts, 256)):
        w = gguf.GGUFWriter(path, "golden", split_max_size=limit)
        w.add_name("parts")
        w.add_array("tokens", ["a", "b", "c"])
        for i, n in enumerate((40, 10, 24, 60, 3)):
            w.add_tensor(f"tensor.{i}", np.arange(n, dtype=np.float32) + i)
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()


# Types that Python knows and the pinned ggml does not. Q8_1 is left out because
# the package gives it blocks of 40 bytes, their size before ggml stored the two
# scales as halves.
LEFT_OUT = {"NVFP4", "Q1_0", "Q8_1"}


def types() -> dict:
    return {t.name: {"value": int(t), "block": block, "bytes": nbytes}
            for t, (block, nbytes) in gguf.GGML_QUANT_SIZES.items() if t.name not in LEFT_OUT}


def float16() -> dict:
    """Hashes over all codes and, for rounding, over a sweep around all ties; NaN is left out."""
    codes = np.arange(1 << 16, dtype=np.uint16)
    high = np.arange(1 << 19, dtype=np.uint32) << 13  # sign, exponent, 10 bits of mantissa
    low = np.array([0, 1, 0xFFF, 0x1000, 0x1001, 0x1FFF], dtype=np.uint32)
    sweep = (high[:, None] | low).ravel().view(np.float32)
    sweep = sweep[~np.isnan(sweep)]
    out = {}
    with np.errstate(over="ignore"):
        for name, dtype in {"f16": np.float16, "bf16": ml_dtypes.bfloat16}.items():
            decoded = codes.view(dtype).astype(np.float32)
            out[name] = {"decode": sha256(decoded[~np.isnan(decoded)].tobytes()),
                         "encode": sha256(sweep.astype(dtype).tobytes()), "swept": len(sweep)}
    return out


def spelled(value) -> str:
    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dir", nargs="?", type=pathlib.Path, default=TESTDATA, help="folder to write the goldens to")
    parser.add_argument("--read", metavar="FILE", help="only print the contents of a GGUF file as JSON")
    args = parser.parse_args()
    if args.read:
        print(spelled(read(args.read)), end="")
        return
    args.dir.mkdir(parents=True, exist_ok=True)
    for version, alignment in ((2, None), (3, 64)):
        path = args.dir / f"python_v{version}.gguf"
        write(path, version, alignment)
        path.with_suffix(".json").write_text(spelled(read(path)))
    with tempfile.TemporaryDirectory() as temp:
        whole = pathlib.Path(temp) / "whole.gguf"
        write_whole_and_parts(whole, args.dir / "python_split.gguf")
        (args.dir / "python_split.json").write_text(spelled(read(whole)))
    (args.dir / "types.json").write_text(spelled(types()))
    (args.dir / "float16.json").write_text(spelled(float16()))


if __name__ == "__main__":
    main()
