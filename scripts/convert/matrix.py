"""Adapters and base checkpoints of five years of transformers and PEFT, against pgcli.

    pip install -r scripts/convert/matrix/requirements.txt
    python scripts/convert/matrix.py DIR                  # the table, with bin/pgcli; 20 minutes
    python scripts/convert/matrix.py DIR --golden         # rewrites convert/testdata/peft.json; 3 minutes

DIR is a folder of your choice, with a folder of packages for each version below:

    pip install --target DIR/5.24.0 --no-deps -r scripts/convert/matrix/5.24.0.txt     # and so on

Every case makes an adapter with PEFT, changes all that trains, saves it, loads it again, and merges it. The state
dict of that, tensor by tensor, and its greedy answer, are compared with those of the file that pgcli converts. A
case that pgcli refuses shows the reason. The golden adapters hold values that the Go tests can compute too, so that
the file has their names and shapes only, and three scalar products of each tensor that a merge changes.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VERSIONS = ["4.44.2", "4.49.0", "4.52.4", "4.57.6", "5.24.0"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--only", default="", help="versions, separated by commas")
    parser.add_argument("--cases", default="", help="a part of the cases' names")
    args = parser.parse_args()
    golden, bad = {}, 0
    for version in args.only.split(",") if args.only else VERSIONS:
        env = dict(os.environ, PYTHONPATH=f"{args.dir / version}", TRANSFORMERS_VERBOSITY="error", HF_HUB_OFFLINE="1", PYTHONHASHSEED="0", OMP_NUM_THREADS="1")
        worker = subprocess.run(
            [sys.executable, HERE / "matrix_worker.py", args.dir / f"work-{version}", "golden" if args.golden else "table", args.cases],
            env=env, stdout=subprocess.PIPE, stderr=open(args.dir / f"{version}.log", "w"), text=True,
        )  # fmt: skip
        if worker.returncode != 0:
            sys.exit(f"{version}: the worker ended with {worker.returncode}; see {args.dir}/{version}.log")
        result = json.loads(worker.stdout.splitlines()[-1])
        if args.golden:
            golden[version] = result
            continue
        for name, row in result.items():
            bad += "DIFFERS" in row
            print(f"{version:8} {name:28} {row}", flush=True)
    if args.golden:
        cases = {f"{version} {name}": case for version, found in golden.items() for name, case in found.items()}
        lines = [json.dumps(name) + ":" + json.dumps(case, sort_keys=True, separators=(",", ":")) for name, case in cases.items()]
        text = "{\n" + ",\n".join(lines) + "\n}"
        (ROOT / "convert/testdata/peft.json").write_text(text + "\n")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
