"""Reads a PowerShell script with a grammar of PowerShell: the script of pgcli completion powershell.

    pgcli completion powershell | python packaging/powershell.py

Needs packaging/requirements.txt. PowerShell itself is not needed, so the script does not run:
only that it is one, and that no command is named twice, is checked.
"""

import sys

import tree_sitter_powershell
from tree_sitter import Language, Parser


def nodes(node):
    """Yields a node and all below it."""
    yield node
    for child in node.children:
        yield from nodes(child)


def faults(source):
    tree = list(nodes(Parser(Language(tree_sitter_powershell.language())).parse(source).root_node))
    for n in tree:
        if n.type == "ERROR" or n.is_missing:
            yield f"line {n.start_point[0] + 1}: {source[n.start_byte:n.end_byte][:60]!r}"
    keys = [n.text.lower() for n in tree if n.type == "key_expression"]
    if len(keys) < 10 or len(set(keys)) < len(keys):
        yield f"commands {sorted(keys)}, want each once"


def main():
    source = sys.stdin.buffer.read()
    if not list(faults(source.replace(b"@{", b"", 1))):
        sys.exit("powershell.py: a script without @{ passes, too: the check finds nothing")
    found = list(faults(source))
    for fault in found:
        print(f"powershell.py: {fault}", file=sys.stderr)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
