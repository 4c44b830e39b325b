"""Compares the SBOMs of a release with the modules that the go command links.

    python3 packaging/sbom.py build/dist

For each SBOM go list says which modules pgcli has on that system, with their
versions; the SBOM must have these and Go's own packages, and no others.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path


def linked(system, processor, cgo):
    """Returns (module, version) of all that is linked into pgcli."""
    form = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}"
    env = dict(os.environ, GOOS=system, GOARCH=processor, CGO_ENABLED=cgo)
    out = subprocess.run(["go", "list", "-deps", "-f", form, "./cmd/pgcli"], env=env, check=True, capture_output=True, text=True)
    go = subprocess.run(["go", "env", "GOVERSION"], check=True, capture_output=True, text=True).stdout.strip()
    return {tuple(line.split()) for line in out.stdout.splitlines() if line} | {("std", go)}


def main(folder):
    files = sorted(Path(folder).glob("*.sbom.json"))
    if len(files) != 9:
        sys.exit(f"sbom.py: {folder} has {len(files)} SBOMs, want 9: make release-snapshot makes them")
    wrong = False
    for file in files:
        name = re.fullmatch(r"pgcli(-ggml)?_.*_(linux|windows|darwin)_(amd64|arm64)\.sbom\.json", file.name)
        has = {(c["name"], c.get("version")) for c in json.loads(file.read_text())["components"]}
        want = linked(name[2], name[3], "1" if name[1] else "0")
        wrong |= has != want
        print(f"{file.name}: {len(has)} modules", *sorted(f"lacks {m}" for m in want - has), *sorted(f"has too {m}" for m in has - want))
    sys.exit(wrong)


if __name__ == "__main__":
    main(sys.argv[1])
