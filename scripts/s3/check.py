"""Lets pgcli batch read a bucket of moto, an independent server of S3's protocol.

Needs requirements.txt. Run from the root of the repository:

    python scripts/s3/check.py bin/pgcli

Puts 1,203 pictures into a bucket with boto3 (more than a page of a list has), one with a
name that must be escaped, and wants the records and answers of the same files in a folder.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import boto3
from moto.server import ThreadedMotoServer

pgcli = os.path.abspath(sys.argv[1])
scenes = sorted(pathlib.Path("cmd/pgcli/demo").glob("scene-*.jpg"))
server = ThreadedMotoServer(port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://127.0.0.1:{port}"
environment = {**os.environ, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint}
s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="id", aws_secret_access_key="secret")
s3.create_bucket(Bucket="pictures")


def records(folder: str, source: str, *more: str) -> list:
    out = f"{folder}/out-{len(os.listdir(folder))}.jsonl"
    done = subprocess.run([pgcli, "batch", source, "-p", "caption en", "-n", "4", "-o", out, *more], env=environment, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in open(out)]
    return [(r["image"].removeprefix("s3://pictures/"), r["sha256"], r["text"]) for r in rows]


with tempfile.TemporaryDirectory() as folder:
    names = [f"set/{n:04d}.jpg" for n in range(1200)] + ["set/ä b+c%20&=?.jpg", "set/deep/er.jpg", "set/z.jpg"]
    for n, name in enumerate(names):
        data = scenes[n % len(scenes)].read_bytes()
        s3.put_object(Bucket="pictures", Key=name, Body=data)
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    want = sorted(records(folder, "set"))
    got = sorted(records(folder, "s3://pictures/set/"))
    assert got == want and len(got) == len(names), (len(got), len(want), set(got) ^ set(want))
    few = records(folder, "s3://pictures/set/00", "--s3-endpoint", endpoint)
    assert [name for name, *_ in few] == names[:100], few[:3]
    for source, word in [("s3://nothing/x", "NoSuchBucket"), ("s3://pictures/none", "no pictures")]:
        failed = subprocess.run([pgcli, "batch", source, "-p", "ocr", "-o", f"{folder}/x"], env=environment, stderr=subprocess.PIPE, text=True)
        assert failed.returncode == 1 and word in failed.stderr, failed.stderr
server.stop()
print(f"{len(names)} pictures: the records of the bucket are those of the folder")
