"""Compares what govulncheck says of the command with openvex.json.

    python scripts/supply/vulncheck.py [DATABASE]

DATABASE is a URL, or a folder that database.py wrote. Without it https://vuln.go.dev is
read; if that cannot be reached, the script says so and ends well. It fails if a package that is built into pgcli has an advisory that openvex.json
does not explain, if openvex.json explains one that does not concern the pinned version any
more, or if the pinned version is another one. Needs Python 3.11 and Go, and takes a minute.
"""

import json
import pathlib
import subprocess
import sys
import urllib.request

GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
MODULE = "github.com/ollama/ollama"


def messages(text):
    """Yields the JSON values of a text, one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value
        while at < len(text) and text[at].isspace():
            at += 1


def main(database=None):
    if not database:
        database = "https://vuln.go.dev"
        try:
            urllib.request.urlopen(database + "/index/db.json", timeout=20).close()
        except OSError as err:
            print(f"vulncheck: skipped: {database} cannot be reached: {err}")
            return
    if "://" not in database:
        database = pathlib.Path(database).resolve().as_uri()
    run = subprocess.run(["go", "run", GOVULNCHECK, "-format", "json", "-db", database, "./cmd/pgcli"], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"vulncheck: {run.stderr.strip()}")
    built, known, version = {}, set(), ""
    for m in messages(run.stdout.strip()):
        if f := m.get("finding"):
            where = f["trace"][0]
            known.add(f["osv"])
            if "package" in where or where["module"] == "stdlib":
                built[f["osv"]] = where.get("package", where["module"])
            if where["module"] == MODULE:
                version = where["version"]
    explained, pinned = set(), set()
    for s in json.loads(pathlib.Path("openvex.json").read_text())["statements"]:
        explained.add(s["vulnerability"]["name"])
        pinned |= {c["@id"] for p in s["products"] for c in p["subcomponents"]}
    wrong = [f"{osv} is about {package}, which is built in, and openvex.json does not explain it" for osv, package in sorted(built.items()) if osv not in explained]
    wrong += [f"openvex.json explains {osv}, which does not concern what is built any more" for osv in sorted(explained - known)]
    if pinned != {f"pkg:golang/{MODULE}@{version}"}:
        wrong.append(f"openvex.json is about {sorted(pinned)}, but {MODULE}@{version} is built in")
    for line in wrong:
        print(f"vulncheck: {line}", file=sys.stderr)
    print(f"vulncheck: {len(built)} advisories about packages that are built in, {len(explained)} explained, {len(wrong)} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main(*sys.argv[1:])
