"""Fetches the fake hub's model with huggingface_hub, into a cache or from one.

needs   pip install -r scripts/hub/requirements.txt
command make test-hub PYTHON=python, which starts the fake hub and calls this
writes  the cache that it is given

usage: share.py ENDPOINT CACHE [--local]    prints path, size and SHA-256 of each file
"""

import hashlib
import os
import pathlib
import sys

endpoint, cache = sys.argv[1:3]
os.environ["HF_ENDPOINT"] = endpoint
os.environ["HF_HUB_DISABLE_XET"] = "1"

from huggingface_hub import scan_cache_dir, snapshot_download  # noqa: E402, reads the variables above

folder = pathlib.Path(
    snapshot_download("maker/model", cache_dir=cache, local_files_only="--local" in sys.argv)
)
report = scan_cache_dir(cache)
if report.warnings:
    sys.exit(f"scan_cache_dir warns: {report.warnings}")
for path in sorted(folder.rglob("*")):
    if path.is_file():
        data = path.read_bytes()
        print(path.relative_to(folder).as_posix(), len(data), hashlib.sha256(data).hexdigest())
