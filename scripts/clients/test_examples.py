"""The examples in Python print the model's own answers."""

import os
import pathlib
import subprocess
import sys
import unittest

from server import PICTURE, ROOT, pgcli, serve, told


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.url = cls.enterClassContext(serve())

    def run_example(self, name, *arguments):
        program = [sys.executable, "-W", "ignore", ROOT / "examples" / name, PICTURE, *arguments]
        return subprocess.run(program, check=True, capture_output=True, text=True, env=os.environ | {"PGCLI_URL": self.url}).stdout

    def test_chat(self):
        self.assertEqual(self.run_example("chat.py", "caption en"), told("caption en")["text"] + "\n")

    def test_masks(self):
        lines = self.run_example("masks.py", "cross", "moon").splitlines()
        found = pgcli("segment", PICTURE, "cross", "moon")["objects"]
        self.assertEqual([line.split("  ")[:2] for line in lines], [[o["label"], f"{o['score']:.2f}"] for o in found])
        self.assertGreater(min(int(line.split("  ")[-1].split()[0]) for line in lines), 100)


if __name__ == "__main__":
    unittest.main()
