"""Outlines things in a picture and reads them with supervision: python masks.py photo.jpg cat dog"""

import os
import sys

import requests
import supervision as sv

path, labels = sys.argv[1], sys.argv[2:]
url = os.environ.get("PGCLI_URL", "http://127.0.0.1:9931")
with open(path, "rb") as f:
    answer = requests.post(
        url + "/v1/segment", files={"image": f}, data={"labels": labels, "format": "roboflow", "masks": "rle"}, timeout=120
    )
answer.raise_for_status()
found = sv.Detections.from_inference(answer.json())
for name, score, box, area in zip(found["class_name"], found.confidence, found.xyxy, found.area):
    print(f"{name}  {score:.2f}  {box.round().astype(int).tolist()}  {int(area)} pixels")
