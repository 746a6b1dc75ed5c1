"""Write one page of everything that is known of a photo: parts, points, pose, quality, expression, age, heatmap,
recognisers."""

import argparse
from pathlib import Path

from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The photo and where the page goes."""
    parser.add_argument("photo", type=Path, help="a photo with at least one face")
    parser.add_argument("--out", type=Path, help="the page (default: <photo>_glance.html here)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Look at the photo with the first model of every kind that is here."""
    from workbench import images
    from workbench.bench import Workbench
    from workbench.errors import NoFace
    from workbench.glance.look import glance
    from workbench.glance.page import page
    from workbench.photo import Found
    from workbench.tasks.detection import find_faces

    bench = Workbench(settings)
    photo = images.read(args.photo, settings)
    faces = find_faces(photo.image, bench.finder())
    if not faces:
        raise NoFace(width=photo.image.shape[1], height=photo.image.shape[0])
    found = glance(Found(photo, tuple(faces)), bench.readers(), bench.default_recognisers())
    out = args.out or Path(f"{args.photo.stem}_glance.html")
    out.write_text(page(found), encoding="utf-8")
    print(f"Wrote {out}: {len(faces)} face{'s' if len(faces) != 1 else ''}.")
    return 0
