"""Draws the faces that ship as pictures: invented people by the portrait model, of whom the ones to keep are named.

    python -m training.portraits.gallery --work WORK --draw 72
    python -m training.portraits.gallery --work WORK --keep 0,1,4,… --to workbench/weights/portraits_of_nobody.jpg

Drawn ones lie in WORK/gallery as PNG, by number; --keep writes the sheet, eight beside each other, and its hash.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from workbench import marks
from workbench.bench import Workbench
from workbench.generation.packing import invented
from workbench.images import encode_jpeg
from workbench.models.portraits.gallery import COLUMNS
from workbench.portraits import Recipe
from workbench.sources.fetching import sha256

QUALITY, SEED, GUIDANCE = 88, 11, 1.5


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--draw", type=int, default=0)
    options.add_argument("--keep", default="")
    options.add_argument("--to", type=Path)
    given = options.parse_args()
    folder = given.work / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    if given.draw:
        bench = Workbench.from_env()
        model, recogniser = bench.model("appearance-portrait-256"), bench.recogniser("dlib")
        vectors = invented(given.draw, 0, "dlib", recogniser, seed=SEED).astype(np.float32)
        for number, vector in enumerate(vectors):
            target = folder / f"{number:03d}.png"
            if not target.is_file():
                Image.fromarray(model(vector[None], Recipe(SEED + number, 0, GUIDANCE))[0]).save(target)
    if given.keep:
        faces = [np.asarray(Image.open(folder / f"{int(number):03d}.png")) for number in given.keep.split(",")]
        rows = [np.concatenate(faces[at : at + COLUMNS], 1) for at in range(0, len(faces), COLUMNS)]
        given.to.write_bytes(marks.in_jpeg(encode_jpeg(np.concatenate(rows), QUALITY), marks.DRAWN))
        print(f'File("builtin:{given.to.name}", "{sha256(given.to)}", role="sheet"),  # {len(faces)} faces')
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
