"""Goldens of package convert, made without any of its code.

    pip install -r scripts/convert/requirements.txt
    python scripts/convert/golden.py          # rewrites convert/testdata

The script computes the weights of two tiny models in numpy, derives the tensors
that a GGUF file of each must hold, and writes their hashes to convert/testdata/.
Then it writes the same models as checkpoints with the packages safetensors and
numpy, lets the Go test TestPython convert them, and reads the results with the
package gguf.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np

from adapter import write_adapter
from models import DTYPES, TINY, expected, hf_model, npz_model, plain, save_safetensors, weights

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "convert" / "testdata"


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def goldens():
    table = {}
    for family in TINY:
        for dtype in DTYPES:
            arrays, names = hf_model(family, dtype)
            table[f"{family} {dtype}"] = {k: sha(x) for k, x in expected(family, arrays, names).items()}
    arrays, names = hf_model("gemma", "f32")
    merged = write_adapter(TESTDATA / "adapter", arrays)
    table["gemma f32 adapter"] = {k: sha(x) for k, x in expected("gemma", merged, names).items()}
    write_json(TESTDATA / "tiny.json", table)
    return table


def reader_files():
    """Small files that safetensors and numpy write, and a list of their contents."""
    contents, arrays = {}, {}
    for dtype, kind in DTYPES.items():
        for shape in [(1,), (3, 5), (2, 3, 4)]:
            name = f"{dtype}/{'x'.join(map(str, shape))}"
            arrays[name] = weights(name, int(np.prod(shape))).reshape(shape).astype(kind)
            contents[name] = {"type": dtype, "shape": shape, "sha256": sha(arrays[name])}
    write_json(TESTDATA / "reader.json", contents)
    save_safetensors(TESTDATA / "reader.safetensors", arrays)
    np.savez(TESTDATA / "reader-stored.npz", **{k: plain(x) for k, x in arrays.items()})
    np.savez_compressed(TESTDATA / "reader-deflated.npz", **{"params/" + k: plain(x) for k, x in arrays.items()}, **{"opt/count": np.int32(3)})
    np.savez(TESTDATA / "reader-fortran.npz", x=np.asfortranarray(arrays["f32/3x5"]))


def write_checkpoints(directory):
    """Checkpoints that safetensors and numpy write, for TestPython."""
    for family in TINY:
        for dtype in DTYPES:
            arrays, _ = hf_model(family, dtype)
            hf = directory / f"{family} {dtype} hf"
            hf.mkdir()
            save_safetensors(hf / "model.safetensors", arrays)
            d = TINY[family]
            config = {"model_type": "paligemma", "text_config": {"head_dim": d["h"]}, "vision_config": {"num_attention_heads": d["A"]}}
            write_json(hf / "config.json", config)
            save = np.savez_compressed if dtype == "f16" else np.savez
            save(directory / f"{family} {dtype}.npz", **{k: plain(x) for k, x in npz_model(family, arrays).items()})


def check(directory, table):
    """Compares every tensor of the files that TestPython converted with the expected one."""
    read = 0
    for path in sorted(directory.glob("*.gguf")):
        reader = gguf.GGUFReader(path)
        case, kind = path.stem.rsplit(" ", 1)
        family, dtype, *_ = case.split(" ")
        arrays, names = hf_model(family, dtype.removesuffix(".npz"))
        want = expected(family, arrays, names)
        assert {t.name for t in reader.tensors} == set(want), path
        for t in reader.tensors:
            x = want[t.name]
            assert list(t.shape) == list(reversed(x.shape)), (path, t.name)
            exact = t.tensor_type.name in ("F32", "BF16", "F16", "Q8_0", "Q4_0", "Q5_0")
            if exact:
                same = np.array_equal(gguf.quantize(x, t.tensor_type).view(np.uint8), np.ascontiguousarray(t.data).view(np.uint8))
                assert same, (path.name, t.name, t.tensor_type.name)
            else:
                error = gguf.dequantize(t.data, t.tensor_type).reshape(x.shape) - x
                nmse = float((error**2).sum() / (x**2).sum())
                assert nmse < 0.2, (path.name, t.name, t.tensor_type.name, nmse)
        assert reader.get_field("general.architecture").contents() == "paligemma"
        assert reader.get_field("paligemma.family").contents() == family
        assert len(reader.get_field("tokenizer.ggml.tokens").data) == TINY[family]["V"]
        read += 1
    print(f"the gguf package read {read} files")
    assert read >= 18


def main():
    TESTDATA.mkdir(exist_ok=True)
    table = goldens()
    reader_files()
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        write_checkpoints(directory)
        command = ["go", "test", "-count=1", "-run", "^TestPython$", "-v", "./convert"]
        subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"CONVERT_PYTHON": name})
        check(directory, table)


if __name__ == "__main__":
    sys.exit(main())
