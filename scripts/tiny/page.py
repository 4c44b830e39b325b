"""Draws the example pictures of the page of pgcli serve, which are held-out scenes.

    python scripts/tiny/page.py --out server/page
"""

import argparse
import pathlib

from PIL import Image

import heldout
import scenes

PICTURES = [57, 75, 90, 94]  # numbers of held-out scenes; server/page/tasks.js has a question about each


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True)
    out = pathlib.Path(parser.parse_args().out)
    for i in PICTURES:
        image, _ = scenes.render(scenes.compose(heldout.FIRST + i), heldout.SIDE)
        Image.fromarray(image).save(out / f"scene-{i:02d}.jpg", quality=90)


if __name__ == "__main__":
    main()
