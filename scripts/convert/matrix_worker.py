"""One version's part of matrix.py, which starts it with that version on PYTHONPATH."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import warnings

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from matrix_cases import CASES, MENDED, METHODS
from matrix_model import MODEL, loaded, synthetic, tensors, tiny
from models import hf_model, weights

warnings.simplefilter("ignore")
import peft  # noqa: E402
from transformers import PaliGemmaConfig, PaliGemmaForConditionalGeneration  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = pathlib.Path(sys.argv[1]).resolve()
GOLDEN, PART = sys.argv[2] == "golden", sys.argv[3]
PROBES = 3


def base():
    return synthetic() if GOLDEN else tiny()


# ---- the adapters


def make(name, directory):
    """Saves the adapter of a case, after changing all that trains."""
    if name in METHODS:
        cls, options = METHODS[name]
        config = getattr(peft, cls)(**options)
    else:
        config = peft.LoraConfig(**{"r": 2, "lora_alpha": 4, **CASES[name]})
    torch.manual_seed(0)
    shutil.rmtree(directory, ignore_errors=True)
    model = peft.get_peft_model(base(), config)
    torch.manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(torch.randn_like(p) * 0.05)
    model.save_pretrained(directory)


def refill(directory):
    """Gives the adapter's arrays values that Go can compute. Returns names, shapes and the names that the values come from."""
    path = directory / "adapter_model.safetensors"
    arrays, listed = load_file(path), {}
    embedding = torch.from_numpy(hf_model("gemma", "f32")[0]["language_model.model.embed_tokens.weight"])
    for name, x in arrays.items():
        seed = name
        if x.shape == embedding.shape and torch.equal(x, embedding):
            seed = "token_embd.weight"
        elif name.endswith("lm_head.weight"):
            seed = next((k for k in arrays if k.endswith("embed_tokens.weight") and torch.equal(arrays[k], x)), name)
        listed[name] = [list(x.shape), seed] if seed != name else [list(x.shape)]
        arrays[name] = torch.from_numpy(weights(seed, x.numel())).reshape(x.shape)
    save_file({k: v.clone() for k, v in arrays.items()}, path, {"format": "pt"})
    return listed


def outdated(name):
    """Whether this version of PEFT merges the case wrongly."""
    return name in MENDED and tuple(map(int, peft.__version__.split(".")[:2])) < tuple(map(int, MENDED[name].split(".")))


def merge(directory):
    return peft.PeftModel.from_pretrained(base(), directory).merge_and_unload()


# ---- pgcli


def convert(source, *flags):
    out = WORK / "out.gguf"
    command = [ROOT / "bin/pgcli", "convert", source, "-o", out, "--type", "f32", "--force", *flags]
    p = subprocess.run(command, capture_output=True, text=True)
    lines = [line.strip() for line in re.split(r"[\r\n]+", p.stderr) if re.match(r"pgcli: (note|convert): ", line)]
    return (out if p.returncode == 0 else None), " ".join(lines).replace(f"{WORK}/", "")


def differences(path, want):
    """The names of tensors that differ by more than rounding, and the largest difference of the others."""
    from gguf import GGUFReader

    got = {t.name: np.array(t.data).reshape(tuple(reversed([int(n) for n in t.shape]))) for t in GGUFReader(path).tensors}
    bad, largest = sorted(set(got) ^ set(want)), 0.0
    for name in set(got) & set(want):
        scale = max(1e-6, float(np.abs(want[name]).max()))
        d = float(np.abs(got[name] - want[name].reshape(got[name].shape)).max()) / scale
        if d > 1e-5 or not np.isfinite(d):
            bad.append(name)
        else:
            largest = max(largest, d)
    return bad, largest


def ours(path):
    """The greedy ids of pgcli, and their log-probabilities."""
    command = [ROOT / "bin/pgcli", "run", "-m", path, "--image", WORK / "scene.png", "-p", "caption en", "--json", "-n", "8", "--kernels", "off", "--cache-type", "f32"]  # fmt: skip
    tokens = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["tokens"]
    return [(t["id"], t["logprob"]) for t in tokens]


def theirs(model):
    import sentencepiece
    from PIL import Image
    from transformers import SiglipImageProcessor

    processor = SiglipImageProcessor(size={"height": 112, "width": 112}, resample=3, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    picture = Image.open(ROOT / "cmd/pgcli/demo/scene-38.jpg").convert("RGB")
    picture.save(WORK / "scene.png")
    pixels = processor(picture, return_tensors="pt").pixel_values
    prompt = sentencepiece.SentencePieceProcessor(model_file=str(MODEL / "tokenizer.model")).encode("caption en\n")
    ids = torch.tensor([[1792] * 64 + [2] + prompt])
    with torch.no_grad():
        answer = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), token_type_ids=torch.zeros_like(ids), pixel_values=pixels, do_sample=False,
            max_new_tokens=8, eos_token_id=1, suppress_tokens=list(range(1792, model.config.text_config.vocab_size)),
            output_scores=True, return_dict_in_generate=True,
        )  # fmt: skip
    found = []
    for scores in answer.scores:
        best = int(scores[0].argmax())
        if best == 1:  # <eos>, which pgcli does not list
            break
        found.append((best, float(scores[0].log_softmax(-1)[best])))
    return found


def judge(path, note, model):
    bad, largest = differences(path, tensors(model, GOLDEN))
    if bad:
        return f"DIFFERS in {len(bad)} tensors, such as {bad[0]} {note}"
    want = theirs(model)
    got = ours(path)
    if [t for t, _ in got] != [t for t, _ in want] or max(abs(a - b) for (_, a), (_, b) in zip(got, want)) > 2e-2:
        return f"ANSWER DIFFERS: {got} for {want}"
    return f"equal within {largest:.0e}, same {len(got)} tokens {note}"


# ---- the rows


def with_tokenizer(directory):
    for name in ("tokenizer.model", "preprocessor_config.json"):
        shutil.copy(MODEL / name, directory)
    return directory


def checkpoints():
    """Base checkpoints as this version writes them."""
    from safetensors.torch import save_model

    def saved(name, change=lambda model: None):
        directory = WORK / name
        shutil.rmtree(directory, ignore_errors=True)
        model = tiny()
        change(model)
        model.save_pretrained(directory)
        return with_tokenizer(directory)

    yield "base", saved("base")
    directory = saved("save_model")
    save_model(tiny(), str(directory / "model.safetensors"), {"format": "pt"})
    yield "base, save_model", directory
    directory = saved("shards")
    (directory / "model.safetensors").unlink()
    tiny().save_pretrained(directory, max_shard_size="4MB")
    yield "base, shards", directory


def table():
    rows = {}
    for name, directory in checkpoints():
        if PART in name:
            path, note = convert(directory)
            rows[name] = judge(path, note, tiny()) if path else f"refused: {note}"
            head = loaded(directory).get_output_embeddings().weight
            if head.is_meta or not torch.equal(head, tiny().get_output_embeddings().weight):
                rows[name] += "(this transformers loses the embedding itself)"
    for name in [*CASES, *METHODS]:
        if PART not in name:
            continue
        directory = WORK / "adapter"
        shutil.rmtree(directory, ignore_errors=True)
        try:
            make(name, directory)
            model = merge(directory)
        except Exception as error:  # noqa: BLE001  PEFT's own refusals are of every class
            model = None
            first = (str(error).splitlines() or [""])[0]
            rows[name] = f"PEFT: {type(error).__name__}: {first[:90]}"
            if not (directory / "adapter_model.safetensors").exists():
                continue
        path, note = convert(MODEL, "--lora", directory)
        if path is None:
            rows[name] = f"refused: {note}"
        elif model is not None:
            rows[name] = judge(path, note, model)
            if outdated(name):
                rows[name] = f"not PEFT's {peft.__version__}, whose merge is mended in {MENDED[name]}: {rows[name].lower()}"
        else:
            rows[name] += f" | pgcli converts {note}"
    return rows


def goldens():
    """Per case: adapter_config.json, arrays, and scalar products of the tensors that the merge changes."""
    before, found = tensors(base(), GOLDEN), {}
    for name in [*CASES, *METHODS]:
        if outdated(name):
            continue
        if name == "embedding, tied":  # the head's matrices are the embedding's, transposed: no values that Go makes by name
            continue
        directory = WORK / "golden"
        try:
            make(name, directory)
            arrays = refill(directory)
        except Exception:  # noqa: BLE001  this version has no such option
            continue
        try:
            merged = tensors(merge(directory), GOLDEN)
        except Exception:  # noqa: BLE001  PEFT refuses too
            merged = before
        config = json.loads((directory / "adapter_config.json").read_text())
        config.pop("base_model_name_or_path", None)
        products = {}
        for k, x in merged.items():
            if k not in before or not np.array_equal(x, before[k]):
                flat = x.astype(np.float64).ravel()
                products[k] = [float(f"{flat @ weights(f'probe {i}', flat.size).astype(np.float64):.12g}") for i in range(PROBES)]
        found[name] = {"config": config, "arrays": arrays, "products": products}
    return found


WORK.mkdir(parents=True, exist_ok=True)
print(json.dumps(goldens() if GOLDEN else table()))
