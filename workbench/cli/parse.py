"""Write a part map for every photo of a folder."""

import argparse
from pathlib import Path
from typing import Any

from workbench import batch
from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a folder of photos, or one photo")
    parser.add_argument("--model", default="compact", help="catalogue id of a parser (default: compact)")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="where <stem>.png goes: a palette PNG of part indices, at the photo's size",
    )
    parser.add_argument("--workers", type=int, default=2, help="photos at a time (default: 2)")
    parser.add_argument(
        "--no-face", choices=["fail", "background"], default="fail", help="what a photo without a face is"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench

    bench = Workbench(settings)
    bench.spec(args.model, "parsing")
    workers = max(1, min(args.workers, 16))
    _share_cores(workers)
    photos = batch.photos(args.folder)
    targets = batch.targets(photos, args.folder, args.out, ".png")
    finder, parser = bench.finder(), bench.parser(args.model)

    def work(path: Path) -> list[dict[str, Any]]:
        return _parse(path, targets[path], finder, parser, settings, args.no_face)

    account = batch.run(photos, work, done=lambda path: targets[path].is_file(), workers=workers, label="parse")
    batch.merge_csv(args.out / "summary.csv", {targets[path].name: rows for path, rows in account.done.items()})
    return account.tell()


def _share_cores(workers: int) -> None:
    """Give each worker its share of the cores: workers that all use all cores wait for each other."""
    import os

    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))


def _parse(
    path: Path, target: Path, finder: Any, parser: Any, settings: Settings, no_face: str
) -> list[dict[str, Any]]:
    import numpy as np

    from workbench import images
    from workbench.errors import NoFace
    from workbench.tasks.detection import find_faces
    from workbench.tasks.parsing import parse
    from workbench.tasks.parsing_export import measure_parts, palette_png
    from workbench.values import Parsing

    image = images.decode(path, settings)
    faces = find_faces(image, finder)
    if not faces and no_face == "fail":
        raise NoFace("no face was found (use --no-face background to write an empty map)")
    empty = np.zeros(image.shape[:2], np.uint8)
    parsing = parse(image, parser, faces) if faces else Parsing(empty, empty, (), "none")
    batch.write_atomically(target, palette_png(parsing))
    return measure_parts(image, parsing)
