"""Has Label Studio itself import what pgcli export writes, and reads its tasks back.

    pip install label-studio==1.23.2
    python scripts/formats/labelstudio.py http://localhost:8080 TOKEN

for a server that label-studio start --enable-legacy-api-token --user-token TOKEN has started. Makes a project with the
labelling interface in batch/export/testdata/accepted/label-studio, imports the tasks beside it, and compares what the
server has: pictures, prompts, and of each prediction the score, the model and all results. Then it makes annotations of
them, as a person does who accepts them, and compares the server's own export in COCO's form.
"""

import io
import json
import pathlib
import sys
import urllib.request
import xml.etree.ElementTree
import zipfile

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "batch/export/testdata/accepted/label-studio"
SERVER, TOKEN = sys.argv[1].rstrip("/"), sys.argv[2]


def ask(method: str, path: str, body=None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(SERVER + path, data, {"Authorization": "Token " + TOKEN, "Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


def main() -> None:
    tasks = json.loads((FOLDER / "tasks.json").read_text())
    project = json.loads(ask("POST", "/api/projects", {"title": "pgcli export", "label_config": (FOLDER / "config.xml").read_text()}))["id"]
    made = json.loads(ask("POST", f"/api/projects/{project}/import?return_task_ids=1", tasks))
    assert (made["task_count"], made["prediction_count"]) == (len(tasks), len(tasks)), made
    for number, want in zip(sorted(made["task_ids"]), tasks, strict=True):
        got = json.loads(ask("GET", f"/api/tasks/{number}"))
        assert got["data"] == want["data"], got["data"]
        (prediction,), (meant,) = got["predictions"], want["predictions"]
        assert prediction["result"] == meant["result"], prediction
        assert (prediction["score"], prediction["model_version"]) == (meant["score"], meant["model_version"]), prediction
        ask("POST", f"/api/tasks/{number}/annotations/", {"result": prediction["result"]})
    archive = zipfile.ZipFile(io.BytesIO(ask("GET", f"/api/projects/{project}/export?exportType=COCO&download_resources=false")))
    coco = json.loads(archive.read("result.json"))
    names = {c["id"]: c["name"] for c in coco["categories"]}
    offered = {e.get("value") for e in xml.etree.ElementTree.parse(FOLDER / "config.xml").iter("Label")}
    assert set(names.values()) == offered, f"the interface offers {offered}, and the objects have {set(names.values())}"
    labels = [r["value"][r["type"]][0] for t in tasks for r in t["predictions"][0]["result"] if r["type"] != "textarea"]
    assert sorted(names[a["category_id"]] for a in coco["annotations"]) == sorted(labels), coco["annotations"]
    print(f"{len(tasks)} tasks, {len(labels)} objects: imported, read back and exported as they were written")
    ask("DELETE", f"/api/projects/{project}")


main()
