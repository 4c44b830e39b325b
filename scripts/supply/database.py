"""Makes a database for govulncheck of a clone of Go's advisories, to check offline.

    git clone --depth 1 https://github.com/golang/vulndb build/vulndb
    python scripts/supply/database.py build/vulndb build/vulndb-v1

It writes https://go.dev/security/vuln/database#api: index/db.json, index/modules.json,
and ID/*.json. Needs Python 3.11 and git alone, and takes some seconds.
"""

import json
import pathlib
import subprocess
import sys


def advisories(clone):
    """Yields the advisories of the clone's newest commit."""
    git = ["git", "-C", clone]
    names = subprocess.run([*git, "ls-tree", "--name-only", "HEAD", "data/osv/"], check=True, capture_output=True, text=True).stdout.split()
    request = "".join(f"HEAD:{name}\n" for name in names)
    out = subprocess.run([*git, "cat-file", "--batch"], check=True, capture_output=True, input=request.encode()).stdout
    at = 0
    for _ in names:
        end = out.index(b"\n", at)
        size = int(out[at:end].split()[-1])
        yield json.loads(out[end + 1 : end + 1 + size])
        at = end + 1 + size + 1


def last_fixed(affected):
    """Returns the last version that fixes the module, or None."""
    events = [e for r in affected.get("ranges", []) for e in r["events"]]
    fixed = [e["fixed"] for e in events if "fixed" in e]
    return fixed[-1] if fixed and "fixed" in events[-1] else None


def main(clone, folder):
    when = subprocess.run(["git", "-C", clone, "log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"],
                          check=True, capture_output=True, text=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}).stdout.strip()
    folder = pathlib.Path(folder)
    (folder / "ID").mkdir(parents=True, exist_ok=True)
    (folder / "index").mkdir(exist_ok=True)
    modules = {}
    for a in advisories(clone):
        if "withdrawn" in a:
            continue
        a["modified"] = a["published"] = when  # the clone has zeros
        (folder / "ID" / (a["id"] + ".json")).write_text(json.dumps(a))
        for affected in a["affected"]:
            entry = {"id": a["id"], "modified": when}
            if fixed := last_fixed(affected):
                entry["fixed"] = fixed
            vulns = modules.setdefault(affected["package"]["name"], {})
            vulns.setdefault(a["id"], entry)
    index = [{"path": path, "vulns": list(vulns.values())} for path, vulns in sorted(modules.items())]
    (folder / "index" / "modules.json").write_text(json.dumps(index))
    (folder / "index" / "db.json").write_text(json.dumps({"modified": when}))


if __name__ == "__main__":
    main(*sys.argv[1:])
