"""Has other programs read what pgcli export writes, and keeps what they accepted.

    pip install -r scripts/formats/requirements.txt
    python scripts/formats/golden.py bin/pgcli

Exports batch/export/testdata/records.jsonl in each format and compares what the format's reader finds with the
records: COCO by pycocotools, Parquet by pyarrow, CVAT by datumaro, Label Studio by its SDK's validator and converter,
YOLO by supervision (and by Ultralytics, with --ultralytics, which needs PyTorch), CSV by Python's csv. If all agree,
the files are in batch/export/testdata/accepted, with which the tests compare the output of Go.
"""

import csv
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from pycocotools import mask as coco_mask

TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "batch/export/testdata"
RECORDS = [json.loads(line) for line in open(TESTDATA / "records.jsonl")]
SIZES = {r["image"]: (r["width"], r["height"]) for r in RECORDS if "width" in r}


def wanted():
    """Yields image, label, score, box in pixels (x0, y0, x1, y1) and mask, or None, of each object of the records."""
    for r in RECORDS:
        for i, o in enumerate(r.get("objects", [])):
            w, h = SIZES[r["image"]]
            b = o["box"]
            m = r.get("masks", [None] * 9)[i]
            yield r["image"], o["label"], o["score"], (b["x0"] * w, b["y0"] * h, b["x1"] * w, b["y1"] * h), m and coco_mask.decode(m)


WANTED = list(wanted())


def near(got, want, tolerance, what):
    assert np.allclose(got, want, rtol=0, atol=tolerance), f"{what}: {got}, want {want}"


def overlaps(points, mask, what):
    """Fills a polygon as OpenCV does, which draws its border and bridges too, and compares it with the mask."""
    import cv2

    filled = np.zeros(mask.shape, np.uint8)
    # Corners of pixels are whole numbers in our files, their centres in OpenCV.
    fixed = np.round((np.asarray(points, float).reshape(-1, 2) - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(filled, [fixed], 1, shift=4)
    both, any_ = (filled & mask).sum(), (filled | mask).sum()
    assert both / any_ > 0.93, f"{what}: the polygon overlaps the mask by {both / any_:.3f}"


def coco(path, _):
    from pycocotools.coco import COCO

    c = COCO(str(path))
    names = {i["id"]: i["file_name"] for i in c.dataset["images"]}
    assert {names[i]: (c.imgs[i]["width"], c.imgs[i]["height"]) for i in names} == SIZES
    anns = c.loadAnns(sorted(c.getAnnIds()))
    assert len(anns) == len(WANTED)
    for a, (image, label, score, (x0, y0, x1, y1), mask) in zip(anns, WANTED):
        assert (names[a["image_id"]], c.cats[a["category_id"]]["name"], a["score"]) == (image, label, score)
        near(a["bbox"], (x0, y0, x1 - x0, y1 - y0), 0.011, label)
        if mask is None:
            near(a["area"], (x1 - x0) * (y1 - y0), 1, label)
        else:
            assert (c.annToMask(a) == mask).all() and a["area"] == mask.sum(), label


def parquet(path, _):
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(path).to_pylist()
    assert len(rows) == len(RECORDS)
    for row, r in zip(rows, RECORDS):
        for k in ("key", "image", "prompt", "model"):
            assert row[k] == r[k], (row, r)
        assert (row["sha256"], row["text"], row["stop"], row["time"]) == (r.get("sha256"), r.get("text"), r.get("stop"), None)
        assert (row["width"], row["height"]) == (r.get("width", 0), r.get("height", 0))
        assert row["error"] == r.get("error"), row
        assert len(row["objects"]) == len(r.get("objects", []))
    objects = [o for row in rows for o in row["objects"]]
    for o, (_, label, score, box, mask) in zip(objects, WANTED):
        assert o["label"] == label and abs(o["score"] - score) < 1e-6
        near([o["x0"], o["y0"], o["x1"], o["y1"]], box, 0.0051, label)
        assert (o["mask"] is None) == (mask is None), label


def table(path, _):
    rows = list(csv.DictReader(open(path, newline="")))
    things = [r for r in rows if r["score"]]
    for row, (image, label, score, box, _) in zip(things, WANTED, strict=True):
        assert (row["image"], row["label"], float(row["score"])) == (image, label, score)
        near([float(row[k]) for k in ("x0", "y0", "x1", "y1")], box, 0.0051, label)
    assert len(rows) - len(things) == sum("objects" not in r for r in RECORDS)
    texts = [r["text"] for r in rows]
    assert "-5" in texts and not any(t.startswith("=") for t in texts)


def jsonl(path, _):
    assert [json.loads(line) for line in open(path)] == RECORDS


def finetune(path, _):
    got = [(e["image"], e["prefix"], e["suffix"]) for e in map(json.loads, open(path))]
    assert got == [(r["image"], r["prompt"], r["text"]) for r in RECORDS if "error" not in r]


def cvat(path, tmp):
    import datumaro

    shutil.copytree(TESTDATA / "pictures", tmp / "images")
    shutil.copy(path, tmp / "annotations.xml")
    data = datumaro.Dataset.import_from(str(tmp), "cvat")
    names = [label.name for label in data.categories()[datumaro.AnnotationType.label].items]
    got = [(item.id, a) for item in data for a in item.annotations]
    for (image, a), (want, label, _, box, mask) in zip(got, WANTED, strict=True):
        assert (image, names[a.label]) == (want[: want.rindex(".")], label)
        if mask is None:
            near(a.points, box, 0.0051, label)
        else:
            overlaps(a.points, mask, f"CVAT, {label}")


def label_studio(path, tmp):
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    config, tasks = (path / "config.xml").read_text(), json.loads((path / "tasks.json").read_text())
    interface = LabelInterface(config)
    for n, task in enumerate(tasks):
        for p in task["predictions"]:
            errors = interface.validate_prediction(p, return_errors=True)
            assert not errors, errors
        task["id"], task["annotations"] = n, [{"id": n, "result": task.pop("predictions")[0]["result"]}]
    texts = [r["value"]["text"] for t in tasks for r in t["annotations"][0]["result"] if r["type"] == "textarea"]
    assert texts == [[r["text"] for r in RECORDS if r["image"] == i and "objects" not in r and "text" in r] for i in SIZES]
    (tmp / "in").mkdir()
    (tmp / "in/tasks.json").write_text(json.dumps(tasks))
    Converter(config, str(tmp), download_resources=False).convert_to_coco(str(tmp / "in"), str(tmp / "out"), output_image_dir=str(tmp / "images"))
    made = json.loads((tmp / "out/result.json").read_text())
    names = {c["id"]: c["name"] for c in made["categories"]}
    for a, (_, label, _, (x0, y0, x1, y1), mask) in zip(made["annotations"], WANTED, strict=True):
        assert names[a["category_id"]] == label
        if mask is None:
            near(a["bbox"], (x0, y0, x1 - x0, y1 - y0), 0.01, label)
        else:
            overlaps(a["segmentation"][0], mask, f"Label Studio, {label}")


def yolo(path, _):
    """supervision's reader keeps no order of pictures, but that of objects."""
    import supervision

    masks = path.name == "yolo-seg"
    data = supervision.DetectionDataset.from_yolo(str(path / "images/train"), str(path / "labels/train"), str(path / "data.yaml"), force_masks=masks)
    by_size = {}
    for name, image, found in data:
        by_size[image.shape[1], image.shape[0]] = found
    assert set(by_size) == set(SIZES.values()), by_size
    for image, size in SIZES.items():
        want = [w for w in WANTED if w[0] == image]
        found = by_size[size]
        assert [data.classes[c] for c in found.class_id] == [w[1] for w in want]
        for i, (_, label, _, box, mask) in enumerate(want):
            if mask is None or not masks:
                near(found.xyxy[i], box, 1.01 if masks else 0.01, label)
            else:
                both, any_ = (found.mask[i] & mask).sum(), (found.mask[i] | mask).sum()
                assert both / any_ > 0.88, f"yolo, {label}: {both / any_:.3f}"  # it rounds to whole pixels


def ultralytics(path, tmp):
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    masks = path.name == "yolo-seg"
    copy = tmp / "set"  # it writes a cache into it
    shutil.copytree(path, copy)
    info = check_det_dataset(str(copy / "data.yaml"), autodownload=False)
    data = YOLODataset(img_path=info["train"], data=info, task="segment" if masks else "detect", augment=False)
    by_size = {tuple(reversed(x["shape"])): x for x in data.labels}
    assert set(by_size) == set(SIZES.values()), by_size
    for image, size in SIZES.items():
        want = [w for w in WANTED if w[0] == image]
        x = by_size[size]
        assert [info["names"][int(c)] for c in x["cls"][:, 0]] == [w[1] for w in want]
        for i, (_, label, _, (x0, y0, x1, y1), mask) in enumerate(want):
            w, h = size
            if mask is None or not masks:
                near(x["bboxes"][i], ((x0 + x1) / 2 / w, (y0 + y1) / 2 / h, (x1 - x0) / w, (y1 - y0) / h), 1e-5, label)
            else:
                overlaps(x["segments"][i] * size, mask, f"ultralytics, {label}")


READERS = {"coco": coco, "csv": table, "cvat": cvat, "finetune": finetune, "jsonl": jsonl, "label-studio": label_studio,
           "parquet": parquet, "yolo": yolo, "yolo-seg": yolo}


def main():
    pgcli, readers = sys.argv[1], READERS
    if "--ultralytics" in sys.argv:
        readers = {"yolo": ultralytics, "yolo-seg": ultralytics}
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        for name, read in readers.items():
            (tmp / "work" / name).mkdir(parents=True)
            subprocess.run([pgcli, "export", TESTDATA / "records.jsonl", "--to", name, "-o", tmp / name, "--pictures", TESTDATA / "pictures"], check=True)
            read(tmp / name, tmp / "work" / name)
            print(f"{name}: read as it is meant by {read.__name__}")
        if readers is not READERS:
            return
        accepted = TESTDATA / "accepted"
        shutil.rmtree(accepted, ignore_errors=True)
        shutil.copytree(tmp, accepted, ignore=shutil.ignore_patterns("work", "images"))


main()
