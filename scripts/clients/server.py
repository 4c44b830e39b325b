"""Starts pgcli serve for the checks, and asks the command itself for the answers that clients must get."""

import contextlib
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PGCLI = ROOT / "bin" / "pgcli"
PICTURE = ROOT / "cmd" / "pgcli" / "demo" / "scene-05.jpg"


@contextlib.contextmanager
def serve(*flags):
    """Yields the address of a server with the embedded model."""
    command = [PGCLI, "serve", "--listen", "127.0.0.1:0", "--alias", "tiny", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            assert server.wait(60) == 0, "the server did not end well"


def pgcli(*arguments):
    """Returns the object that a command of pgcli prints with --json."""
    out = subprocess.run([PGCLI, *arguments, "--json"], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def told(prompt, *flags):
    """Returns the answer to a prompt, without a server."""
    return pgcli("run", "--image", PICTURE, "--prompt", prompt, *flags)
